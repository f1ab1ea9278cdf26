// The executable's main().

#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <unistd.h>
#include "allocator.h"
#include "snapshot.h"
#include "stack.h"
#include "text.h"

// Half of the stack that the kernel allows, without the arguments and the environment, which lie at its top.
// The engine checks its stack at each of its own calls; the other half is for the C functions in between.
static size_t stack_size(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_STACK, &limit) != 0) return STACK_SIZE;
  // The name of the executable is at the very top.
  uintptr_t top = getauxval(AT_EXECFN), here = (uintptr_t)__builtin_frame_address(0);
  rlim_t used = top > here ? top - here : 0;
  rlim_t half = limit.rlim_cur > used ? (limit.rlim_cur - used) / 2 : 1;
  return half < STACK_SIZE ? half : STACK_SIZE;
}

// Calls a function of ../../boot.ts.
static JSValue call(JSContext *context, const char *name, int count, JSValue *arguments) {
  JSValue global = JS_GetGlobalObject(context);
  JSValue function = JS_GetPropertyStr(context, global, name);
  return JS_IsException(function) ? function : JS_Call(context, function, JS_UNDEFINED, count, arguments);
}

static int run(JSContext *context, char **argv) {
  JSValue words = texts_of(context, argv);
  if (JS_IsException(words)) return -1;
  if (JS_IsException(call(context, "start", 1, &words))) return -1;
  return run_jobs(&context);
}

int main(int argc, char **argv) {
  JSContext *context = snapshot_context;
  // Without a snapshot, this was started by the build, with an argument if it runs under an emulator.
  if (context == NULL) return make_snapshot(argc > 1);
  JS_SetMaxStackSize(JS_GetRuntime(context), stack_size());
  JS_UpdateStackTop(JS_GetRuntime(context));
  // `start` and `fail` end the process; they return here only if the engine itself has failed.
  if (run(context, argv) < 0) {
    JSValue error = JS_GetException(context);
    release_reserve();
    call(context, "fail", 1, &error);
  }
  static const char last[] = "level=error msg=\"cannot go on: out of memory\" code=E_NOMEM\n";
  return write(2, last, sizeof last - 1) < 0 ? 2 : 1;
}
