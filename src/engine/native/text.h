// Text from C to the engine.

#ifndef TEXT_H
#define TEXT_H

#include "quickjs.h"

// A list of C strings that ends with NULL, as an array. Bytes that are not UTF-8 are not lost.
JSValue texts_of(JSContext *context, char **list);

#endif
