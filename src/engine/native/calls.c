// The functions of the module "native" that call the kernel, C and the engine by number or address.
// TypeScript cannot; everything else about C is TypeScript on top of these.

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
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

// Eight bytes at a time: a configuration may have a hundred thousand.
static int is_ascii(const char *bytes, size_t length) {
  size_t at = 0;
  for (uint64_t eight; length - at >= sizeof eight; at += sizeof eight) {
    memcpy(&eight, bytes + at, sizeof eight);
    if (eight & 0x8080808080808080) return 0;
  }
  for (; at < length; at++) if (bytes[at] & 0x80) return 0;
  return 1;
}

// Reads a word, or the address of a text, which lies in memory as a C string if it is ASCII without a NUL. Of
// any other text TypeScript makes the bytes: then this returns 1. `text` is to be freed after the call.
static int read_argument(JSContext *context, JSValueConst argument, word *to, const char **text) {
  if (!JS_IsString(argument)) return read_word(context, argument, to);
  size_t length;
  *text = JS_ToCStringLen(context, &length, argument);
  if (*text == NULL) return -1;
  *to = (word)*text;
  return !is_ascii(*text, length) || memchr(*text, 0, length) != NULL;
}

static word make_call(const word words[WORDS]) {
  return tracing ? traced_call(words) : raw_syscall(words);
}

// syscall(number, a, b, c, d, e, f): what is absent is 0, an array its address. The result is EINTR, too, if
// a text cannot be passed as it is.
NATIVE_FUNCTION(native_syscall) {
  (void)this, (void)count;
  word words[WORDS];
  const char *texts[WORDS] = {NULL};
  JSValue result = JS_EXCEPTION;
  int index = 1, refused = read_word(context, arguments[0], &words[0]);
  while (index < WORDS && refused == 0) {
    refused = read_argument(context, arguments[index], &words[index], &texts[index]);
    index++;
  }
  // If the kernel has refused memory, report that instead of making the call. close(2) is made anyway, since
  // it only undoes something.
  if (refused > 0) result = JS_NewInt32(context, -EINTR);
  else if (refused == 0 && memory_refused && words[0] != SYS_close) result = native_out_of_memory(context);
  else if (refused == 0) result = JS_NewInt64(context, make_call(words));
  while (--index > 0) JS_FreeCString(context, texts[index]);
  return result;
}

static word repeat_if_interrupted(const word words[WORDS]) {
  for (;;) {
    word result = make_call(words);
    if (result != -EINTR) return result;
  }
}

// What a file is first read into.
#define ROOM 4096

// Reads until the end, or once. Returns the length, or a negated errno; -1 with an exception if there is no
// memory for it, which `bytes` shows by being NULL.
static word read_bytes(JSContext *context, word file, int is_short, word most, char **bytes) {
  word length = 0;
  for (word room = ROOM;; room *= 4) {
    char *larger = js_realloc(context, *bytes, room);
    if (larger == NULL) js_free(context, *bytes);
    *bytes = larger;
    if (larger == NULL) return -1;
    while (length < room) {
      const word read[WORDS] = {SYS_read, file, (word)(larger + length), room - length};
      word got = repeat_if_interrupted(read);
      if (got < 0) return got;
      length += got;
      if (length > most || (is_short && length == room)) return -EFBIG;
      if (got == 0 || is_short) return length;
    }
  }
}

// readText(at, path, isShort, most): reads a file until its end, or what one read(2) returns. Returns its
// text, if that is ASCII, otherwise a buffer with its bytes; or a negated errno: EFBIG if it has more than
// `most` bytes, or may have more than one read(2) returns, and EINTR as above.
NATIVE_FUNCTION(native_read_text) {
  (void)this, (void)count;
  word open[WORDS] = {SYS_openat}, is_short, most;
  const char *path = NULL;
  if (read_word(context, arguments[0], &open[1]) != 0) return JS_EXCEPTION;
  if (read_word(context, arguments[2], &is_short) != 0) return JS_EXCEPTION;
  if (read_word(context, arguments[3], &most) != 0) return JS_EXCEPTION;
  int refused = read_argument(context, arguments[1], &open[2], &path);
  if (refused == 0 && memory_refused) refused = (native_out_of_memory(context), -1);
  open[3] = O_RDONLY | O_CLOEXEC;
  word file = refused == 0 ? repeat_if_interrupted(open) : -EINTR;
  JS_FreeCString(context, path);
  if (refused < 0) return JS_EXCEPTION;
  if (file < 0) return JS_NewInt64(context, file);
  char *bytes = NULL;
  word length = read_bytes(context, file, is_short != 0, most, &bytes);
  make_call((const word[WORDS]){SYS_close, file});
  if (bytes == NULL) return JS_EXCEPTION;
  JSValue result;
  if (length < 0) result = JS_NewInt64(context, length);
  else if (is_ascii(bytes, length)) result = JS_NewStringLen(context, bytes, length);
  else result = JS_NewArrayBufferCopy(context, (const uint8_t *)bytes, length);
  js_free(context, bytes);
  return result;
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
