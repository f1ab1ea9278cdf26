# A system call on x86-64, in GNU as' Intel syntax: syscall(2), "Architecture calling conventions".

.intel_syntax noprefix
.text

# int64_t raw_syscall(const int64_t words[7])
.globl raw_syscall
raw_syscall:
  mov rax, [rdi]
  mov rsi, [rdi+16]
  mov rdx, [rdi+24]
  mov r10, [rdi+32]
  mov r8, [rdi+40]
  mov r9, [rdi+48]
  mov rdi, [rdi+8]
  syscall
  ret

.section .note.GNU-stack, "", %progbits
