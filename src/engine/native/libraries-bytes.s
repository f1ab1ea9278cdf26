/* The program that libraries.c becomes, as a piece of tsrun. */

.section .rodata
.globl libraries, libraries_end
.balign 8
libraries: .incbin "libraries"
libraries_end:
.section .note.GNU-stack, "", %progbits
