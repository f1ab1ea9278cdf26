// Reports to the engine that the kernel gives no more memory. Because of the allocator's reserve, this
// happens where a command can handle it: instead of its next system call. docs/adr/0017-end-of-memory.md

#include "allocator.h"
#include "module.h"

// Called once by native_syscall, instead of the system call.
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
