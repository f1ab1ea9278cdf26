// Object literals get all their fields at once. The engine makes an empty object and adds one field after the
// other, and each time looks for, copies or grows the description of the object's fields, its shape. Here the
// compiler makes an object for each literal, with the fields at its beginning that are plain. New objects get
// the shape of that one, and the values are put in their places. Nobody sees an object before its literal is
// complete. Called by quickjs.ts. Pure.

import type { Change } from "./changes.ts";

/** In quickjs-opcode.h. */
export const LITERAL_OPCODES: readonly Change[] = [
  {
    find: "DEF( special_object, 2, 0, 1, u8)",
    replace: "DEF(    object_like, 5, 0, 1, const)\nDEF( special_object, 2, 0, 1, u8)",
  },
];

/** In quickjs.c. */
export const LITERALS: readonly Change[] = [
  {
    find: "        CASE(OP_special_object):\n",
    replace: `        CASE(OP_object_like):
            {
                JSShape *sh = JS_VALUE_GET_OBJ(b->cpool[get_u32(pc)])->shape;
                pc += 4;
                *sp++ = JS_NewObjectFromShape(ctx, js_dup_shape(sh), JS_CLASS_OBJECT);
                if (unlikely(JS_IsException(sp[-1])))
                    goto exception;
                JSProperty *pr = JS_VALUE_GET_OBJ(sp[-1])->prop;
                for (int n = sh->prop_count; n > 0; n--, pr++)
                    pr->u.value = JS_UNDEFINED;
            }
            BREAK;
        CASE(OP_special_object):
`,
  },
  {
    find: `                int ret;
                JSAtom atom;
                atom = get_u32(pc);
                pc += 4;

                ret = JS_DefinePropertyValue(ctx, sp[-2], atom, sp[-1],
                                             JS_PROP_C_W_E | JS_PROP_THROW);
`,
    replace: `                int ret;
                JSAtom atom;
                atom = get_u32(pc);
                pc += 4;

                if (likely(JS_VALUE_GET_TAG(sp[-2]) == JS_TAG_OBJECT)) {
                    JSProperty *pr;
                    JSShapeProperty *prs = find_own_property(&pr, JS_VALUE_GET_OBJ(sp[-2]), atom);
                    if (prs && !JS_VALUE_GET_OBJ(sp[-2])->is_exotic &&
                        (prs->flags & (JS_PROP_TMASK | JS_PROP_LENGTH | JS_PROP_C_W_E)) == JS_PROP_C_W_E) {
                        set_value(ctx, &pr->u.value, sp[-1]);
                        sp--;
                        BREAK;
                    }
                }
                ret = JS_DefinePropertyValue(ctx, sp[-2], atom, sp[-1],
                                             JS_PROP_C_W_E | JS_PROP_THROW);
`,
  },
  {
    find: "static __exception int js_parse_object_literal(JSParseState *s)\n{\n",
    replace: `/* The fields at the beginning of an object literal. */
typedef struct {
    JSValue object; /* has them */
    int count;
    BOOL is_open; /* more may come */
    int place; /* of OP_object_like */
} literal_fields;

static int literal_begin(JSParseState *s, literal_fields *fields)
{
    fields->object = JS_NewObject(s->ctx);
    fields->count = 0;
    /* What the module level makes is made once. */
    fields->is_open = s->cur_func->parent != NULL;
    emit_op(s, OP_object_like);
    fields->place = s->cur_func->byte_code.size - 1;
    emit_u32(s, 0);
    return JS_IsException(fields->object) ? -1 : 0;
}

static int literal_field(JSParseState *s, literal_fields *fields, JSAtom name)
{
    if (!fields->is_open)
        return 0;
    if (__JS_AtomIsTaggedInt(name) || find_own_property1(JS_VALUE_GET_OBJ(fields->object), name)) {
        fields->is_open = FALSE;
        return 0;
    }
    fields->count++;
    return JS_DefinePropertyValue(s->ctx, fields->object, name, JS_UNDEFINED, JS_PROP_C_W_E) < 0 ? -1 : 0;
}

static int literal_end(JSParseState *s, literal_fields *fields)
{
    JSFunctionDef *fd = s->cur_func;
    uint8_t *code = fd->byte_code.buf + fields->place;
    int constant;
    if (fields->count < 2) {
        JS_FreeValue(s->ctx, fields->object);
        code[0] = OP_object;
        memset(code + 1, OP_nop, 4);
        return 0;
    }
    for (constant = 0; constant < fd->cpool_count; constant++)
        if (JS_VALUE_GET_TAG(fd->cpool[constant]) == JS_TAG_OBJECT &&
            JS_VALUE_GET_OBJ(fd->cpool[constant])->shape == JS_VALUE_GET_OBJ(fields->object)->shape)
            break;
    if (constant < fd->cpool_count)
        JS_FreeValue(s->ctx, fields->object);
    else if (cpool_add(s, fields->object) < 0)
        return -1;
    put_u32(code + 1, constant);
    return 0;
}

static __exception int js_parse_object_literal(JSParseState *s)
{
    literal_fields fields = { JS_UNDEFINED };
`,
  },
  {
    find: `    /* XXX: add an initial length that will be patched back */
    emit_op(s, OP_object);
    has_proto = FALSE;
`,
    replace: `    if (s->token.val == '}') {
        emit_op(s, OP_object);
        return next_token(s);
    }
    if (literal_begin(s, &fields))
        goto fail;
    has_proto = FALSE;
`,
  },
  {
    find: `        if (s->token.val == TOK_ELLIPSIS) {
            if (next_token(s))
                return -1;
            if (js_parse_assign_expr(s))
                return -1;
            emit_op(s, OP_null);  /* dummy excludeList */
`,
    replace: `        if (s->token.val == TOK_ELLIPSIS) {
            fields.is_open = FALSE;
            if (next_token(s))
                goto fail;
            if (js_parse_assign_expr(s))
                goto fail;
            emit_op(s, OP_null);  /* dummy excludeList */
`,
  },
  {
    find: `            emit_u16(s, s->cur_func->scope_level);
            emit_op(s, OP_define_field);
            emit_atom(s, name);
        } else if (s->token.val == '(') {
`,
    replace: `            emit_u16(s, s->cur_func->scope_level);
            emit_op(s, OP_define_field);
            emit_atom(s, name);
            if (literal_field(s, &fields, name))
                goto fail;
        } else if (s->token.val == '(') {
            fields.is_open = FALSE;
`,
  },
  {
    find: `                /* must be done before evaluating expr */
                emit_op(s, OP_to_propkey);
            }
            if (js_parse_expect(s, ':'))
                goto fail;
            if (js_parse_assign_expr(s))
                goto fail;
            if (name == JS_ATOM_NULL) {
                set_object_name_computed(s);
                emit_op(s, OP_define_array_el);
                emit_op(s, OP_drop);
            } else if (name == JS_ATOM___proto__) {
                if (has_proto) {
`,
    replace: `                /* must be done before evaluating expr */
                emit_op(s, OP_to_propkey);
            }
            if (js_parse_expect(s, ':'))
                goto fail;
            if (js_parse_assign_expr(s))
                goto fail;
            if (name == JS_ATOM_NULL) {
                fields.is_open = FALSE;
                set_object_name_computed(s);
                emit_op(s, OP_define_array_el);
                emit_op(s, OP_drop);
            } else if (name == JS_ATOM___proto__) {
                fields.is_open = FALSE;
                if (has_proto) {
`,
  },
  {
    find: `                set_object_name(s, name);
                emit_op(s, OP_define_field);
                emit_atom(s, name);
            }
        }
        JS_FreeAtom(s->ctx, name);
    next:
        name = JS_ATOM_NULL;
        if (s->token.val != ',')
            break;
        if (next_token(s))
            goto fail;
    }
    if (js_parse_expect(s, '}'))
        goto fail;
    return 0;
 fail:
    JS_FreeAtom(s->ctx, name);
    return -1;
`,
    replace: `                set_object_name(s, name);
                emit_op(s, OP_define_field);
                emit_atom(s, name);
                if (literal_field(s, &fields, name))
                    goto fail;
            }
        }
        JS_FreeAtom(s->ctx, name);
    next:
        name = JS_ATOM_NULL;
        if (s->token.val != ',')
            break;
        if (next_token(s))
            goto fail;
    }
    if (js_parse_expect(s, '}') || literal_end(s, &fields))
        goto fail;
    return 0;
 fail:
    JS_FreeValue(s->ctx, fields.object);
    JS_FreeAtom(s->ctx, name);
    return -1;
`,
  },
];
