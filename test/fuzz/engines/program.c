// One of the two programs of `make fuzz-engine`: the engine, with or without tsrun's changes. Reads programs of
// JavaScript from stdin, runs each in an engine of its own, and writes what it said to stdout:
// scripts/fuzz-engine.ts compares.
//
//     request:  length, the first allocation to refuse (0: none), how many | source
//     answer:   length, allocations | what the program said
//
// Only allocations between lackMemory() and enough() count, and can be refused.

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>
#include "quickjs.h"

#define MOST_TEXT (1 << 20)
// Frames are several times as large as those of tsrun itself.
#define STACK_SIZE (4 << 20)

// A program that takes so many seconds of processor time is given up: it goes through a list of a billion holes.
#define MOST_SECONDS 2
#define TOO_LONG 9

static char text[MOST_TEXT];
static uint32_t text_length = 0;
static uint32_t allocations = 0, refuse_from = 0, refuse_count = 0;
static int counts = 0;
static long blocks = 0;

static void append(const char *bytes, size_t length) {
  if (length > MOST_TEXT - text_length) length = MOST_TEXT - text_length;
  memcpy(text + text_length, bytes, length);
  text_length += length;
}

static int is_refused(void) {
  if (!counts) return 0;
  uint32_t number = ++allocations;
  return refuse_from != 0 && number >= refuse_from && number - refuse_from < refuse_count;
}

static void *get(JSMallocState *state, size_t bytes) {
  (void)state;
  void *block = is_refused() ? NULL : malloc(bytes);
  if (block != NULL) blocks++;
  return block;
}

static void give_back(JSMallocState *state, void *block) {
  (void)state;
  if (block != NULL) blocks--;
  free(block);
}

static void *resize(JSMallocState *state, void *block, size_t bytes) {
  if (block == NULL) return bytes == 0 ? NULL : get(state, bytes);
  if (bytes == 0) {
    give_back(state, block);
    return NULL;
  }
  return is_refused() ? NULL : realloc(block, bytes);
}

static size_t usable_size(const void *block) {
  return malloc_usable_size((void *)block);
}

// say(text)
static JSValue say(JSContext *context, JSValueConst this, int count, JSValueConst *arguments) {
  (void)this, (void)count;
  size_t length;
  const char *words = JS_ToCStringLen(context, &length, arguments[0]);
  if (words == NULL) return JS_EXCEPTION;
  append(words, length);
  append("\n", 1);
  JS_FreeCString(context, words);
  return JS_UNDEFINED;
}

static JSValue lack_memory(JSContext *context, JSValueConst this, int count, JSValueConst *arguments) {
  (void)context, (void)this, (void)count, (void)arguments;
  counts = 1;
  return JS_UNDEFINED;
}

static JSValue enough(JSContext *context, JSValueConst this, int count, JSValueConst *arguments) {
  (void)context, (void)this, (void)count, (void)arguments;
  counts = 0;
  return JS_UNDEFINED;
}

static JSValue collect(JSContext *context, JSValueConst this, int count, JSValueConst *arguments) {
  (void)this, (void)count, (void)arguments;
  JS_RunGC(JS_GetRuntime(context));
  return JS_UNDEFINED;
}

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("say", 1, say),
    JS_CFUNC_DEF("lackMemory", 0, lack_memory),
    JS_CFUNC_DEF("enough", 0, enough),
    JS_CFUNC_DEF("collect", 0, collect),
};

static void say_exception(JSContext *context) {
  JSValue error = JS_GetException(context);
  const char *words = JS_ToCString(context, error);
  append("uncaught ", 9);
  if (words != NULL) append(words, strlen(words));
  JS_FreeCString(context, words);
  JS_FreeValue(context, error);
  JS_FreeValue(context, JS_GetException(context));
}

// Nothing may be left: JS_FreeRuntime asserts that of objects, and the allocator knows of everything else.
static void run(const char *source, size_t length) {
  static const JSMallocFunctions memory = {get, give_back, resize, usable_size};
  allocations = 0;
  JSRuntime *runtime = JS_NewRuntime2(&memory, NULL);
  JS_SetMaxStackSize(runtime, STACK_SIZE);
  JSContext *context = JS_NewContext(runtime), *job;
  JSValue global = JS_GetGlobalObject(context);
  JS_SetPropertyFunctionList(context, global, functions, sizeof functions / sizeof *functions);
  JS_FreeValue(context, global);
  JSValue value = JS_Eval(context, source, length, "program", JS_EVAL_TYPE_GLOBAL);
  if (JS_IsException(value)) say_exception(context);
  JS_FreeValue(context, value);
  while (JS_ExecutePendingJob(runtime, &job) > 0);
  counts = 0;
  JS_FreeContext(context);
  JS_FreeRuntime(runtime);
  if (blocks != 0) {
    fprintf(stderr, "%ld blocks are left\n", blocks);
    abort();
  }
}

static void give_up(int signal) {
  (void)signal;
  _exit(TOO_LONG);
}

int main(void) {
  signal(SIGVTALRM, give_up);
  static char source[MOST_TEXT + 1];
  uint32_t request[3];
  while (fread(request, sizeof request, 1, stdin) == 1) {
    if (request[0] > MOST_TEXT || fread(source, 1, request[0], stdin) != request[0]) return 2;
    source[request[0]] = 0;
    refuse_from = request[1];
    refuse_count = request[2];
    text_length = 0;
    setitimer(ITIMER_VIRTUAL, &(struct itimerval){.it_value.tv_sec = MOST_SECONDS}, NULL);
    run(source, request[0]);
    setitimer(ITIMER_VIRTUAL, &(struct itimerval){0}, NULL);
    uint32_t answer[2] = {text_length, allocations};
    fwrite(answer, sizeof answer, 1, stdout);
    fwrite(text, 1, text_length, stdout);
    fflush(stdout);
  }
  return 0;
}
