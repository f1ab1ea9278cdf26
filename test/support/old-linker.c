// A dynamic linker that gives up as that of an old glibc does: for test/e2e/bare-host.test.ts. It is started
// for another program, whose headers a C library would take for its own, so it has none.

static long call(long number, long first, const void *second, long third) {
#ifdef __x86_64__
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(first), "S"(second), "d"(third)
                   : "rcx", "r11", "memory");
  return result;
#else
  register long x8 __asm__("x8") = number, x0 __asm__("x0") = first, x2 __asm__("x2") = third;
  register const void *x1 __asm__("x1") = second;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
  return x0;
#endif
}

#ifdef __x86_64__
#define WRITE 1
#define EXIT_GROUP 231
#else
#define WRITE 64
#define EXIT_GROUP 94
#endif

void _start(void) {
  static const char words[] = "tsrun-libraries: libc.so.6: version `GLIBC_2.34' not found\n";
  call(WRITE, 2, words, sizeof words - 1);
  for (;;) call(EXIT_GROUP, 1, 0, 0);
}
