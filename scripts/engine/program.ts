// The executable's main(), in C. Compiled and linked by link.ts. Pure.

/**
 * Bytes that calls may take at most: half of what a process usually has (getrlimit(2), RLIMIT_STACK), and
 * enough for a configuration nested as deep as json-positions.ts goes.
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
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "quickjs.h"

// <linux/seccomp.h>, which musl's headers are without.
#define SECCOMP_MODE_STRICT 1
#define STACK_SIZE ((size_t)${STACK_SIZE})
// From so many bytes on the engine looks for circles of objects; all else is freed with its last reference,
// and most commands end long before.
#define COLLECT_FROM (32 << 20)

// The section has these names from the linker.
extern char __start_snapshot[], __stop_snapshot[];
extern const uint8_t program[], program_end[];

extern JSModuleDef *js_init_module_native(JSContext *context, const char *name);
// The allocator's.
extern void end_snapshot(void), release_reserve(void);

__attribute__((section("snapshot"))) static JSContext *kept = NULL;

// No eval: all code is in the snapshot.
static JSContext *make_context(void) {
  JSRuntime *runtime = JS_NewRuntime();
  JS_SetMaxStackSize(runtime, STACK_SIZE);
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

// Only while the snapshot is made.
static int failed(JSContext *context, JSValue error) {
  const char *message = JS_ToCString(context, error);
  // What is no error has none.
  JSValue trace = JS_GetPropertyStr(context, error, "stack");
  const char *stack = JS_IsException(trace) ? NULL : JS_ToCString(context, trace);
  fprintf(stderr, "tsrun: %s\\n%s", message == NULL ? "" : message, stack == NULL ? "" : stack);
  return 1;
}

// Does what promises have left to do. What fails there is negative, and context then has the exception.
static int run_jobs(JSContext **context) {
  JSRuntime *runtime = JS_GetRuntime(*context);
  int left;
  do left = JS_ExecutePendingJob(runtime, context); while (left > 0);
  return left;
}

static int load(JSContext *context) {
  JSValue code = JS_ReadObject(context, program, program_end - program, JS_READ_OBJ_BYTECODE);
  if (!JS_IsException(code) && JS_ResolveModule(context, code) < 0) code = JS_EXCEPTION;
  if (!JS_IsException(code)) code = JS_EvalFunction(context, code);
  if (JS_IsException(code)) return failed(context, JS_GetException(context));
  if (run_jobs(&context) < 0) return failed(context, JS_GetException(context));
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

// Half of what the kernel lets the stack have beside the arguments and the environment, which lie at its top.
// The engine looks where it is at each of its own calls; the other half is for what C calls in between.
static size_t stack_size(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_STACK, &limit) != 0) return STACK_SIZE;
  // The last thing that the kernel has put there is the name of the executable.
  uintptr_t top = getauxval(AT_EXECFN), here = (uintptr_t)__builtin_frame_address(0);
  rlim_t used = top > here ? top - here : 0;
  rlim_t half = limit.rlim_cur > used ? (limit.rlim_cur - used) / 2 : 1;
  return half < STACK_SIZE ? half : STACK_SIZE;
}

// How many bytes the character at the start of \`bytes\` has; 0 where they are no UTF-8.
static int character_size(const unsigned char *bytes) {
  if (bytes[0] < 0x80) return 1;
  if (bytes[0] < 0xc2 || bytes[0] > 0xf4) return 0;
  int size = bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
  for (int at = 1; at < size; at++) if ((bytes[at] & 0xc0) != 0x80) return 0;
  // Longer than they need be, halves of pairs, and what is beyond Unicode.
  if (bytes[0] == 0xe0 && bytes[1] < 0xa0) return 0;
  if (bytes[0] == 0xed && bytes[1] > 0x9f) return 0;
  if (bytes[0] == 0xf0 && bytes[1] < 0x90) return 0;
  if (bytes[0] == 0xf4 && bytes[1] > 0x8f) return 0;
  return size;
}

// A C string as src/engine/raw-text.ts makes it: a byte that is no UTF-8 becomes U+DC80 to U+DCFF, which the
// engine takes for a character of three bytes.
static JSValue text_of(JSContext *context, const char *from) {
  const unsigned char *bytes = (const unsigned char *)from;
  while (*bytes != 0 && character_size(bytes) > 0) bytes += character_size(bytes);
  if (*bytes == 0) return JS_NewString(context, from);
  char *made = js_malloc(context, strlen(from) * 3 + 1);
  if (made == NULL) return JS_EXCEPTION;
  size_t length = 0;
  for (bytes = (const unsigned char *)from; *bytes != 0;) {
    int size = character_size(bytes);
    if (size == 0) {
      made[length++] = 0xed;
      made[length++] = 0xb0 | *bytes >> 6;
      made[length++] = 0x80 | (*bytes & 0x3f);
      bytes++;
    }
    for (; size > 0; size--) made[length++] = *bytes++;
  }
  JSValue text = JS_NewStringLen(context, made, length);
  js_free(context, made);
  return text;
}

// A list of C strings, NULL at its end, as an array.
static JSValue texts(JSContext *context, char **list) {
  JSValue array = JS_NewArray(context);
  for (uint32_t index = 0; !JS_IsException(array) && list[index] != NULL; index++) {
    JSValue text = text_of(context, list[index]);
    if (!JS_IsException(text) && JS_SetPropertyUint32(context, array, index, text) >= 0) continue;
    JS_FreeValue(context, array);
    array = JS_EXCEPTION;
  }
  return array;
}

// Calls a function of src/boot.ts.
static JSValue call(JSContext *context, const char *name, int count, JSValue *arguments) {
  JSValue global = JS_GetGlobalObject(context);
  JSValue function = JS_GetPropertyStr(context, global, name);
  return JS_IsException(function) ? function : JS_Call(context, function, JS_UNDEFINED, count, arguments);
}

static int run(JSContext *context, char **argv, char **envp) {
  JSValue given[] = {texts(context, argv), JS_UNDEFINED};
  if (JS_IsException(given[0])) return -1;
  given[1] = texts(context, envp);
  if (JS_IsException(given[1])) return -1;
  if (JS_IsException(call(context, "start", 2, given))) return -1;
  return run_jobs(&context);
}

int main(int argc, char **argv, char **envp) {
  (void)argc;
  JSContext *context = kept;
  if (context == NULL) return make_snapshot();
  JS_SetMaxStackSize(JS_GetRuntime(context), stack_size());
  JS_UpdateStackTop(JS_GetRuntime(context));
  // A command ends by itself, and so does what tells its failure.
  if (run(context, argv, envp) < 0) {
    JSValue error = JS_GetException(context);
    release_reserve();
    call(context, "fail", 1, &error);
  }
  static const char last[] = "level=error msg=\\"cannot go on: out of memory\\" code=E_NOMEM\\n";
  return write(2, last, sizeof last - 1) < 0 ? 2 : 1;
}
`;
