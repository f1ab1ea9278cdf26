// Gives the thread its own memory (arch_prctl(2), ARCH_SET_FS). Replaces musl's function, which is called
// before anything else and crashes without a message if it fails. On arm64 no system call is needed.

#ifdef __x86_64__
#include <sys/syscall.h>

// <asm/prctl.h>, which musl does not have.
#define ARCH_SET_FS 0x1002

// One of musl's internal functions; it returns only after success.
int __set_thread_area(void *memory);

// syscall(3) would leave an error in errno, which lies in the memory that is not there yet.
static long call(long number, long first, const void *second, long third) {
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(first), "S"(second), "d"(third)
                   : "rcx", "r11", "memory");
  return result;
}

int __set_thread_area(void *memory) {
  if (call(SYS_arch_prctl, ARCH_SET_FS, memory, 0) == 0) return 0;
  static const char words[] =
      "level=error msg=\"cannot set up the memory of a thread: arch_prctl(ARCH_SET_FS) failed\""
      " code=E_SYSCALL\n";
  long status = call(SYS_write, 2, words, sizeof words - 1) < 0 ? 2 : 1;
  for (;;) call(SYS_exit_group, status, 0, 0);
}
#endif
