// Changes to another stack on arm64. What a function has to keep for its caller is left on the stack
// (AAPCS64, "General-purpose registers", "SIMD and Floating-Point registers").

.text

// void exchange_stack(void **other): goes on where `*other` was left, which becomes where this stack was left
.globl exchange_stack
exchange_stack:
  sub sp, sp, #160
  stp x19, x20, [sp]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  ldr x9, [x0]
  mov x10, sp
  str x10, [x0]
  mov sp, x9
  ldp x19, x20, [sp]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret

.section .note.GNU-stack, "", %progbits
