// The engine's memory. The engine decides by the amount in use when to collect circles of objects.

#include "engine-memory.h"
#include <malloc.h>
#include "allocator.h"

// The beginning of the engine's state.
_Static_assert(offsetof(JSMallocState, malloc_count) == offsetof(struct counted, blocks), "blocks");
_Static_assert(offsetof(JSMallocState, malloc_size) == offsetof(struct counted, bytes), "bytes");

static void *get(JSMallocState *state, size_t bytes) {
  return counted_malloc((struct counted *)state, bytes);
}

static void give_back(JSMallocState *state, void *block) {
  counted_free((struct counted *)state, block);
}

static void *resize(JSMallocState *state, void *block, size_t bytes) {
  return counted_realloc((struct counted *)state, block, bytes);
}

static size_t usable_size(const void *block) {
  return malloc_usable_size((void *)block);
}

const JSMallocFunctions engine_memory = {get, give_back, resize, usable_size};
