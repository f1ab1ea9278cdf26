// Called by functions of musl instead of its own allocator.

#include <stdlib.h>

void *__libc_malloc(size_t bytes) {
  return malloc(bytes);
}

void *__libc_calloc(size_t count, size_t each) {
  return calloc(count, each);
}

void *__libc_realloc(void *block, size_t bytes) {
  return realloc(block, bytes);
}

void __libc_free(void *block) {
  free(block);
}
