// The functions of the module "native" that call the kernel, C and the engine by number or address.
// TypeScript cannot; everything else about C is TypeScript on top of these.

#include <stdint.h>
#include <sys/syscall.h>
#include "allocator.h"
#include "module.h"
#include "trace.h"

// The largest whole number up to which a double is exact.
#define LARGEST_WHOLE 9007199254740991.0

static int same(JSContext *context, JSValueConst argument, JSValue other) {
  int is_same = JS_StrictEq(context, argument, other);
  JS_FreeValue(context, other);
  return is_same;
}

// Reads a whole number, or the address of an array. Anything else is a bug in tsrun. The caller keeps the
// array alive.
static int read_word(JSContext *context, JSValueConst argument, word *to) {
  switch (JS_VALUE_GET_NORM_TAG(argument)) {
    case JS_TAG_UNDEFINED:
      *to = 0;
      return 0;
    case JS_TAG_INT:
      *to = JS_VALUE_GET_INT(argument);
      return 0;
    case JS_TAG_FLOAT64: {
      double number = JS_VALUE_GET_FLOAT64(argument);
      if (!(number >= -LARGEST_WHOLE && number <= LARGEST_WHOLE)) break;
      *to = (word)number;
      if ((double)*to == number) return 0;
      break;
    }
    case JS_TAG_SHORT_BIG_INT:
    case JS_TAG_BIG_INT:
      if (JS_ToInt64Ext(context, to, argument) != 0) return -1;
      if (same(context, argument, JS_NewBigInt64(context, *to))) return 0;
      if (same(context, argument, JS_NewBigUint64(context, *to))) return 0;
      break;
    case JS_TAG_OBJECT: {
      size_t offset, length, size, whole;
      JSValue buffer = JS_GetTypedArrayBuffer(context, argument, &offset, &length, &size);
      if (JS_IsException(buffer)) return -1;
      uint8_t *memory = JS_GetArrayBuffer(context, &whole, buffer);
      JS_FreeValue(context, buffer);
      if (memory == NULL) return -1;
      *to = length == 0 ? 0 : (word)(memory + offset);
      return 0;
    }
  }
  JS_ThrowRangeError(context, "no machine word");
  return -1;
}

// The engine pads the arguments with undefined to the length that module.c gives.
static int read_words(JSContext *context, JSValueConst *arguments, word words[WORDS]) {
  for (int index = 0; index < WORDS; index++)
    if (read_word(context, arguments[index], &words[index]) != 0) return -1;
  return 0;
}

// Calls the first word with the six others. A function ignores arguments that it does not take.
#define CALL(type, words)                                                                  \
  ((type(*)(word, word, word, word, word, word))(words)[0])((words)[1], (words)[2], (words)[3], \
                                                            (words)[4], (words)[5], (words)[6])

// syscall(number, a, b, c, d, e, f): what is absent is 0, an array its address
NATIVE_FUNCTION(native_syscall) {
  (void)this, (void)count;
  word words[WORDS];
  if (read_words(context, arguments, words) != 0) return JS_EXCEPTION;
  // If the kernel has refused memory, report that instead of making the call. close(2) is made anyway, since
  // it only undoes something.
  if (memory_refused && words[0] != SYS_close) return native_out_of_memory(context);
  return JS_NewInt64(context, tracing ? traced_call(words) : raw_syscall(words));
}

// callInt(address, a, b, c, d, e, f): the result is an int, whose upper half C leaves undefined
NATIVE_FUNCTION(native_call_int) {
  (void)this, (void)count;
  word words[WORDS];
  if (read_words(context, arguments, words) != 0) return JS_EXCEPTION;
  return JS_NewInt32(context, CALL(int, words));
}

// callLong(address, a, b, c, d, e, f): the result is 64 bits
NATIVE_FUNCTION(native_call_long) {
  (void)this, (void)count;
  word words[WORDS];
  if (read_words(context, arguments, words) != 0) return JS_EXCEPTION;
  return JS_NewInt64(context, CALL(word, words));
}

// callValue(address, a, b, c, d, e, f): the result is a value of the engine
NATIVE_FUNCTION(native_call_value) {
  (void)this, (void)count;
  word words[WORDS];
  if (read_words(context, arguments, words) != 0) return JS_EXCEPTION;
  return CALL(JSValue, words);
}

// locate(buffer): the address of its memory
NATIVE_FUNCTION(native_locate) {
  (void)this, (void)count;
  size_t length;
  uint8_t *memory = JS_GetArrayBuffer(context, &length, arguments[0]);
  return memory == NULL ? JS_EXCEPTION : JS_NewInt64(context, (word)memory);
}
