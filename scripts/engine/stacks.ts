// A change to quickjs.c that lets src/engine/native/coroutine.c move the engine to another stack. Called by
// quickjs.ts. Pure.

import type { Change } from "./changes.ts";

export const STACKS: readonly Change[] = [
  {
    find: "void JS_SetMaxStackSize(JSRuntime *rt, size_t stack_size)\n{\n    rt->stack_size",
    replace: `void JS_ExchangeStack(JSRuntime *rt, struct JSStackFrame **frames, uintptr_t *limit)
{
    JSStackFrame *current = rt->current_stack_frame;
    uintptr_t current_limit = rt->stack_limit;
    rt->current_stack_frame = *frames;
    rt->stack_limit = *limit;
    *frames = current;
    *limit = current_limit;
}

void JS_SetMaxStackSize(JSRuntime *rt, size_t stack_size)
{
    rt->stack_size`,
  },
];
