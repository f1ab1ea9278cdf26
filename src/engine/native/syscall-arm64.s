// A system call on arm64: syscall(2), "Architecture calling conventions".

.text

// int64_t raw_syscall(const int64_t words[7])
.globl raw_syscall
raw_syscall:
  mov x9, x0
  ldr x8, [x9]
  ldp x0, x1, [x9, #8]
  ldp x2, x3, [x9, #24]
  ldp x4, x5, [x9, #40]
  svc #0
  ret

.section .note.GNU-stack, "", %progbits
