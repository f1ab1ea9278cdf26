/*
 * Writes the operations of a message, and reads their results, for src/proxy/wire/shortcuts.ts: those whose
 * arguments are numbers, text, results, data, and memory that has a place. Part of quickjs.c, and written as
 * that is; scripts/engine/operations.ts puts it there.
 */

/* What batch.ts says of a message. */
struct message {
    const struct operation_words *words;
    JSObject *numbers; /* of the system calls, by name */
    uint8_t *bytes;
    int64_t base; /* the place of the first operation */
    int32_t batch;
    int32_t position; /* of the next operation */
    int32_t length; /* of the message so far, bytes */
    /* Fields of data that the operation in work has put into the message, and what they said before. */
    JSValue *placed[6], before[6];
    int placed_count;
};

/* A plain field of the object itself. NULL if there is none. */
static JSValue *operation_field(JSValueConst of, JSAtom name)
{
    JSShapeProperty *found;
    JSProperty *property;
    if (JS_VALUE_GET_TAG(of) != JS_TAG_OBJECT)
        return NULL;
    found = find_own_property(&property, JS_VALUE_GET_OBJ(of), name);
    return found && !(found->flags & JS_PROP_TMASK) ? &property->u.value : NULL;
}

static BOOL operation_says(JSRuntime *rt, const JSValue *value, JSAtom word)
{
    return value && JS_VALUE_GET_TAG(*value) == JS_TAG_STRING &&
        JS_VALUE_GET_STRING(*value) == rt->atom_array[word];
}

/* A whole number that a double can hold exactly. */
static BOOL operation_number(const JSValue *value, int64_t *number)
{
    if (!value)
        return FALSE;
    if (JS_VALUE_GET_TAG(*value) == JS_TAG_INT) {
        *number = JS_VALUE_GET_INT(*value);
        return TRUE;
    }
    if (!JS_TAG_IS_FLOAT64(JS_VALUE_GET_TAG(*value)))
        return FALSE;
    double given = JS_VALUE_GET_FLOAT64(*value);
    if (!(given >= -9007199254740991.0 && given <= 9007199254740991.0))
        return FALSE;
    *number = (int64_t)given;
    return *number == given;
}

/* Appends a C string of ASCII. */
static BOOL operation_text(struct message *m, const JSString *text, int64_t *address)
{
    if (text->is_wide_char || m->length + text->len >= DATA_LIMIT)
        return FALSE;
    uint8_t *to = m->bytes + m->length;
    for (uint32_t i = 0; i < text->len; i++) {
        if (text->u.str8[i] == 0 || text->u.str8[i] >= 0x80)
            return FALSE;
        to[i] = text->u.str8[i];
    }
    to[text->len] = 0;
    *address = BUFFER + m->length;
    m->length += (text->len + 1 + 7) & ~7;
    return TRUE;
}

/* Appends data that does not point to other data. */
static BOOL operation_data(struct message *m, JSValueConst of, int64_t *address)
{
    const struct operation_words *w = m->words;
    JSValue *batch = operation_field(of, w->batch), *place = operation_field(of, w->address);
    const JSValue *bytes = operation_field(of, w->bytes), *pointers = operation_field(of, w->pointers);
    if (!batch || JS_VALUE_HAS_REF_COUNT(*batch) || !place || JS_VALUE_HAS_REF_COUNT(*place) || !bytes ||
        JS_VALUE_GET_TAG(*bytes) != JS_TAG_OBJECT || operation_field(of, w->pieces) ||
        (pointers && JS_VALUE_GET_TAG(*pointers) != JS_TAG_UNDEFINED))
        return FALSE;
    const JSObject *array = JS_VALUE_GET_OBJ(*bytes);
    if (array->class_id != JS_CLASS_UINT8_ARRAY || m->length + (int64_t)array->u.array.count > DATA_LIMIT)
        return FALSE;
    memcpy(m->bytes + m->length, array->u.array.u.uint8_ptr, array->u.array.count);
    m->placed[m->placed_count] = batch;
    m->before[m->placed_count++] = *batch;
    *batch = JS_NewInt32(NULL, m->batch);
    *place = JS_NewInt32(NULL, BUFFER + m->length);
    *address = BUFFER + m->length;
    m->length += (array->u.array.count + 7) & ~7;
    return TRUE;
}

static BOOL operation_argument(JSRuntime *rt, struct message *m, const JSValue *argument, int64_t *word,
                               BOOL *is_result)
{
    const struct operation_words *w = m->words;
    const JSValue *kind;
    int64_t number;
    *is_result = FALSE;
    if (operation_number(argument, word))
        return TRUE;
    if (JS_VALUE_GET_TAG(*argument) == JS_TAG_STRING)
        return operation_text(m, JS_VALUE_GET_STRING(*argument), word);
    kind = operation_field(*argument, w->kind);
    if (operation_says(rt, kind, w->shown))
        return operation_number(operation_field(*argument, w->value), word);
    if (operation_says(rt, kind, w->operation)) {
        if (!operation_number(operation_field(*argument, w->place), &number))
            return FALSE;
        if (number < m->base || number >= m->base + m->position)
            return operation_number(operation_field(*argument, w->result), word) && *word >= 0;
        *is_result = TRUE;
        *word = BUFFER + HEADER_SIZE + (number - m->base) * OPERATION_SIZE + RESULT_OFFSET;
        return TRUE;
    }
    if (!operation_says(rt, kind, w->data) && !operation_says(rt, kind, w->out))
        return FALSE;
    if (operation_number(operation_field(*argument, w->batch), &number) && number == m->batch)
        return operation_number(operation_field(*argument, w->address), word);
    return operation_says(rt, kind, w->data) && operation_data(m, *argument, word);
}

static BOOL operation_is(JSValueConst of, JSAtom name)
{
    const JSValue *value = operation_field(of, name);
    return value && JS_VALUE_GET_TAG(*value) == JS_TAG_BOOL && JS_VALUE_GET_BOOL(*value);
}

/* Writes one operation, or nothing that counts. */
static BOOL operation_write(JSContext *ctx, struct message *m, JSValueConst of)
{
    JSRuntime *rt = ctx->rt;
    const struct operation_words *w = m->words;
    uint32_t *to = (uint32_t *)(m->bytes + HEADER_SIZE + m->position * OPERATION_SIZE);
    int32_t length = m->length;
    uint32_t flags = 0;
    int64_t number;
    if (!operation_says(rt, operation_field(of, w->kind), w->operation))
        return FALSE;
    const JSValue *call = operation_field(of, w->call);
    if (!call || JS_VALUE_GET_TAG(*call) != JS_TAG_STRING || !JS_VALUE_GET_STRING(*call)->atom_type)
        return FALSE;
    JSAtom name = js_get_atom_index(rt, JS_VALUE_GET_STRING(*call));
    if (!operation_number(operation_field(JS_MKPTR(JS_TAG_OBJECT, m->numbers), name), &number))
        return FALSE;
    JSValue *place = operation_field(of, w->place);
    const JSValue *args = operation_field(of, w->args);
    if (!place || JS_VALUE_HAS_REF_COUNT(*place) || !args || JS_VALUE_GET_TAG(*args) != JS_TAG_OBJECT)
        return FALSE;
    const JSObject *list = JS_VALUE_GET_OBJ(*args);
    if (list->class_id != JS_CLASS_ARRAY || !list->fast_array || list->u.array.count > 6)
        return FALSE;
    const JSValue *only = operation_field(of, w->only);
    if (operation_says(rt, only, w->child))
        flags |= CHILD_ONLY;
    else if (operation_says(rt, only, w->parent))
        flags |= PARENT_ONLY;
    else if (only && JS_VALUE_GET_TAG(*only) != JS_TAG_UNDEFINED)
        return FALSE; /* an equal text, which is not the word itself */
    /* From here on only an argument can be one that is left to batch.ts. */
    m->placed_count = 0;
    for (uint32_t i = 0; i < list->u.array.count; i++) {
        int64_t word;
        BOOL is_result;
        if (!operation_argument(rt, m, &list->u.array.u.values[i], &word, &is_result)) {
            m->length = length;
            while (m->placed_count > 0) {
                m->placed_count--;
                *m->placed[m->placed_count] = m->before[m->placed_count];
            }
            return FALSE;
        }
        if (is_result)
            flags |= 1 << i;
        to[(ARGUMENTS_OFFSET >> 2) + i * 2] = word;
        to[(ARGUMENTS_OFFSET >> 2) + i * 2 + 1] = word >> 32;
    }
    if (operation_is(of, w->clones))
        flags |= CLONES;
    if (operation_is(of, w->goOn))
        flags |= GO_ON;
    if (operation_is(of, w->retries))
        flags |= RETRIES << RETRIES_SHIFT;
    to[0] = number;
    to[1] = flags;
    to[(RESULT_OFFSET + 4) >> 2] = NOT_DONE_HIGH;
    *place = JS_NewInt64(ctx, m->base + m->position);
    m->position++;
    return TRUE;
}

/* A list of the object itself, whose elements lie one after the other. NULL if it has no such list. */
static const JSObject *operation_list(JSValueConst of, JSAtom name)
{
    const JSValue *list = operation_field(of, name);
    if (!list || JS_VALUE_GET_TAG(*list) != JS_TAG_OBJECT)
        return NULL;
    const JSObject *array = JS_VALUE_GET_OBJ(*list);
    return array->class_id == JS_CLASS_ARRAY && array->fast_array ? array : NULL;
}

/*
 * Writes operations that repeat earlier ones with other texts, or nothing that counts. `has_pending` says
 * whether results of earlier messages are to be filled in.
 */
static BOOL operation_repeat(JSRuntime *rt, struct message *m, JSValueConst of, size_t size, BOOL has_pending)
{
    const struct operation_words *w = m->words;
    const JSValue *like = operation_field(of, w->like);
    int32_t length = m->length;
    int64_t number;
    if (!like || !operation_says(rt, operation_field(of, w->kind), w->repeat))
        return FALSE;
    const JSObject *operations = operation_list(*like, w->operations);
    const JSObject *results = operation_list(*like, w->results), *others = operation_list(*like, w->others);
    const JSObject *places = operation_list(*like, w->texts);
    const JSObject *texts = operation_list(of, w->texts);
    if (!operations || !results || !places || !others || !texts || operations->u.array.count == 0 ||
        places->u.array.count != texts->u.array.count || (has_pending && others->u.array.count > 0))
        return FALSE;
    int64_t count = operations->u.array.count;
    if (!operation_number(operation_field(operations->u.array.u.values[0], w->place), &number) ||
        number < m->base || number + count > m->base + m->position ||
        HEADER_SIZE + (m->position + count) * OPERATION_SIZE > size)
        return FALSE;
    int32_t first = number - m->base;
    uint32_t *to = (uint32_t *)(m->bytes + HEADER_SIZE + m->position * OPERATION_SIZE);
    memcpy(to, m->bytes + HEADER_SIZE + first * OPERATION_SIZE, count * OPERATION_SIZE);
    for (uint32_t i = 0; i < results->u.array.count; i++) {
        if (!operation_number(&results->u.array.u.values[i], &number) || number < 0 ||
            number >= count * (OPERATION_SIZE >> 2))
            return FALSE;
        to[number] += (m->position - first) * OPERATION_SIZE;
    }
    for (uint32_t i = 0; i < texts->u.array.count; i++) {
        JSValue text = texts->u.array.u.values[i];
        int64_t address;
        if (!operation_number(&places->u.array.u.values[i], &number) || number < 0 ||
            number >= count * (OPERATION_SIZE >> 2) || JS_VALUE_GET_TAG(text) != JS_TAG_STRING ||
            !operation_text(m, JS_VALUE_GET_STRING(text), &address)) {
            m->length = length;
            return FALSE;
        }
        to[number] = address;
    }
    m->position += count;
    return TRUE;
}

/*
 * writeOperations(entries, from, memory, numbers, cursor, base, batch): the cursor has the position of the
 * next operation, the length of the message, and the number of results that are to be filled in. Returns the
 * index of the first entry that is not written.
 */
JSValue native_write_operations(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    struct message m = { &ctx->rt->operations };
    size_t size, cursor_size;
    int64_t from, batch;
    JSObject *entries;
    int32_t *cursor;
    if (JS_VALUE_GET_TAG(argv[0]) != JS_TAG_OBJECT || JS_VALUE_GET_TAG(argv[3]) != JS_TAG_OBJECT)
        return JS_ThrowTypeError(ctx, "no list of entries, or no numbers");
    entries = JS_VALUE_GET_OBJ(argv[0]);
    m.numbers = JS_VALUE_GET_OBJ(argv[3]);
    m.bytes = JS_GetArrayBuffer(ctx, &size, argv[2]);
    cursor = (int32_t *)JS_GetArrayBuffer(ctx, &cursor_size, argv[4]);
    if (!m.bytes || !cursor)
        return JS_EXCEPTION;
    if (!operation_number(&argv[1], &from) || !operation_number(&argv[5], &m.base) ||
        !operation_number(&argv[6], &batch) || cursor_size < 3 * sizeof(*cursor) || size < DATA_LIMIT ||
        from < 0 || cursor[0] < 0 || cursor[1] < 0)
        return JS_ThrowRangeError(ctx, "no message can be written");
    m.batch = batch;
    m.position = cursor[0];
    m.length = cursor[1];
    if (entries->class_id == JS_CLASS_ARRAY && entries->fast_array) {
        while (from < entries->u.array.count &&
               HEADER_SIZE + (m.position + 1) * OPERATION_SIZE <= size &&
               (operation_write(ctx, &m, entries->u.array.u.values[from]) ||
                operation_repeat(ctx->rt, &m, entries->u.array.u.values[from], size, cursor[2] > 0)))
            from++;
    }
    cursor[0] = m.position;
    cursor[1] = m.length;
    return JS_NewInt64(ctx, from);
}

/*
 * readResults(entries, from, memory, at): gives operations their results, the first of which is at byte `at`.
 * Returns the index of the first entry that is no operation.
 */
JSValue native_read_results(JSContext *ctx, JSValueConst this_val, int argc, JSValueConst *argv)
{
    const struct operation_words *w = &ctx->rt->operations;
    size_t size;
    int64_t from, at;
    if (JS_VALUE_GET_TAG(argv[0]) != JS_TAG_OBJECT)
        return JS_ThrowTypeError(ctx, "no list of entries");
    JSObject *entries = JS_VALUE_GET_OBJ(argv[0]);
    const uint8_t *bytes = JS_GetArrayBuffer(ctx, &size, argv[2]);
    if (!bytes)
        return JS_EXCEPTION;
    if (!operation_number(&argv[1], &from) || !operation_number(&argv[3], &at) || from < 0 || at < 0)
        return JS_ThrowRangeError(ctx, "no results can be read");
    if (entries->class_id != JS_CLASS_ARRAY || !entries->fast_array)
        return JS_NewInt64(ctx, from);
    for (; from < entries->u.array.count && at + 8 <= size; from++, at += OPERATION_SIZE) {
        JSValue of = entries->u.array.u.values[from];
        JSValue *result = operation_field(of, w->result);
        if (!operation_says(ctx->rt, operation_field(of, w->kind), w->operation) ||
            !result || JS_VALUE_HAS_REF_COUNT(*result))
            break;
        int64_t number = get_u64(bytes + at);
        *result = number >> 32 == (int32_t)NOT_DONE_HIGH ? JS_UNDEFINED : JS_NewInt64(ctx, number);
    }
    return JS_NewInt64(ctx, from);
}

/* Once, when the snapshot is made. */
void know_operations(JSContext *ctx)
{
    struct operation_words *w = &ctx->rt->operations;
#define WORD(name) w->name = JS_NewAtom(ctx, #name);
    FIELDS(WORD)
    WORDS(WORD)
#undef WORD
}
