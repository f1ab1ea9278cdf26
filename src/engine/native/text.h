// Text from C to the engine.

#ifndef TEXT_H
#define TEXT_H

#include "quickjs.h"

// Converts a list of C strings that ends with NULL to an array. Bytes that are not UTF-8 are kept.
JSValue texts_of(JSContext *context, char **list);

// How many bytes the character at the start of `bytes` has; 0 if it is not UTF-8.
int character_size(const unsigned char *bytes);

#endif
