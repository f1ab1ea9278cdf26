// The program of `make fuzz`: the engine under AddressSanitizer, with the readers of tsrun in it (entry.ts),
// which it feeds for so many seconds.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "allocator.h"
#include "module.h"
#include "trace.h"

extern const uint8_t program[], program_end[];

// The longest text in a call (calls.ts), with its NUL.
#define TEXT_SIZE 16

// What src/engine/native/calls.c needs of other files. A system call is noted instead of made, and of texts,
// whose lengths the caller tells, the bytes.
int memory_refused = 0, tracing = 0;
static word noted[WORDS];
static uint8_t text_sizes[WORDS], texts[WORDS][TEXT_SIZE];

word raw_syscall(const word words[WORDS]) {
  memcpy(noted, words, sizeof noted);
  for (int index = 0; index < WORDS; index++)
    if (text_sizes[index] > 0) memcpy(texts[index], (const void *)words[index], text_sizes[index]);
  return 0;
}

word traced_call(const word words[WORDS]) {
  return raw_syscall(words);
}

JSValue native_out_of_memory(JSContext *context) {
  return JS_ThrowOutOfMemory(context);
}

// Of the 64 MiB that it is started with: frames are several times as large as those of tsrun itself.
#define STACK_SIZE (48 << 20)

static void fail(JSContext *context, const char *what) {
  JSValue error = JS_GetException(context);
  const char *words = JS_ToCString(context, error);
  const char *stack = JS_ToCString(context, JS_GetPropertyStr(context, error, "stack"));
  fprintf(stderr, "%s: %s\n%s", what, words == NULL ? "" : words, stack == NULL ? "" : stack);
  exit(1);
}

// decode(buffer, length): bytes of exactly that length, so that what lies behind them is not read unnoticed.
static JSValue decode(JSContext *context, JSValueConst this, int count, JSValueConst *arguments) {
  (void)this, (void)count;
  size_t size;
  int32_t length;
  uint8_t *bytes = JS_GetArrayBuffer(context, &size, arguments[0]);
  if (JS_ToInt32(context, &length, arguments[1]) != 0 || length < 0 || (size_t)length > size) abort();
  char *copy = malloc(length);
  if (length > 0) memcpy(copy, bytes, length);
  JSValue text = JS_NewStringLen(context, copy, length);
  free(copy);
  return text;
}

static JSValue encode(JSContext *context, JSValueConst this, int count, JSValueConst *arguments) {
  (void)this, (void)count;
  size_t length;
  const char *text = JS_ToCStringLen(context, &length, arguments[0]);
  if (text == NULL) return JS_EXCEPTION;
  JSValue buffer = JS_NewArrayBufferCopy(context, (const uint8_t *)text, length);
  JS_FreeCString(context, text);
  return buffer;
}

static JSValue read_seed(JSContext *context, const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    perror(path);
    exit(1);
  }
  static uint8_t bytes[1 << 20];
  size_t length = fread(bytes, 1, sizeof bytes, file);
  fclose(file);
  return JS_NewArrayBufferCopy(context, bytes, length);
}

static JSValue buffer_of(JSContext *context, void *memory, size_t size) {
  return JS_NewArrayBuffer(context, memory, size, NULL, NULL, 0);
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("writeOperations", 7, native_write_operations),
    JS_CFUNC_DEF("readResults", 4, native_read_results),
    JS_CFUNC_DEF("writeProtobuf", 2, native_write_protobuf),
    JS_CFUNC_DEF("readProtobuf", 4, native_read_protobuf),
    JS_CFUNC_DEF("syscall", 7, native_syscall),
    JS_CFUNC_DEF("locate", 1, native_locate),
};

// SECONDS SEED FILE...
int main(int count, char **words) {
  if (count < 4) return 2;
  JSRuntime *runtime = JS_NewRuntime();
  JS_SetMaxStackSize(runtime, STACK_SIZE);
  JSContext *context = JS_NewContext(runtime);
  JSValue global = JS_GetGlobalObject(context);
  JS_SetPropertyStr(context, global, "decode", JS_NewCFunction(context, decode, "decode", 2));
  JS_SetPropertyStr(context, global, "encodeBytes", JS_NewCFunction(context, encode, "encodeBytes", 1));
  know_operations(context);
  JS_SetPropertyFunctionList(context, global, functions, sizeof functions / sizeof *functions);
  JS_SetPropertyStr(context, global, "noted", buffer_of(context, noted, sizeof noted));
  JS_SetPropertyStr(context, global, "textSizes", buffer_of(context, text_sizes, sizeof text_sizes));
  JS_SetPropertyStr(context, global, "texts", buffer_of(context, texts, sizeof texts));
  JSValue code = JS_ReadObject(context, program, program_end - program, JS_READ_OBJ_BYTECODE);
  if (JS_IsException(code) || JS_ResolveModule(context, code) < 0) fail(context, "cannot read the program");
  JSValue loaded = JS_EvalFunction(context, code);
  if (JS_IsException(loaded)) fail(context, "cannot load the program");
  if (JS_PromiseState(context, loaded) == JS_PROMISE_REJECTED) {
    JS_Throw(context, JS_PromiseResult(context, loaded));
    fail(context, "cannot load the program");
  }
  JS_FreeValue(context, loaded);
  JSValue given[] = {JS_NewInt32(context, atoi(words[2])), JS_NewArray(context), JS_NewArray(context)};
  for (int index = 3; index < count; index++) {
    JS_SetPropertyUint32(context, given[1], index - 3, JS_NewString(context, words[index]));
    JS_SetPropertyUint32(context, given[2], index - 3, read_seed(context, words[index]));
  }
  JSValue prepare = JS_GetPropertyStr(context, global, "prepare");
  JSValue round = JS_GetPropertyStr(context, global, "round");
  if (JS_IsException(JS_Call(context, prepare, JS_UNDEFINED, 3, given))) fail(context, "cannot begin");
  time_t end = time(NULL) + atoi(words[1]);
  long rounds = 0, wrong = 0;
  do {
    JSValue said = JS_Call(context, round, JS_UNDEFINED, 0, NULL);
    if (JS_IsException(said)) fail(context, "a round failed");
    if (!JS_IsUndefined(said)) {
      const char *text = JS_ToCString(context, said);
      printf("%s\n", text == NULL ? "?" : text);
      JS_FreeCString(context, text);
      wrong++;
    }
    JS_FreeValue(context, said);
    rounds++;
  } while (time(NULL) < end && wrong < 20);
  printf("%ld inputs, %ld wrong\n", rounds, wrong);
  return wrong == 0 ? 0 : 1;
}
