// Changes to quickjs.c that put src/engine/native/json-keys.c into the engine, by which JSON.parse notices
// some keys. Called by quickjs.ts. Pure.

import type { Change } from "./changes.ts";

export const JSON_KEYS: readonly Change[] = [
  {
    find: "struct JSRuntime {\n    JSMallocFunctions mf;\n    JSMallocState malloc_state;\n",
    replace: `#include "json-keys.h"
struct JSRuntime {
    JSMallocFunctions mf;
    JSMallocState malloc_state;
    struct json_keys json;
`,
  },
  { find: "\n/* JSON */\n", replace: `\n/* JSON */\n#include "json-keys.c"\n` },
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
    replace: "    s->ext_json = ((flags & JS_PARSE_JSON_EXT) != 0);\n    ctx->rt->json.notes = 0;\n",
  },
];
