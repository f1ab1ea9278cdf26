// The functions of the module "native" that call the kernel, C and the engine by number or address.
// TypeScript cannot; everything else about C is TypeScript on top of these.

#include <stdint.h>
#include <sys/syscall.h>
#include "allocator.h"
#include "module.h"
#include "trace.h"


// The engine pads the arguments with undefined to the length that module.c gives. Numbers are whole, which
// src/linux sees to; a bigint may be of 64 bits.
static void read_words(JSContext *context, JSValueConst *arguments, word words[WORDS]) {
  for (int index = 0; index < WORDS; index++) {
    JSValueConst argument = arguments[index];
    words[index] = 0;
    switch (JS_VALUE_GET_NORM_TAG(argument)) {
      case JS_TAG_INT:
        words[index] = JS_VALUE_GET_INT(argument);
        break;
      case JS_TAG_FLOAT64:
        words[index] = (word)JS_VALUE_GET_FLOAT64(argument);
        break;
      case JS_TAG_UNDEFINED:
        break;
      default:
        JS_ToInt64Ext(context, &words[index], argument);
    }
  }
}

// Calls the first word with the six others. A function ignores arguments that it does not take.
#define CALL(type, words)                                                                  \
  ((type(*)(word, word, word, word, word, word))(words)[0])((words)[1], (words)[2], (words)[3], \
                                                            (words)[4], (words)[5], (words)[6])

// syscall(number, a, b, c, d, e, f)
NATIVE_FUNCTION(native_syscall) {
  (void)this, (void)count;
  word words[WORDS];
  read_words(context, arguments, words);
  // If the kernel has refused memory, it is reported here, instead of the call. close(2) is made anyway,
  // since it only ends what has been done.
  if (memory_refused && words[0] != SYS_close) return native_out_of_memory(context);
  return JS_NewInt64(context, tracing ? traced_call(words) : raw_syscall(words));
}

// callInt(address, a, b, c, d, e, f): the result is an int, whose upper half C leaves undefined
NATIVE_FUNCTION(native_call_int) {
  (void)this, (void)count;
  word words[WORDS];
  read_words(context, arguments, words);
  return JS_NewInt32(context, CALL(int, words));
}

// callLong(address, a, b, c, d, e, f): the result is 64 bits
NATIVE_FUNCTION(native_call_long) {
  (void)this, (void)count;
  word words[WORDS];
  read_words(context, arguments, words);
  return JS_NewInt64(context, CALL(word, words));
}

// callValue(address, a, b, c, d, e, f): the result is a value of the engine
NATIVE_FUNCTION(native_call_value) {
  (void)this, (void)count;
  word words[WORDS];
  read_words(context, arguments, words);
  return CALL(JSValue, words);
}

// locate(buffer): the address of its memory
NATIVE_FUNCTION(native_locate) {
  (void)this, (void)count;
  size_t length;
  uint8_t *memory = JS_GetArrayBuffer(context, &length, arguments[0]);
  return memory == NULL ? JS_EXCEPTION : JS_NewInt64(context, (word)memory);
}
