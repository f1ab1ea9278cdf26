// How the engine hears that the kernel gives no more memory, in C. The allocator (allocator.ts) has a
// reserve, so that it is told where a command can bear it: at a system call, in place of the call. Compiled
// and linked by link.ts. Pure.

export const END_OF_MEMORY = `
#include "quickjs.h"

// The allocator's.
extern int memory_refused;
extern void release_reserve(void);

// native_syscall comes here instead, once.
JSValue native_out_of_memory(JSContext *context) {
  memory_refused = 0;
  return JS_ThrowOutOfMemory(context);
}

// useReserve()
JSValue native_use_reserve(JSContext *context, JSValueConst this, int count, JSValueConst *arguments) {
  (void)context, (void)this, (void)count, (void)arguments;
  release_reserve();
  return JS_UNDEFINED;
}
`;

/** What functions of musl's call, in place of its own allocator. */
export const FOR_MUSL = `
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
`;
