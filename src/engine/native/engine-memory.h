// The engine's functions for memory, instead of its own around malloc(3).

#ifndef ENGINE_MEMORY_H
#define ENGINE_MEMORY_H

#include "quickjs.h"

extern const JSMallocFunctions engine_memory;

#endif
