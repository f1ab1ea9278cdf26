// How the engine hears that the kernel gives no more memory. The allocator has a reserve, so that it is told
// where a command can bear it: at a system call, in place of the call. docs/adr/0017-end-of-memory.md

#include "allocator.h"
#include "module.h"

// native_syscall comes here instead, once.
JSValue native_out_of_memory(JSContext *context) {
  memory_refused = 0;
  return JS_ThrowOutOfMemory(context);
}

// useReserve()
NATIVE_FUNCTION(native_use_reserve) {
  (void)context, (void)this, (void)count, (void)arguments;
  release_reserve();
  return JS_UNDEFINED;
}
