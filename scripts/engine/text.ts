// The one function of the module "native" that is C. Compiled and linked by link.ts. Pure.

/**
 * `writeAscii(text, length, buffer, at)` writes a C string into memory that is there already, since a message
 * has hundreds of texts. False, and nothing is written, where the text does not have `length` bytes, that
 * is, is not ASCII; where it has a NUL in it; or where there is no room.
 */
export const TEXT = `
#include <string.h>
#include "quickjs.h"

JSValue native_write_ascii(JSContext *context, JSValueConst this, int count, JSValueConst *arguments) {
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
`;
