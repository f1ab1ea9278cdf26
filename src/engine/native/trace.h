// How a system call is made, and the events that trace.c has collected, for trace-text.c.

#ifndef TRACE_H
#define TRACE_H

#include <stdint.h>

typedef int64_t word;

// A number or an address, and its six arguments.
#define WORDS 7

// In syscall-*.s. The first word is the number. Returns the kernel's result, which is a negated errno for an
// error.
word raw_syscall(const word words[WORDS]);

// Whether calls are noted. If so, traced_call makes a call and notes it.
extern int tracing;
word traced_call(const word words[WORDS]);

// Something that took time. Times are nanoseconds of CLOCK_MONOTONIC.
struct event {
  int64_t start, end, result;
  uint32_t process;
  // The number of a system call; for all other events, a text.
  uint32_t name;
  // A text; 0 if there is none.
  uint32_t what;
  // One more than the number of the event that contains it; 0 if that is to be looked up.
  uint32_t parent;
  uint8_t kind, is_call, has_result;
};

// An entry of the table of system calls, which is indexed by number.
struct named_call {
  char name[24];
  // Which arguments are texts: bit 0 is the first.
  uint8_t texts;
  // The length of the name; 0 if no call has this number.
  uint8_t length, padding[6];
};

// Small, since the kernel must provide each page that is used.
#define OUTPUT (28 << 10)

extern uint32_t trace_events;
// The whole command: its name, start, end and process.
extern struct event trace_whole;
const struct event *trace_event(uint32_t index);
const char *trace_text(uint32_t text);
// Looks up the call of an event. Returns NULL if the event is not a call, or if the call is unknown.
const struct named_call *trace_call(const struct event *event);
char *trace_output(void);

#endif
