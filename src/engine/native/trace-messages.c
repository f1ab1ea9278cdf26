// Notes, for `--trace`, the system calls that proxies make. What a message asks for is kept when it is sent;
// the answer has the results and the times. docs/adr/0025-trace.md

#include <stddef.h>
#include <string.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif
#include "message-protocol.h"
#include "module.h"
#include "trace.h"

// How many messages may wait for their answer, and how many operations fit the longest.
#define MESSAGES 4
#define OPERATIONS (MESSAGE_LIMIT / OPERATION_SIZE)
#define NOT_DONE ((int64_t)((uint64_t)NOT_DONE_HIGH << 32))

// src/proxy/wire/protocol.ts
struct operation {
  uint32_t call, flags;
  uint64_t arguments[4];
  // A proxy with a clock writes the times of a call here, in ticks (src/proxy/machine/clock.ts).
  uint64_t began, ended;
  int64_t result;
};
struct header {
  uint32_t count, flags;
  uint64_t length;
};
_Static_assert(sizeof(struct operation) == OPERATION_SIZE, "struct operation");
_Static_assert(offsetof(struct operation, result) == RESULT_OFFSET, "result");
_Static_assert(sizeof(struct header) == HEADER_SIZE, "struct header");

// What is kept of an operation until the answer arrives, which has no texts.
struct told {
  uint16_t call, flags;
  uint32_t what;
};

struct message {
  uint64_t ticks;
  int64_t time;
  uint32_t number, count;
  struct told *operations;
};

static struct message messages[MESSAGES];
static uint32_t sent = 0, told_end = 0;

// The operations of the messages are kept one message after the other, so that few pages are used. There is
// room for the longest messages, even if one of them does not fit the end and begins at the start.
#define TOLD ((MESSAGES + 1) * OPERATIONS)
_Static_assert(TOLD * sizeof(struct told) <= TRACE_ROOM, "struct told");

// The clock that proxies read. It needs no system call, which the container's seccomp profile might forbid.
static uint64_t ticks(void) {
#ifdef __x86_64__
  return __rdtsc();
#else
  uint64_t value;
  __asm__ volatile("mrs %0, cntvct_el0" : "=r"(value));
  return value;
#endif
}

static struct told *room_for(uint32_t count) {
  if (told_end + count > TOLD) told_end = 0;
  struct told *room = (struct told *)trace_room() + told_end;
  told_end += count;
  return room;
}

static uint32_t texts_of_operation(const struct operation *operation, const uint8_t *message, size_t length) {
  uint32_t kept = 0;
  unsigned texts = trace_texts_of(operation->call);
  for (unsigned index = 0; texts != 0 && index < 4; texts >>= 1, index++) {
    // An argument that is the result of an earlier operation is no text.
    if ((texts & 1) == 0 || (operation->flags >> index & 1)) continue;
    uint64_t at = operation->arguments[index] - BUFFER;
    if (at >= length) continue;
    const char *text = (const char *)message + at;
    size_t size = strnlen(text, length - at);
    if (size > 0) kept = trace_keep(kept, text, size);
  }
  return kept;
}

// traceSent(buffer, length): notes the operations of a message that is about to be sent. Returns the
// message's number.
NATIVE_FUNCTION(native_trace_sent) {
  (void)this, (void)count;
  size_t room;
  uint32_t length;
  uint8_t *bytes = JS_GetArrayBuffer(context, &room, arguments[0]);
  if (bytes == NULL || JS_ToUint32(context, &length, arguments[1]) != 0) return JS_EXCEPTION;
  if (length > room) length = room;
  const struct operation *operations = (const void *)(bytes + sizeof(struct header));
  struct message *message = &messages[++sent % MESSAGES];
  uint32_t operations_count = length < sizeof(struct header) ? 0 : ((const struct header *)bytes)->count;
  if (operations_count > (length - sizeof(struct header)) / sizeof *operations) operations_count = 0;
  if (operations_count > OPERATIONS) operations_count = 0;
  *message = (struct message){
    .number = sent, .count = operations_count, .operations = room_for(operations_count)};
  for (uint32_t index = 0; index < operations_count; index++) {
    const struct operation *operation = &operations[index];
    message->operations[index] = (struct told){
      .call = operation->call,
      .flags = operation->flags,
      .what = texts_of_operation(operation, bytes, length),
    };
  }
  message->time = trace_now();
  message->ticks = ticks();
  return JS_NewUint32(context, sent);
}

// The time from a message to its answer, by both clocks.
struct span {
  uint64_t from_tick, to_tick;
  int64_t from, to;
  // Nanoseconds for each tick.
  double rate;
};

// Converts a tick to a time. If the tick is impossible, because the processors' counters differ, returns the
// nearest possible time. `least` is the end of the event before.
static int64_t time_of(uint64_t tick, const struct span *in, int64_t least) {
  if (tick > in->to_tick) tick = in->to_tick;
  if (tick <= in->from_tick) return least;
  int64_t time = in->from + (int64_t)((double)(tick - in->from_tick) * in->rate);
  return time < least ? least : time;
}

// traceAnswer(number, reply, process): adds the calls of the message `number` that `process` has made.
NATIVE_FUNCTION(native_trace_answer) {
  (void)this, (void)count;
  struct span in = {.to_tick = ticks(), .to = trace_now()};
  uint32_t number, process;
  size_t length;
  if (JS_ToUint32(context, &number, arguments[0]) != 0) return JS_EXCEPTION;
  const uint8_t *reply = JS_GetArrayBuffer(context, &length, arguments[1]);
  if (reply == NULL || JS_ToUint32(context, &process, arguments[2]) != 0) return JS_EXCEPTION;
  const struct message *message = &messages[number % MESSAGES];
  // Later messages have taken its place.
  if (message->number != number) return JS_UNDEFINED;
  const struct operation *done = (const void *)(reply + sizeof(struct header));
  uint32_t first = trace_events;
  if (length < sizeof(struct header) + message->count * sizeof *done) return JS_UNDEFINED;
  in.from_tick = message->ticks;
  int64_t least = in.from = message->time;
  // Not used if there are no ticks between.
  in.rate = (double)(in.to - in.from) / (double)(in.to_tick - in.from_tick);
  for (uint32_t index = 0; index < message->count; index++) {
    const struct told *told = &message->operations[index];
    if (done[index].result == NOT_DONE) continue;
    // The answer comes from the child of a clone. It has a copy of its parent's memory, so the calls before
    // the clone were made by the parent.
    if ((told->flags & CLONES) && done[index].result == 0) {
      trace_events = first;
      continue;
    }
    struct event *event = trace_add(EVENTS - SPARE);
    if (event == NULL) continue;
    event->start = time_of(done[index].began, &in, least);
    event->end = least = time_of(done[index].ended, &in, event->start);
    event->result = done[index].result;
    event->process = process;
    event->name = told->call;
    event->what = told->what;
    event->kind = trace_inside;
    event->is_call = event->has_result = 1;
  }
  return JS_UNDEFINED;
}

// The names of the calls that a message asks for.
static uint32_t names_of(const struct message *message) {
  char names[LONGEST_TEXT + sizeof(struct named_call)];
  size_t length = 0;
  for (uint32_t index = 0; index < message->count && length < LONGEST_TEXT; index++) {
    const struct named_call *call = trace_call_of(message->operations[index].call);
    if (call == NULL) continue;
    if (length > 0) {
      memcpy(names + length, ", ", 2);
      length += 2;
    }
    memcpy(names + length, call->name, call->length);
    length += call->length;
  }
  return length == 0 ? 0 : trace_keep(0, names, length);
}

// traceUnanswered(number, name, start, process): adds an event that ends now, for what `process` was told in
// the message `number`. When it made each call is not known.
NATIVE_FUNCTION(native_trace_unanswered) {
  (void)this, (void)count;
  struct event span = {.end = trace_now(), .kind = trace_inside};
  uint32_t number;
  if (JS_ToUint32(context, &number, arguments[0]) != 0) return JS_EXCEPTION;
  if (trace_keep_value(context, arguments[1], &span.name) != 0) return JS_EXCEPTION;
  if (JS_ToInt64(context, &span.start, arguments[2]) != 0) return JS_EXCEPTION;
  if (JS_ToUint32(context, &span.process, arguments[3]) != 0) return JS_EXCEPTION;
  const struct message *message = &messages[number % MESSAGES];
  if (message->number == number) span.what = names_of(message);
  struct event *event = trace_add(EVENTS);
  if (event != NULL) *event = span;
  return JS_UNDEFINED;
}
