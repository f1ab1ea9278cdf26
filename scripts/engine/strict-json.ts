// The engine's JSON.parse accepts more than JSON: escapes of JavaScript, `1.` and `-01`, and any depth. tsrun
// would run a configuration that others refuse, and `validate` would find no fault in it. These changes to
// quickjs.c make it strict. Called by quickjs.ts.

import { MAX_DEPTH } from "../../src/spec/json-positions.ts";
import type { Change } from "./changes.ts";

const ADDITIONS = [
  {
    // Where the source says "need a specific JSON case to avoid accepting invalid escapes".
    after: "p_escape = p - 1;\n            c = *p;\n",
    insert: `if (!s->cur_func && (c == 0 || !strchr("\\"\\\\/bfnrtu", c) || (c == 'u' && p[1] == '{')))
                goto invalid_escape;\n`,
  },
  {
    after: "    parse_number:\n        {\n            JSValue ret;\n            int flags, radix;\n",
    insert: `const uint8_t *digits = *p == '-' ? p + 1 : p;
            if (!s->ext_json && *digits == '0' && is_digit(digits[1]))
                goto def_token;
            while (is_digit(*digits))
                digits++;
            if (!s->ext_json && *digits == '.' && !is_digit(digits[1]))
                goto def_token;\n`,
  },
  { after: "BOOL ext_json; /* true if accepting JSON superset */\n", insert: "int json_depth;\n" },
  {
    after: `static JSValue json_parse_value(JSParseState *s)
{
    JSContext *ctx = s->ctx;
    JSValue val = JS_NULL;
    int ret;
`,
    insert: `if ((s->token.val == '{' || s->token.val == '[') && ++s->json_depth > ${MAX_DEPTH}) {
        js_parse_error(s, "more than ${MAX_DEPTH} lists and objects inside each other");
        return JS_EXCEPTION;
    }
    if (js_check_stack_overflow(ctx->rt, 0))
        return JS_ThrowStackOverflow(ctx);\n`,
  },
  ...["}", "]"].map((end) => ({
    after: `            if (json_parse_expect(s, '${end}'))\n                goto fail;\n`,
    insert: "s->json_depth--;\n",
  })),
];

export const STRICT_JSON: readonly Change[] = ADDITIONS.map(({ after, insert }) => ({
  find: after,
  replace: after + insert,
}));
