// What JSON.parse of the engine notices by the way: keys that Go's encoding/json would take and JavaScript
// would not, which hardly any document has. src/spec/go-json.ts, which costs time, is asked about those
// documents alone. Changes to quickjs.c, called by quickjs.ts.

import type { Change } from "./changes.ts";

/** What is noticed, as bits; src/engine/json-keys.ts has them too. */
const IN_ANOTHER_CASE = 1;
const TWICE = 2;

/** Longer than any key of the schemas. */
const LONGEST = 40;

const FIELDS = `    uint8_t *json_known; /* a bit for each atom: whether it is a key of the schemas */
    uint32_t json_known_end;
    JSAtom *json_keys; /* those keys, the shortest first */
    uint8_t json_start[${LONGEST + 2}]; /* where those of a length begin in the list */
    int json_notes;
`;

/**
 * Each key of an object comes here. Nearly all are keys of the schemas, which one bit says; the others, those
 * of annotations for instance, are compared with the few keys of their length, as Go compares them (fold.go
 * of encoding/json): the only characters beyond ASCII that Unicode folds to a letter of ASCII are U+017F and
 * U+212A.
 */
const FUNCTIONS = `
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
    if (key < rt->json_known_end && (rt->json_known[key >> 3] >> (key & 7) & 1)) {
        if (twice)
            rt->json_notes |= ${TWICE};
        return;
    }
    if (__JS_AtomIsTaggedInt(key) || (rt->json_notes & ${IN_ANOTHER_CASE}))
        return;
    const JSString *text = rt->atom_array[key];
    if (text->len > ${LONGEST})
        return;
    for (int i = rt->json_start[text->len]; i < rt->json_start[text->len + 1]; i++)
        if (json_folds_alike(text, rt->atom_array[rt->json_keys[i]]))
            rt->json_notes |= ${IN_ANOTHER_CASE};
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
    rt->json_keys = js_malloc(ctx, (count + 1) * sizeof(JSAtom));
    if (!rt->json_keys)
        return JS_EXCEPTION;
    for (int i = 0; i < count; i++) {
        JSValue name = JS_GetPropertyUint32(ctx, argv[0], i);
        JSAtom key = JS_ValueToAtom(ctx, name); /* held for good */
        JS_FreeValue(ctx, name);
        int own = rt->atom_array[key]->len;
        if (own < length || own > ${LONGEST})
            return JS_ThrowRangeError(ctx, "a key is too long, or in the wrong place");
        while (length < own)
            rt->json_start[++length] = i;
        rt->json_keys[i] = key;
        if (key >= rt->json_known_end)
            rt->json_known_end = key + 1;
    }
    while (length <= ${LONGEST})
        rt->json_start[++length] = count;
    rt->json_known = js_mallocz(ctx, rt->json_known_end / 8 + 1);
    if (!rt->json_known)
        return JS_EXCEPTION;
    for (int i = 0; i < count; i++)
        rt->json_known[rt->json_keys[i] >> 3] |= 1 << (rt->json_keys[i] & 7);
    return JS_UNDEFINED;
}

/* jsonNotes(): what JSON.parse has noticed since it began last */
JSValue native_json_notes(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    return JS_NewInt32(ctx, ctx->rt->json_notes);
}
`;

export const JSON_KEYS: readonly Change[] = [
  {
    find: "struct JSRuntime {\n    JSMallocFunctions mf;\n    JSMallocState malloc_state;\n",
    replace: `struct JSRuntime {\n    JSMallocFunctions mf;\n    JSMallocState malloc_state;\n${FIELDS}`,
  },
  { find: "\n/* JSON */\n", replace: `\n/* JSON */\n${FUNCTIONS}` },
  {
    // A key that is there already adds no property to the object's shape.
    find: `                    ret = JS_DefinePropertyValue(ctx, val, prop_name,
                                                 prop_val, JS_PROP_C_W_E);
                    JS_FreeAtom(ctx, prop_name);
`,
    replace: `                    int properties = JS_VALUE_GET_OBJ(val)->shape->prop_count;
                    ret = JS_DefinePropertyValue(ctx, val, prop_name,
                                                 prop_val, JS_PROP_C_W_E);
                    json_note_key(ctx->rt, prop_name,
                                  JS_VALUE_GET_OBJ(val)->shape->prop_count == properties);
                    JS_FreeAtom(ctx, prop_name);
`,
  },
  {
    find: "    s->ext_json = ((flags & JS_PARSE_JSON_EXT) != 0);\n",
    replace: "    s->ext_json = ((flags & JS_PARSE_JSON_EXT) != 0);\n    ctx->rt->json_notes = 0;\n",
  },
];
