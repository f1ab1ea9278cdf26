// Coroutines: functions of TypeScript that each run on a stack of their own, and may leave it and go on there
// later. For ../host/coroutine.ts. docs/adr/0022-shim.md says what a shim has them for.

#define _GNU_SOURCE
#include <sys/mman.h>
#include "module.h"
#include "stack.h"

// Besides what JavaScript may use: for the C functions that it calls, of which posix_spawn(3) takes the most,
// and a part that nobody may touch, so that a stack that is too small ends the process.
#define FOR_C ((size_t)256 << 10)
#define BARRIER ((size_t)64 << 10)
// What a stack that is kept for the next one keeps of its memory, at its upper end.
#define KEPT ((size_t)128 << 10)

struct coroutine {
  // Where the stack was left; while it is in use, where that of whoever has resumed it was left.
  void *left;
  // The same for what the engine keeps of its stack: its innermost call, and how far down it may go.
  struct JSStackFrame *frames;
  uintptr_t limit;
  struct coroutine *outer;
  JSContext *context;
  JSValue function;
  int has_ended, has_failed;
};

#define LENGTH (BARRIER + FOR_C + STACK_SIZE)

// What exchange_stack takes from a stack, in words, and which word the address is that it returns to.
#ifdef __x86_64__
#define TAKEN 8
#define RETURNS 6
#else
#define TAKEN 20
#define RETURNS 11
#endif

// coroutine-*.s
void exchange_stack(void **other);
// scripts/engine/stacks.ts
void JS_ExchangeStack(JSRuntime *runtime, struct JSStackFrame **frames, uintptr_t *limit);

// The one that runs, and one that has ended, whose stack the next one uses.
static struct coroutine *running, *spare;

static void change(struct coroutine *one) {
  JS_ExchangeStack(JS_GetRuntime(one->context), &one->frames, &one->limit);
  exchange_stack(&one->left);
}

// What runs on a new stack. It never returns: there is nothing above it.
static void run(void) {
  struct coroutine *one = running;
  JSValue result = JS_Call(one->context, one->function, JS_UNDEFINED, 0, NULL);
  one->has_failed = JS_IsException(result);
  JS_FreeValue(one->context, result);
  JS_FreeValue(one->context, one->function);
  one->has_ended = 1;
  change(one);
  __builtin_trap();
}

// It lies at the upper end of its stack.
static struct coroutine *map_stack(void) {
  if (spare != NULL) {
    struct coroutine *one = spare;
    spare = NULL;
    return one;
  }
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK;
  char *stack = mmap(NULL, LENGTH, PROT_NONE, flags, -1, 0);
  if (stack == MAP_FAILED) return NULL;
  if (mprotect(stack + BARRIER, LENGTH - BARRIER, PROT_READ | PROT_WRITE) == 0)
    return (struct coroutine *)(stack + LENGTH) - 1;
  munmap(stack, LENGTH);
  return NULL;
}

static char *lower_end(struct coroutine *one) {
  return (char *)(one + 1) - LENGTH;
}

static void discard(struct coroutine *one) {
  char *stack = lower_end(one);
  if (spare != NULL || madvise(stack + BARRIER, LENGTH - BARRIER - KEPT, MADV_DONTNEED) != 0) {
    munmap(stack, LENGTH);
  } else {
    spare = one;
  }
}

// newCoroutine(act)
NATIVE_FUNCTION(native_new_coroutine) {
  (void)this, (void)count;
  struct coroutine *one = map_stack();
  if (one == NULL) return JS_ThrowOutOfMemory(context);
  // A stack is aligned to 16 bytes.
  void **top = (void **)((uintptr_t)one & -(uintptr_t)16);
  top[RETURNS - TAKEN] = (void *)run;
  *one = (struct coroutine){
      .left = top - TAKEN,
      .limit = (uintptr_t)lower_end(one) + BARRIER + FOR_C,
      .context = context,
      .function = JS_DupValue(context, arguments[0]),
  };
  return JS_NewInt64(context, (int64_t)(uintptr_t)one);
}

// resume(coroutine)
NATIVE_FUNCTION(native_resume) {
  (void)this, (void)count;
  int64_t address;
  if (JS_ToInt64(context, &address, arguments[0]) != 0) return JS_EXCEPTION;
  struct coroutine *one = (struct coroutine *)(uintptr_t)address;
  one->outer = running;
  running = one;
  change(one);
  running = one->outer;
  if (!one->has_ended) return JS_FALSE;
  int has_failed = one->has_failed;
  discard(one);
  return has_failed ? JS_EXCEPTION : JS_TRUE;
}

// suspend()
NATIVE_FUNCTION(native_suspend) {
  (void)this, (void)count, (void)arguments;
  if (running == NULL) return JS_ThrowTypeError(context, "no coroutine runs");
  change(running);
  return JS_UNDEFINED;
}
