// Text from C to the engine.

#ifndef TEXT_H
#define TEXT_H

#include "quickjs.h"

// A list of C strings, NULL at its end, as an array. Bytes that are no UTF-8 are not lost.
JSValue texts_of(JSContext *context, char **list);

#endif
