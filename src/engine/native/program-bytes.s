/*
 * The bytecode of tsrun's program, of which the snapshot is made. In a section of its own, behind all others
 * that have bytes: tsrun goes without it (scripts/engine/snapshot.ts).
 */

.section .program, "aw", %progbits
.globl program, program_end
.balign 8
program: .incbin "program.bytecode"
program_end:
.section .note.GNU-stack, "", %progbits
