// Fixes of our own to QuickJS, for when an allocation is refused: what was freed was used, what was missing
// was written to, or an error was made without end. Nearly always tsrun reports the end of memory before the
// engine notices it (docs/adr/0017-end-of-memory.md). `make fuzz-engine` refuses each allocation of small
// programs. Called by quickjs.ts. Pure.

import type { Change } from "./changes.ts";

/** The object lives while its own trace is made: another exception may take its place. */
const BACKTRACE: readonly Change[] = [
  {
    find: `    js_dbuf_init(ctx, &dbuf);
    if (filename) {
        dbuf_printf(&dbuf, "    at %s", filename);
`,
    replace: `    /* without memory for an error, null is thrown */
    if (JS_VALUE_GET_TAG(error_obj) != JS_TAG_OBJECT)
        return;
    JS_DupValue(ctx, error_obj);
    js_dbuf_init(ctx, &dbuf);
    if (filename) {
        dbuf_printf(&dbuf, "    at %s", filename);
`,
  },
  {
    find: `        str = JS_NewString(ctx, filename);
        /* Note: SpiderMonkey does that`,
    replace: `        str = JS_NewString(ctx, filename);
        if (JS_IsException(str))
            str = JS_NULL;
        /* Note: SpiderMonkey does that`,
  },
  {
    find: `        str = JS_NewString(ctx, (char *)dbuf.buf);
    dbuf_free(&dbuf);
    JS_DefinePropertyValue(ctx, error_obj, JS_ATOM_stack, str,
                           JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE);
`,
    replace: `        str = JS_NewString(ctx, (char *)dbuf.buf);
    dbuf_free(&dbuf);
    if (JS_IsException(str))
        str = JS_NULL;
    JS_DefinePropertyValue(ctx, error_obj, JS_ATOM_stack, str,
                           JS_PROP_WRITABLE | JS_PROP_CONFIGURABLE);
    JS_FreeValue(ctx, error_obj);
`,
  },
  {
    find: `        JS_DefinePropertyValue(ctx, obj, JS_ATOM_message,
                               JS_NewString(ctx, buf),
`,
    replace: `        JSValue message = JS_NewString(ctx, buf);
        if (unlikely(JS_IsException(message)))
            message = JS_AtomToString(ctx, JS_ATOM_empty_string);
        JS_DefinePropertyValue(ctx, obj, JS_ATOM_message, message,
`,
  },
];

export const END_OF_MEMORY: readonly Change[] = [
  ...BACKTRACE,
  {
    // Without memory for a new name an exception was announced, and there was none.
    find: `    /* XXX: should generate an exception */
    return __JS_NewAtom(rt, p, JS_ATOM_TYPE_STRING);
`,
    replace: `    JSAtom atom = __JS_NewAtom(rt, p, JS_ATOM_TYPE_STRING);
    if (unlikely(atom == JS_ATOM_NULL))
        JS_ThrowOutOfMemory(ctx);
    return atom;
`,
  },
  {
    // An array that Array.prototype.map or another method makes: it gets its length as a new property.
    find: `                pr = add_property(ctx, p, JS_ATOM_length,
                                  JS_PROP_WRITABLE | JS_PROP_LENGTH);
`,
    replace: `                pr = add_property(ctx, p, JS_ATOM_length,
                                  JS_PROP_WRITABLE | JS_PROP_LENGTH);
                if (unlikely(!pr)) {
                    sh = p->shape;
                    js_free(ctx, p->prop);
                    js_free(ctx, p);
                    goto fail;
                }
`,
  },
  {
    // A generator or asynchronous function without memory for its variables stayed in the list of objects.
    find: `    if (!sf->arg_buf) {
        js_free(ctx, s);
        return NULL;
    }
    sf->cur_func = JS_DupValue(ctx, func_obj);
    s->this_val`,
    replace: `    if (!sf->arg_buf) {
        remove_gc_object(&s->header);
        js_free(ctx, s);
        return NULL;
    }
    sf->cur_func = JS_DupValue(ctx, func_obj);
    s->this_val`,
  },
  {
    // A function of Function.prototype.bind without memory for what it binds.
    find: `    JSBoundFunction *bf = p->u.bound_function;
    int i;

    JS_FreeValueRT(rt, bf->func_obj);
`,
    replace: `    JSBoundFunction *bf = p->u.bound_function;
    int i;

    if (!bf)
        return;
    JS_FreeValueRT(rt, bf->func_obj);
`,
  },
];
