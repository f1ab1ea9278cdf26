/*
 * What JSON.parse notices by the way: keys that Go's encoding/json would take and JavaScript would not, which
 * hardly any document has. src/spec/go-json.ts, which costs time, is asked about those documents alone. Part
 * of quickjs.c, and written as that is; scripts/engine/json-keys.ts puts it there.
 *
 * Each key of an object comes here. Nearly all are keys of the schemas, which one bit says; the others, those
 * of annotations for instance, are compared with the few keys of their length, as Go compares them (fold.go
 * of encoding/json): the only characters beyond ASCII that Unicode folds to a letter of ASCII are U+017F and
 * U+212A.
 */

static int json_fold(int c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A' + 'a';
    return c == 0x17f ? 's' : c == 0x212a ? 'k' : c;
}

static BOOL json_folds_alike(const JSString *a, const JSString *b)
{
    for (uint32_t i = 0; i < a->len; i++)
        if (json_fold(string_get(a, i)) != json_fold(string_get(b, i)))
            return FALSE;
    return TRUE;
}

static void json_note_key(JSRuntime *rt, JSAtom key, BOOL twice)
{
    if (key < rt->json.known_end && (rt->json.known[key >> 3] >> (key & 7) & 1)) {
        if (twice)
            rt->json.notes |= TWICE;
        return;
    }
    if (__JS_AtomIsTaggedInt(key) || (rt->json.notes & IN_ANOTHER_CASE))
        return;
    const JSString *text = rt->atom_array[key];
    if (text->len > LONGEST_KEY)
        return;
    for (int i = rt->json.start[text->len]; i < rt->json.start[text->len + 1]; i++)
        if (json_folds_alike(text, rt->atom_array[rt->json.keys[i]]))
            rt->json.notes |= IN_ANOTHER_CASE;
}

/* knowJsonKeys(keys): no more than 255, the shortest first; once, when the snapshot is made */
JSValue native_know_json_keys(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    JSRuntime *rt = ctx->rt;
    int64_t count;
    int length = 0;
    if (js_get_length64(ctx, &count, argv[0]))
        return JS_EXCEPTION;
    if (count > 255)
        return JS_ThrowRangeError(ctx, "too many keys");
    rt->json.keys = js_malloc(ctx, (count + 1) * sizeof(JSAtom));
    if (!rt->json.keys)
        return JS_EXCEPTION;
    for (int i = 0; i < count; i++) {
        JSValue name = JS_GetPropertyUint32(ctx, argv[0], i);
        JSAtom key = JS_ValueToAtom(ctx, name); /* held for good */
        JS_FreeValue(ctx, name);
        int own = rt->atom_array[key]->len;
        if (own < length || own > LONGEST_KEY)
            return JS_ThrowRangeError(ctx, "a key is too long, or in the wrong place");
        while (length < own)
            rt->json.start[++length] = i;
        rt->json.keys[i] = key;
        if (key >= rt->json.known_end)
            rt->json.known_end = key + 1;
    }
    while (length <= LONGEST_KEY)
        rt->json.start[++length] = count;
    rt->json.known = js_mallocz(ctx, rt->json.known_end / 8 + 1);
    if (!rt->json.known)
        return JS_EXCEPTION;
    for (int i = 0; i < count; i++)
        rt->json.known[rt->json.keys[i] >> 3] |= 1 << (rt->json.keys[i] & 7);
    return JS_UNDEFINED;
}

/* jsonNotes(): what JSON.parse has noticed since it began last */
JSValue native_json_notes(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    return JS_NewInt32(ctx, ctx->rt->json.notes);
}
