// Shorter ways through the engine for what tsrun does most: reading fields, making objects, comparing words.
// Each does what the way beside it does. Called by quickjs.ts. Pure.

import type { Change } from "./changes.ts";

/** A plain field of an object or of its prototypes, or one that none of them has; and a method of a text. */
const READ_FIELD = `                JSObject *p = NULL;
                val = JS_UNINITIALIZED;
                obj = sp[-1];
                if (likely(JS_VALUE_GET_TAG(obj) == JS_TAG_OBJECT))
                    p = JS_VALUE_GET_OBJ(obj);
                else if (JS_VALUE_GET_TAG(obj) == JS_TAG_STRING && !__JS_AtomIsTaggedInt(atom) &&
                         atom != JS_ATOM_length)
                    p = JS_VALUE_GET_OBJ(ctx->class_proto[JS_CLASS_STRING]);
                for (; p; p = p->shape->proto) {
                    JSProperty *pr;
                    JSShapeProperty *prs = find_own_property(&pr, p, atom);
                    if (prs) {
                        if (likely(!(prs->flags & JS_PROP_TMASK)))
                            val = JS_DupValue(ctx, pr->u.value);
                        break;
                    }
                    if (p->is_exotic && (p->class_id != JS_CLASS_ARRAY || __JS_AtomIsTaggedInt(atom)))
                        break;
                    if (!p->shape->proto) {
                        val = JS_UNDEFINED;
                        break;
                    }
                }
                if (unlikely(JS_VALUE_GET_TAG(val) == JS_TAG_UNINITIALIZED))
                    val = JS_GetProperty(ctx, obj, atom);
`;

/** For an opcode that reads a field. */
function readingField(opcode: string): Change {
  const head = (variables: string): string => `        CASE(${opcode}):
            {
                JSValue ${variables};
                JSAtom atom;
                atom = get_u32(pc);
                pc += 4;

                sf->cur_pc = pc;
`;
  const general = "                val = JS_GetProperty(ctx, sp[-1], atom);\n";
  return { find: head("val") + general, replace: head("val, obj") + READ_FIELD };
}

/** For an opcode that calls a function, with this as its `this`. */
function calling(self: string): Change {
  const callee = `                ret_val = JS_CallInternal(ctx, call_argv[-1], ${self},
                                          JS_UNDEFINED, call_argc, call_argv, 0);
`;
  return { find: callee, replace: callee.replace("JS_CallInternal", "js_call_value") };
}

export const SPEED: readonly Change[] = [
  readingField("OP_get_field"),
  readingField("OP_get_field2"),
  {
    // A function of C needs nothing of what an interpreted one needs.
    find: "#define FUNC_RET_INITIAL_YIELD 3\n",
    replace: `#define FUNC_RET_INITIAL_YIELD 3

static inline JSValue js_call_value(JSContext *ctx, JSValueConst func_obj, JSValueConst this_obj,
                                    JSValueConst new_target, int argc, JSValue *argv, int flags)
{
    if (JS_VALUE_GET_TAG(func_obj) == JS_TAG_OBJECT &&
        JS_VALUE_GET_OBJ(func_obj)->class_id == JS_CLASS_C_FUNCTION) {
        if (js_poll_interrupts(ctx))
            return JS_EXCEPTION;
        return js_call_c_function(ctx, func_obj, this_obj, argc, (JSValueConst *)argv, flags);
    }
    return JS_CallInternal(ctx, func_obj, this_obj, new_target, argc, argv, flags);
}
`,
  },
  calling("JS_UNDEFINED"),
  calling("call_argv[-2]"),
  {
    // An object gets a field that it does not have yet, an array the element after its last.
    find: `{
    int ret;
    ret = JS_DefineProperty(ctx, this_obj, prop, val, JS_UNDEFINED, JS_UNDEFINED,
`,
    replace: `{
    int ret;
    if (likely(JS_VALUE_GET_TAG(this_obj) == JS_TAG_OBJECT)) {
        JSObject *p = JS_VALUE_GET_OBJ(this_obj);
        if (likely(!p->is_exotic && p->extensible && !find_own_property1(p, prop))) {
            JSProperty *pr = add_property(ctx, p, prop, flags & JS_PROP_C_W_E);
            if (unlikely(!pr)) {
                JS_FreeValue(ctx, val);
                return -1;
            }
            pr->u.value = val;
            return TRUE;
        }
        if (p->class_id == JS_CLASS_ARRAY && p->fast_array && p->extensible &&
            __JS_AtomIsTaggedInt(prop) && __JS_AtomToUInt32(prop) == p->u.array.count &&
            (flags & JS_PROP_C_W_E) == JS_PROP_C_W_E)
            return add_fast_array_element(ctx, p, val, flags);
    }
    ret = JS_DefineProperty(ctx, this_obj, prop, val, JS_UNDEFINED, JS_UNDEFINED,
`,
  },
  {
    // Words of the program are atoms: two of them are equal if they are the same. Not so a symbol's
    // description, which is the atom of the symbol.
    find: `            OP_CMP(OP_strict_eq, ==, js_strict_eq_slow(ctx, sp, 0));
            OP_CMP(OP_strict_neq, !=, js_strict_eq_slow(ctx, sp, 1));
`,
    replace: `#define OP_CMP_STRICT(opcode, is_neq)                                        \\
            CASE(opcode):                                                    \\
                {                                                            \\
                JSValue op1 = sp[-2], op2 = sp[-1];                          \\
                int tag = JS_VALUE_GET_TAG(op1), res = -1;                   \\
                if (JS_VALUE_IS_BOTH_INT(op1, op2)) {                        \\
                    res = JS_VALUE_GET_INT(op1) == JS_VALUE_GET_INT(op2);    \\
                } else if (tag != JS_VALUE_GET_TAG(op2)) {                   \\
                    if (tag == JS_TAG_UNDEFINED || tag == JS_TAG_OBJECT)     \\
                        res = FALSE;                                         \\
                } else if (tag == JS_TAG_STRING) {                           \\
                    JSString *p1 = JS_VALUE_GET_STRING(op1);                 \\
                    JSString *p2 = JS_VALUE_GET_STRING(op2);                 \\
                    if (p1 == p2 || p1->len != p2->len ||                    \\
                        (p1->atom_type == JS_ATOM_TYPE_STRING &&             \\
                         p2->atom_type == JS_ATOM_TYPE_STRING))              \\
                        res = p1 == p2;                                      \\
                } else if (tag == JS_TAG_OBJECT) {                           \\
                    res = JS_VALUE_GET_OBJ(op1) == JS_VALUE_GET_OBJ(op2);    \\
                } else if (tag == JS_TAG_BOOL) {                             \\
                    res = JS_VALUE_GET_INT(op1) == JS_VALUE_GET_INT(op2);    \\
                }                                                            \\
                if (likely(res >= 0)) {                                      \\
                    JS_FreeValue(ctx, op1);                                  \\
                    JS_FreeValue(ctx, op2);                                  \\
                    sp[-2] = JS_NewBool(ctx, res ^ is_neq);                  \\
                } else {                                                     \\
                    sf->cur_pc = pc;                                         \\
                    js_strict_eq_slow(ctx, sp, is_neq);                      \\
                }                                                            \\
                sp--;                                                        \\
                }                                                            \\
            BREAK

            OP_CMP_STRICT(OP_strict_eq, 0);
            OP_CMP_STRICT(OP_strict_neq, 1);
`,
  },
  {
    // "{ ...object }", when the object has only plain fields whose names are words. If it comes first, the
    // new object gets its shape.
    find: `    gpn_flags = JS_GPN_STRING_MASK | JS_GPN_SYMBOL_MASK | JS_GPN_ENUM_ONLY;
    if (p->is_exotic) {
        const JSClassExoticMethods *em`,
    replace: `    if (!pexcl && !setprop && !p->is_exotic) {
        JSShapeProperty *prs = get_shape_prop(p->shape);
        BOOL plain = TRUE;
        for (i = 0; i < p->shape->prop_count; i++) {
            JSAtom atom = prs[i].atom;
            if (atom == JS_ATOM_NULL)
                continue;
            if ((prs[i].flags & JS_PROP_TMASK) || __JS_AtomIsTaggedInt(atom))
                break;
            plain &= (prs[i].flags & JS_PROP_C_W_E) == JS_PROP_C_W_E;
            JSAtomStruct *name = ctx->rt->atom_array[atom];
            if (name->atom_type != JS_ATOM_TYPE_STRING || (name->len > 0 && is_digit(string_get(name, 0))))
                break;
        }
        JSObject *into = JS_VALUE_GET_OBJ(target);
        if (i == p->shape->prop_count && plain && p->shape->is_hashed && p->shape->deleted_prop_count == 0 &&
            into->class_id == JS_CLASS_OBJECT && into->extensible && into->shape->prop_count == 0 &&
            into->shape->proto == p->shape->proto) {
            JSProperty *prop = js_malloc(ctx, sizeof(JSProperty) * p->shape->prop_size);
            if (unlikely(!prop))
                return -1;
            for (i = 0; i < p->shape->prop_count; i++)
                prop[i].u.value = JS_DupValue(ctx, p->prop[i].u.value);
            js_free(ctx, into->prop);
            js_free_shape(ctx->rt, into->shape);
            into->prop = prop;
            into->shape = js_dup_shape(p->shape);
            return 0;
        }
        if (i == p->shape->prop_count) {
            for (i = 0; i < p->shape->prop_count; i++) {
                prs = get_shape_prop(p->shape) + i;
                if (prs->atom == JS_ATOM_NULL || !(prs->flags & JS_PROP_ENUMERABLE))
                    continue;
                if (JS_DefinePropertyValue(ctx, target, prs->atom, JS_DupValue(ctx, p->prop[i].u.value),
                                           JS_PROP_C_W_E) < 0)
                    return -1;
            }
            return 0;
        }
    }
    gpn_flags = JS_GPN_STRING_MASK | JS_GPN_SYMBOL_MASK | JS_GPN_ENUM_ONLY;
    if (p->is_exotic) {
        const JSClassExoticMethods *em`,
  },
  {
    // A word of the program.
    find: `            *sp++ = JS_AtomToValue(ctx, get_u32(pc));
            pc += 4;
            BREAK;
        CASE(OP_undefined):
`,
    replace: `            {
                JSAtom atom = get_u32(pc);
                pc += 4;
                if (likely(!__JS_AtomIsTaggedInt(atom) &&
                           rt->atom_array[atom]->atom_type == JS_ATOM_TYPE_STRING))
                    *sp++ = JS_DupValue(ctx, JS_MKPTR(JS_TAG_STRING, rt->atom_array[atom]));
                else
                    *sp++ = JS_AtomToValue(ctx, atom);
            }
            BREAK;
        CASE(OP_undefined):
`,
  },
  {
    // The next element of an array.
    find: `        if (typed_array_is_detached(ctx, p)) {
            JS_ThrowTypeErrorDetachedArrayBuffer(ctx);
            goto fail1;
        }
        len = p->u.array.count;
    } else {
        if (js_get_length32(ctx, &len, it->obj)) {
`,
    replace: `        if (typed_array_is_detached(ctx, p)) {
            JS_ThrowTypeErrorDetachedArrayBuffer(ctx);
            goto fail1;
        }
        len = p->u.array.count;
    } else {
        if (p->class_id == JS_CLASS_ARRAY && p->fast_array && it->kind == JS_ITERATOR_KIND_VALUE &&
            it->idx < p->u.array.count) {
            *pdone = FALSE;
            return JS_DupValue(ctx, p->u.array.u.values[it->idx++]);
        }
        if (js_get_length32(ctx, &len, it->obj)) {
`,
  },
  {
    find: `                val = JS_GetProperty(ctx, sp[-1], JS_ATOM_length);
                if (unlikely(JS_IsException(val)))
                    goto exception;
                JS_FreeValue(ctx, sp[-1]);
`,
    replace: `                obj = sp[-1];
                if (JS_VALUE_GET_TAG(obj) == JS_TAG_OBJECT &&
                    JS_VALUE_GET_OBJ(obj)->class_id == JS_CLASS_ARRAY)
                    val = JS_VALUE_GET_OBJ(obj)->prop[0].u.value; /* a number */
                else if (JS_VALUE_GET_TAG(obj) == JS_TAG_STRING)
                    val = JS_NewInt32(ctx, JS_VALUE_GET_STRING(obj)->len);
                else
                    val = JS_GetProperty(ctx, obj, JS_ATOM_length);
                if (unlikely(JS_IsException(val)))
                    goto exception;
                JS_FreeValue(ctx, sp[-1]);
`,
  },
  {
    find: `        CASE(OP_get_length):
            {
                JSValue val;
`,
    replace: `        CASE(OP_get_length):
            {
                JSValue val, obj;
`,
  },
  {
    find: `        CASE(OP_post_dec):
            sf->cur_pc = pc;
            if (js_post_inc_slow(ctx, sp, opcode))
                goto exception;
`,
    replace: `        CASE(OP_post_dec):
            if (likely(JS_VALUE_GET_TAG(sp[-1]) == JS_TAG_INT)) {
                int old = JS_VALUE_GET_INT(sp[-1]);
                if (likely(old != INT32_MAX && old != INT32_MIN)) {
                    sp[0] = JS_NewInt32(ctx, opcode == OP_post_inc ? old + 1 : old - 1);
                    sp++;
                    BREAK;
                }
            }
            sf->cur_pc = pc;
            if (js_post_inc_slow(ctx, sp, opcode))
                goto exception;
`,
  },
  {
    // Called by snapshot.c: a command need not make the table of names larger.
    find: "static size_t count_ascii(const uint8_t *buf, size_t len)\n",
    replace: `int JS_ReserveAtoms(JSRuntime *rt, int count)
{
    int old_size = rt->atom_size, new_size = rt->atom_count + count;
    JSAtomStruct **new_array;
    if (new_size <= old_size)
        return 0;
    new_array = js_realloc_rt(rt, rt->atom_array, sizeof(*new_array) * new_size);
    if (!new_array)
        return -1;
    for (int i = old_size; i < new_size; i++)
        new_array[i] = atom_set_free(i + 1 < new_size ? i + 1 : rt->atom_free_index);
    rt->atom_array = new_array;
    rt->atom_size = new_size;
    rt->atom_free_index = old_size;
    return 0;
}

static size_t count_ascii(const uint8_t *buf, size_t len)
`,
  },
  {
    // Objects of six fields grow twice instead of four times.
    find: "    new_size = max_int(count, sh->prop_size * 3 / 2);\n",
    replace: "    new_size = max_int(count, sh->prop_size * 2);\n",
  },
];
