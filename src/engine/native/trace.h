// How a system call is made; and the events of a trace, which trace.c and trace-messages.c collect and
// trace-text.c turns into text.

#ifndef TRACE_H
#define TRACE_H

#include <stdint.h>
#include "quickjs.h"

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

// A process other than this one. The name is a text.
struct named_process {
  uint32_t process, name;
};

#define EVENTS (1 << 15)
// This many events are reserved for TypeScript, even if there are too many calls.
#define SPARE (1 << 12)
#define LONGEST_TEXT 255
// Small, since the kernel must provide each page that is used.
#define OUTPUT (28 << 10)
#define TRACE_ROOM (60 << 10)

int64_t trace_now(void);
// Adds an event, unless there are `room` already. Returns NULL if it was left out.
struct event *trace_add(uint32_t room);
// Stores a text. If `start` is not 0, appends it to the last text, which began there. Returns where the text
// begins.
uint32_t trace_keep(uint32_t start, const char *text, size_t length);
// Stores a string of the engine, or 0 if it is empty. Returns -1 if the engine has thrown.
int trace_keep_value(JSContext *context, JSValueConst value, uint32_t *kept);
// Memory of TRACE_ROOM bytes for the operations of messages.
void *trace_room(void);
// The arguments of a call that are texts: bit 0 is the first.
unsigned trace_texts_of(uint32_t call);
// The kind of events that are calls of proxies.
extern uint8_t trace_inside;

extern uint32_t trace_events, trace_dropped, trace_names;
// The whole command: its name, start, end and process.
extern struct event trace_whole;
struct event *trace_event(uint32_t index);
const char *trace_text(uint32_t text);
// Looks up a call by number. Returns NULL if it is unknown.
const struct named_call *trace_call_of(uint32_t number);
const struct named_process *trace_name(uint32_t index);
char *trace_output(void);

#endif
