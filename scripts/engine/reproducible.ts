// Changes that keep the building machine out of the snapshot: the time, and the address of the stack. Called
// by quickjs.ts. Pure.

import type { Change } from "./changes.ts";

export const REPRODUCIBLE: readonly Change[] = [
  {
    // Nothing uses Math.random(): docs/adr/0016-snapshot.md.
    find: `    struct timeval tv;
    gettimeofday(&tv, NULL);
    ctx->random_state = ((int64_t)tv.tv_sec * 1000000) + tv.tv_usec;
    /* the state must be non zero */
    if (ctx->random_state == 0)
        ctx->random_state = 1;
`,
    replace: "    ctx->random_state = 1;\n",
  },
  {
    // main() says where the stack is when a command starts (program.c); snapshot.c calls this.
    find: "void JS_SetMaxStackSize(JSRuntime *rt, size_t stack_size)\n",
    replace: `void JS_ForgetStack(JSRuntime *rt)
{
    rt->stack_top = 0;
    rt->stack_limit = 0;
}

void JS_SetMaxStackSize(JSRuntime *rt, size_t stack_size)
`,
  },
];
