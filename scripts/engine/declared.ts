// A variable that has its value already need not be checked for that. The engine checks those of `let` and
// `const` each time, since a program might use them before their declaration. In the function that declares
// them, behind the declaration, it cannot, but for two cases. In a `switch`, another case may have jumped
// over the declaration: there the checks stay. And the head of a loop may name the loop's own variable, which
// the compiler of TypeScript refuses. Called by quickjs.ts. Pure.

import type { Change } from "./changes.ts";

export const DECLARED: readonly Change[] = [
  {
    find: "    int first;   /* index into fd->vars of the last variable in this scope */\n",
    replace: `    int first;   /* index into fd->vars of the last variable in this scope */
    BOOL is_switch;
`,
  },
  {
    find: "        fd->scopes[scope].first = fd->scope_first;\n",
    replace: `        fd->scopes[scope].first = fd->scope_first;
        fd->scopes[scope].is_switch = FALSE;
`,
  },
  {
    find: `            push_scope(s);
            label_break = new_label(s);
            push_break_entry(s->cur_func, &break_entry,
                             label_name, label_break, -1, 1);
`,
    replace: `            push_scope(s);
            s->cur_func->scopes[s->cur_func->scope_level].is_switch = TRUE;
            label_break = new_label(s);
            push_break_entry(s->cur_func, &break_entry,
                             label_name, label_break, -1, 1);
`,
  },
  {
    find: `static int resolve_scope_var(JSContext *ctx, JSFunctionDef *s,
                             JSAtom var_name, int scope_level, int op,
                             DynBuf *bc, uint8_t *bc_buf,
                             LabelSlot *ls, int pos_next)
{
`,
    replace: `\
/* Whether a variable's declaration lies before the instruction that is looked at. Otherwise only
   variables for private names use the bit. */
#define is_declared is_static_private

static int resolve_scope_var(JSContext *ctx, JSFunctionDef *s,
                             JSAtom var_name, int scope_level, int op,
                             DynBuf *bc, uint8_t *bc_buf,
                             LabelSlot *ls, int pos_next)
{
`,
  },
  {
    find: `                    if (s->vars[var_idx].is_lexical)
                        get_op = OP_get_loc_check;
`,
    replace: `                    if (s->vars[var_idx].is_lexical && !s->vars[var_idx].is_declared)
                        get_op = OP_get_loc_check;
`,
  },
  {
    find: `                            else
                                dbuf_putc(bc, OP_put_loc);
                        } else {
                            dbuf_putc(bc, OP_put_loc_check);
                        }
`,
    replace: `                            else {
                                dbuf_putc(bc, OP_put_loc);
                                if (s->vars[var_idx].var_kind == JS_VAR_NORMAL &&
                                    !s->scopes[s->vars[var_idx].scope_level].is_switch)
                                    s->vars[var_idx].is_declared = TRUE;
                            }
                        } else if (s->vars[var_idx].is_declared) {
                            dbuf_putc(bc, OP_put_loc);
                        } else {
                            dbuf_putc(bc, OP_put_loc_check);
                        }
`,
  },
  {
    find: `                            dbuf_putc(bc, OP_get_loc_checkthis);
                        } else {
`,
    replace: `                            dbuf_putc(bc, OP_get_loc_checkthis);
                        } else if (s->vars[var_idx].is_declared) {
                            dbuf_putc(bc, OP_get_loc);
                        } else {
`,
  },
];
