// Text from C to the engine, and the bytes that are given to C.

#ifndef TEXT_H
#define TEXT_H

#include "quickjs.h"

// Converts a list of C strings that ends with NULL to an array. Bytes that are not UTF-8 are kept.
JSValue texts_of(JSContext *context, char **list);

// Converts bytes to text, as ../host/raw-text.ts does.
JSValue raw_text(JSContext *context, const unsigned char *bytes, size_t length);

// The bytes that three arguments name: a buffer, where they begin, and how many. NULL after an error.
const uint8_t *part_of_buffer(JSContext *context, JSValueConst *arguments, size_t *length);

// How many bytes the character at the start of `bytes` has; 0 if it is not UTF-8.
int character_size(const unsigned char *bytes);

#endif
