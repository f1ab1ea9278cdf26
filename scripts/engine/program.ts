// The executable's main(), in C. Compiled and linked by link.ts. Pure.

/**
 * Bytes that calls may take: half of what a process usually has (getrlimit(2), RLIMIT_STACK), and enough for
 * a configuration nested as deep as json-positions.ts goes.
 */
const STACK_SIZE = 4 << 20;

/**
 * tsrun starts from a snapshot. To read the bytecode of its program and to run the module level of a hundred
 * sources takes several times as long as a command itself; so that is done once, when tsrun is built. The
 * program as it is linked first writes the memory of its engine to stdout, and the build puts that where it
 * was: a section of the executable. The addresses in it hold, for the executable lies where it was linked to
 * lie. docs/adr/0016-snapshot.md
 */
export const PROGRAM = `
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "quickjs.h"

// <linux/seccomp.h>, which musl's headers are without.
#define SECCOMP_MODE_STRICT 1
// From so many bytes on the engine looks for circles of objects; all else is freed with its last reference,
// and most commands end long before.
#define COLLECT_FROM (32 << 20)

// The section has these names from the linker.
extern char __start_snapshot[], __stop_snapshot[];
extern const uint8_t program[], program_end[];

extern JSModuleDef *js_init_module_native(JSContext *context, const char *name);
// The allocator's.
extern void end_snapshot(void);

__attribute__((section("snapshot"))) static JSContext *kept = NULL;

// No eval: all code is in the snapshot.
static JSContext *make_context(void) {
  JSRuntime *runtime = JS_NewRuntime();
  JS_SetMaxStackSize(runtime, ${STACK_SIZE});
  JS_SetGCThreshold(runtime, COLLECT_FROM);
  JSContext *context = JS_NewContextRaw(runtime);
  JS_AddIntrinsicBaseObjects(context);
  JS_AddIntrinsicDate(context);
  JS_AddIntrinsicStringNormalize(context);
  JS_AddIntrinsicRegExp(context);
  JS_AddIntrinsicJSON(context);
  JS_AddIntrinsicProxy(context);
  JS_AddIntrinsicMapSet(context);
  JS_AddIntrinsicTypedArrays(context);
  JS_AddIntrinsicPromise(context);
  JS_AddIntrinsicWeakRef(context);
  js_init_module_native(context, "native");
  return context;
}

static int failed(JSContext *context, JSValue error) {
  const char *message = JS_ToCString(context, error);
  const char *stack = JS_ToCString(context, JS_GetPropertyStr(context, error, "stack"));
  fprintf(stderr, "tsrun: %s\\n%s", message == NULL ? "" : message, stack == NULL ? "" : stack);
  return 1;
}

// Runs what promises have left to do.
static int finish(JSContext *context) {
  JSContext *of;
  int left;
  while ((left = JS_ExecutePendingJob(JS_GetRuntime(context), &of)) > 0);
  return left < 0 ? failed(of, JS_GetException(of)) : 0;
}

static int load(JSContext *context) {
  JSValue code = JS_ReadObject(context, program, program_end - program, JS_READ_OBJ_BYTECODE);
  if (!JS_IsException(code) && JS_ResolveModule(context, code) < 0) code = JS_EXCEPTION;
  if (!JS_IsException(code)) code = JS_EvalFunction(context, code);
  if (JS_IsException(code)) return failed(context, JS_GetException(context));
  if (finish(context) != 0) return 1;
  // What a module throws its promise has.
  if (JS_PromiseState(context, code) != JS_PROMISE_REJECTED) return 0;
  return failed(context, JS_PromiseResult(context, code));
}

static int make_snapshot(void) {
  JSContext *context = make_context();
  // From here on the kernel kills us for any call but read, write and exit: what a source learns from the
  // kernel at its module level would be true of the machine it was built on.
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) {
    perror("prctl(PR_SET_SECCOMP)");
    return 1;
  }
  int status = load(context);
  JS_RunGC(JS_GetRuntime(context));
  end_snapshot();
  kept = context;
  for (char *from = __start_snapshot; status == 0 && from < __stop_snapshot;) {
    ssize_t written = write(1, from, __stop_snapshot - from);
    if (written < 0) status = 1;
    else from += written;
  }
  // exit_group(2) is one of the other calls.
  syscall(SYS_exit, status);
  return status;
}

// A list of C strings, NULL at its end, as an array.
static JSValue texts(JSContext *context, char **list) {
  JSValue array = JS_NewArray(context);
  for (uint32_t index = 0; list[index] != NULL; index++) {
    JS_SetPropertyUint32(context, array, index, JS_NewString(context, list[index]));
  }
  return array;
}

int main(int argc, char **argv, char **envp) {
  JSContext *context = kept;
  if (context == NULL) return make_snapshot();
  JS_UpdateStackTop(JS_GetRuntime(context));
  JSValue given[] = {texts(context, argv), texts(context, envp)};
  JSValue start = JS_GetPropertyStr(context, JS_GetGlobalObject(context), "start");
  JSValue result = JS_Call(context, start, JS_UNDEFINED, 2, given);
  if (JS_IsException(result)) return failed(context, JS_GetException(context));
  finish(context);
  // A command ends by itself.
  return 1;
}
`;
