// Makes the snapshot, when tsrun is built. Reading the program's bytecode and running the module level of its
// sources takes several times as long as a command itself, so it is done once: the program as first linked
// writes its engine's memory to stdout, and the build puts that into a section of the executable, where it
// was. Addresses in it stay valid, since the executable is always loaded at the address it was linked for.
// docs/adr/0016-snapshot.md

#include "snapshot.h"
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "allocator.h"
#include "engine-memory.h"
#include "layout.h"
#include "module.h"

// <linux/seccomp.h>, which musl does not have.
#define SECCOMP_MODE_STRICT 1
// The stack while the program is loaded; a command sets its own limit (program.c).
#define STACK_SIZE (4 << 20)
// The engine begins to collect circles of objects when this many bytes are in use. Everything else is freed
// with its last reference, and most commands end long before that.
#define COLLECT_FROM (32 << 20)

// The descriptor that the bytecode is read from, and its most bytes. Longer bytecode is cut, so the engine
// refuses it.
#define PROGRAM 3
#define LONGEST_PROGRAM (4 << 20)

// Room for new names: a configuration may bring this many before the engine's table of names must grow.
#define NEW_NAMES 1024

// The linker defines these for the section.
extern char __start_snapshot[], __stop_snapshot[];
// A change to the engine (scripts/engine/reproducible.ts).
extern void JS_ForgetStack(JSRuntime *runtime);
// Another one (scripts/engine/speed.ts).
extern int JS_ReserveAtoms(JSRuntime *runtime, int count);

SNAPSHOT JSContext *snapshot_context = NULL;

// A function gets its length first and then its name. While there is an object that has only a length, the
// engine need not describe that for each function anew.
static void know_functions(JSContext *context) {
  JSValue like = JS_NewCFunction(context, NULL, "", 0);
  JSValue first = JS_NewObjectProto(context, JS_GetPrototype(context, like));
  JS_FreeValue(context, like);
  JS_DefinePropertyValueStr(context, first, "length", JS_NewInt32(context, 0), JS_PROP_CONFIGURABLE);
}

// No eval: all code is in the snapshot.
static JSContext *make_context(void) {
  JSRuntime *runtime = JS_NewRuntime2(&engine_memory, NULL);
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
  know_operations(context);
  know_functions(context);
  init_native_module(context, "native");
  return context;
}

// Prints an error; only used while the snapshot is made.
static int failed(JSContext *context, JSValue error) {
  const char *message = JS_ToCString(context, error);
  // A thrown value that is no Error has no stack.
  JSValue trace = JS_GetPropertyStr(context, error, "stack");
  const char *stack = JS_IsException(trace) ? NULL : JS_ToCString(context, trace);
  fprintf(stderr, "tsrun: %s\n%s", message == NULL ? "" : message, stack == NULL ? "" : stack);
  return 1;
}

int run_jobs(JSContext **context) {
  JSRuntime *runtime = JS_GetRuntime(*context);
  int left;
  do left = JS_ExecutePendingJob(runtime, context); while (left > 0);
  return left;
}

// The bytecode of the program. Mapped, so that it is neither in the snapshot nor in the executable.
static uint8_t *program = NULL;
static size_t program_length = 0;

static int read_program(int descriptor) {
  program = mmap(NULL, LONGEST_PROGRAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (program == MAP_FAILED) return -1;
  for (;;) {
    ssize_t got = read(descriptor, program + program_length, LONGEST_PROGRAM - program_length);
    if (got <= 0) return got;
    program_length += got;
  }
}

static int load(JSContext *context) {
  JSValue code = JS_ReadObject(context, program, program_length, JS_READ_OBJ_BYTECODE);
  if (!JS_IsException(code) && JS_ResolveModule(context, code) < 0) code = JS_EXCEPTION;
  if (!JS_IsException(code)) code = JS_EvalFunction(context, code);
  if (JS_IsException(code)) return failed(context, JS_GetException(context));
  if (run_jobs(&context) < 0) return failed(context, JS_GetException(context));
  // If a module throws, its promise is rejected.
  if (JS_PromiseState(context, code) != JS_PROMISE_REJECTED) return 0;
  return failed(context, JS_PromiseResult(context, code));
}

int make_snapshot(int emulated) {
  if (read_layout(STDIN_FILENO) != 0) {
    perror("cannot read the layout");
    return 1;
  }
  if (read_program(PROGRAM) != 0) {
    perror("cannot read the program");
    return 1;
  }
  begin_snapshot();
  JSContext *context = make_context();
  // From here on the kernel kills us for any call but read, write and exit: anything that a source learned
  // from the kernel at module level would only be true of the building machine. An emulator cannot be
  // restricted like this; there the build checks afterwards which calls were made
  // (scripts/engine/snapshot.ts).
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0 && !emulated) {
    perror("prctl(PR_SET_SECCOMP)");
    return 1;
  }
  int status = load(context);
  JS_RunGC(JS_GetRuntime(context));
  if (JS_ReserveAtoms(JS_GetRuntime(context), NEW_NAMES) != 0) status = 1;
  end_snapshot();
  // The stack's address differs from run to run.
  JS_ForgetStack(JS_GetRuntime(context));
  snapshot_context = context;
  for (char *from = __start_snapshot; status == 0 && from < __stop_snapshot;) {
    ssize_t written = write(1, from, __stop_snapshot - from);
    if (written < 0) status = 1;
    else from += written;
  }
  // exit(3) would call exit_group(2), which is not allowed.
  syscall(SYS_exit, status);
  return status;
}
