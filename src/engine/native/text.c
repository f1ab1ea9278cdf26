// Text from C to the engine and back.

#define _GNU_SOURCE
#include "text.h"
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "module.h"

int character_size(const unsigned char *bytes) {
  if (bytes[0] < 0x80) return 1;
  if (bytes[0] < 0xc2 || bytes[0] > 0xf4) return 0;
  int size = bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
  for (int at = 1; at < size; at++) if ((bytes[at] & 0xc0) != 0x80) return 0;
  // Longer than necessary, half of a surrogate pair, or beyond Unicode.
  if (bytes[0] == 0xe0 && bytes[1] < 0xa0) return 0;
  if (bytes[0] == 0xed && bytes[1] > 0x9f) return 0;
  if (bytes[0] == 0xf0 && bytes[1] < 0x90) return 0;
  if (bytes[0] == 0xf4 && bytes[1] > 0x8f) return 0;
  return size;
}

// The same where only `left` bytes may be read.
static int character_within(const unsigned char *bytes, size_t left) {
  if (left >= 4) return character_size(bytes);
  unsigned char last[4] = {0};
  memcpy(last, bytes, left);
  return character_size(last);
}

// A byte that is not UTF-8 becomes U+DC80 to U+DCFF, which the engine reads as a character of three bytes.
JSValue raw_text(JSContext *context, const unsigned char *bytes, size_t length) {
  size_t at = 0, made_length = 0;
  // Eight characters at a time, while they are ASCII.
  for (uint64_t eight; length - at >= sizeof eight; at += sizeof eight) {
    memcpy(&eight, bytes + at, sizeof eight);
    if (eight & 0x8080808080808080) break;
  }
  for (int size = 1; at < length; at += size) {
    size = character_within(bytes + at, length - at);
    if (size == 0) break;
  }
  if (at == length) return JS_NewStringLen(context, (const char *)bytes, length);
  char *made = js_malloc(context, length * 3);
  if (made == NULL) return JS_EXCEPTION;
  for (at = 0; at < length;) {
    int size = character_within(bytes + at, length - at);
    if (size == 0) {
      made[made_length++] = 0xed;
      made[made_length++] = 0xb0 | bytes[at] >> 6;
      made[made_length++] = 0x80 | (bytes[at++] & 0x3f);
    }
    for (; size > 0; size--) made[made_length++] = bytes[at++];
  }
  JSValue text = JS_NewStringLen(context, made, made_length);
  js_free(context, made);
  return text;
}

static JSValue text_of(JSContext *context, const char *from) {
  return raw_text(context, (const unsigned char *)from, strlen(from));
}

JSValue texts_of(JSContext *context, char **list) {
  JSValue array = JS_NewArray(context);
  for (uint32_t index = 0; !JS_IsException(array) && list[index] != NULL; index++) {
    JSValue text = text_of(context, list[index]);
    if (!JS_IsException(text) && JS_SetPropertyUint32(context, array, index, text) >= 0) continue;
    JS_FreeValue(context, array);
    array = JS_EXCEPTION;
  }
  return array;
}

// variable(name): the value of a variable of the environment; `undefined` if it is not set
NATIVE_FUNCTION(native_variable) {
  (void)this, (void)count;
  const char *name = JS_ToCString(context, arguments[0]);
  if (name == NULL) return JS_EXCEPTION;
  const char *value = getenv(name);
  JS_FreeCString(context, name);
  return value == NULL ? JS_UNDEFINED : text_of(context, value);
}

// variables(): the whole environment
NATIVE_FUNCTION(native_variables) {
  (void)this, (void)count, (void)arguments;
  return texts_of(context, environ);
}

// More than a pid and a name of 63 bytes (fs/proc/array.c) take together.
#define LONGEST_NAME 100

// statField(line, field): a field of a line of /proc/PID/stat. The name of the process, the second field, may
// contain anything, so the fields are counted from its end.
NATIVE_FUNCTION(native_stat_field) {
  (void)this, (void)count;
  int32_t field;
  if (JS_ToInt32(context, &field, arguments[1]) != 0) return JS_EXCEPTION;
  size_t length;
  const char *line = JS_ToCStringLen(context, &length, arguments[0]);
  if (line == NULL) return JS_EXCEPTION;
  const char *at = memrchr(line, ')', length < LONGEST_NAME ? length : LONGEST_NAME);
  for (int next = 3; at != NULL && next <= field; next++) {
    at = strchr(at, ' ');
    if (at != NULL) at++;
  }
  JSValue number = at == NULL ? JS_NewFloat64(context, NAN) : JS_NewInt64(context, strtoll(at, NULL, 10));
  JS_FreeCString(context, line);
  return number;
}

// encode(text): a buffer of its UTF-8
NATIVE_FUNCTION(native_encode) {
  (void)this, (void)count;
  size_t length;
  const char *text = JS_ToCStringLen(context, &length, arguments[0]);
  if (text == NULL) return JS_EXCEPTION;
  JSValue buffer = JS_NewArrayBufferCopy(context, (const uint8_t *)text, length);
  JS_FreeCString(context, text);
  return buffer;
}

// encodeRaw(text): a buffer of its bytes, as ../host/raw-text.ts makes them: U+DC80 to U+DCFF are bytes that
// were not UTF-8, and any other half of a surrogate pair is U+FFFD
NATIVE_FUNCTION(native_encode_raw) {
  (void)this, (void)count;
  size_t length, made_length = 0;
  const char *text = JS_ToCStringLen(context, &length, arguments[0]);
  if (text == NULL) return JS_EXCEPTION;
  uint8_t *made = js_malloc(context, length + 1);
  for (size_t at = 0; made != NULL && at < length;) {
    const unsigned char *bytes = (const unsigned char *)text + at;
    int is_half = bytes[0] == 0xed && bytes[1] > 0x9f;
    if (!is_half) {
      made[made_length++] = bytes[0];
      at++;
      continue;
    }
    if ((bytes[1] & 0xfe) == 0xb2) made[made_length++] = (uint8_t)(bytes[1] << 6 | (bytes[2] & 0x3f));
    else {
      memcpy(made + made_length, "\xef\xbf\xbd", 3);
      made_length += 3;
    }
    at += 3;
  }
  JS_FreeCString(context, text);
  if (made == NULL) return JS_EXCEPTION;
  JSValue buffer = JS_NewArrayBufferCopy(context, made, made_length);
  js_free(context, made);
  return buffer;
}

const uint8_t *part_of_buffer(JSContext *context, JSValueConst *arguments, size_t *length) {
  int64_t at, count;
  size_t room;
  if (JS_ToInt64(context, &at, arguments[1]) != 0) return NULL;
  if (JS_ToInt64(context, &count, arguments[2]) != 0) return NULL;
  uint8_t *buffer = JS_GetArrayBuffer(context, &room, arguments[0]);
  if (buffer == NULL) return NULL;
  if (at < 0 || count < 0 || (size_t)at > room || (size_t)count > room - (size_t)at) {
    JS_ThrowRangeError(context, "outside of the buffer");
    return NULL;
  }
  *length = (size_t)count;
  return buffer + at;
}

// decodeRaw(buffer, at, length): the text of these bytes
NATIVE_FUNCTION(native_decode_raw) {
  (void)this, (void)count;
  size_t length;
  const uint8_t *bytes = part_of_buffer(context, arguments, &length);
  return bytes == NULL ? JS_EXCEPTION : raw_text(context, bytes, length);
}

// checksum(buffer, at, length): of words of 32 bits, as src/seccomp/filter.ts reckons it
NATIVE_FUNCTION(native_checksum) {
  (void)this, (void)count;
  size_t length;
  uint32_t sum = 0, next;
  const uint8_t *from = part_of_buffer(context, arguments, &length);
  if (from == NULL) return JS_EXCEPTION;
  for (const uint8_t *end = from + length; end - from >= 4; from += 4) {
    memcpy(&next, from, sizeof next);
    sum = (sum << 5 | sum >> 27) ^ next;
  }
  return JS_NewInt32(context, (int32_t)sum);
}

// writeAscii(text, length, buffer, at): writes a C string into existing memory, since a message has hundreds
// of texts. Returns false and writes nothing if the text does not have `length` bytes, that is, is not ASCII;
// if it contains a NUL; or if it does not fit.
NATIVE_FUNCTION(native_write_ascii) {
  (void)this, (void)count;
  int32_t length, at;
  size_t room, bytes;
  if (JS_ToInt32(context, &length, arguments[1]) != 0) return JS_EXCEPTION;
  if (JS_ToInt32(context, &at, arguments[3]) != 0) return JS_EXCEPTION;
  uint8_t *buffer = JS_GetArrayBuffer(context, &room, arguments[2]);
  if (buffer == NULL) return JS_EXCEPTION;
  if (length < 0 || at < 0 || (size_t)at + (size_t)length + 1 > room) return JS_FALSE;
  const char *text = JS_ToCStringLen(context, &bytes, arguments[0]);
  if (text == NULL) return JS_EXCEPTION;
  int fits = bytes == (size_t)length && memchr(text, 0, bytes) == NULL;
  if (fits) memcpy(buffer + at, text, bytes + 1);
  JS_FreeCString(context, text);
  return JS_NewBool(context, fits);
}
