// Changes to quickjs.c that put src/engine/native/operations.c into the engine. Called by quickjs.ts. Pure.

import type { Change } from "./changes.ts";

export const OPERATIONS: readonly Change[] = [
  {
    find: "    struct json_keys json;\n",
    replace: "    struct json_keys json;\n    struct operation_words operations;\n",
  },
  { find: '#include "json-keys.h"\n', replace: '#include "json-keys.h"\n#include "operations.h"\n' },
  {
    find: '#include "json-keys.c"\n',
    replace: '#include "json-keys.c"\n#include "message-protocol.h"\n#include "operations.c"\n',
  },
];
