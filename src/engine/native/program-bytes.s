/* The bytecode of tsrun's program, of which the snapshot is made. */

.section .rodata
.globl program, program_end
.balign 8
program: .incbin "program.bytecode"
program_end:
.section .note.GNU-stack, "", %progbits
