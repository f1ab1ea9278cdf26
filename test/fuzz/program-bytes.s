/* The bytecode of the program that is fuzzed. */

.section .rodata
.globl program, program_end
.balign 8
program: .incbin "program.bytecode"
program_end:
.section .note.GNU-stack, "", %progbits
