# Changes to another stack on x86-64, in GNU as' Intel syntax. What a function has to keep for its caller is
# left on the stack (System V ABI, "Registers").

.intel_syntax noprefix
.text

# void exchange_stack(void **other): goes on where `*other` was left, which becomes where this stack was left
.globl exchange_stack
exchange_stack:
  push rbp
  push rbx
  push r12
  push r13
  push r14
  push r15
  mov rax, [rdi]
  mov [rdi], rsp
  mov rsp, rax
  pop r15
  pop r14
  pop r13
  pop r12
  pop rbx
  pop rbp
  ret

.section .note.GNU-stack, "", %progbits
