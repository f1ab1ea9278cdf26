// How large stacks are.

#ifndef STACK_H
#define STACK_H

// The most stack that JavaScript may use, in bytes: half of what a process usually has (getrlimit(2),
// RLIMIT_STACK), and enough for a configuration nested as deep as src/spec/json-positions.ts allows.
#define STACK_SIZE ((size_t)4 << 20)

#endif
