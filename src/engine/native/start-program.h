// Starts a program without waiting until it executes; see start-program.c.

#ifndef START_PROGRAM_H
#define START_PROGRAM_H

struct order;

// Returns the pid, or an error.
int start_program(const struct order *asked);
// Waits until the program that was started last has been executed. The error with which it could not be, or
// 0.
int program_failure(void);

#endif
