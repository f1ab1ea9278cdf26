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

// int64_t raw_clone3(const struct clone_args *, size_t size, void (*begin)(void)): calls `begin` in the child
.globl raw_clone3
raw_clone3:
  mov x9, x2
  mov x8, #435
  svc #0
  cbz x0, 1f
  ret
1:
  mov x29, xzr
  blr x9
  brk #1

.section .note.GNU-stack, "", %progbits
