// Collects the events for `--trace`: the system calls of this process, those that proxies made for it, and
// events that TypeScript adds. This is in C because a command makes hundreds of calls within milliseconds,
// and noting a call must not take as long as making it. Everything is in one mapping, so nothing is allocated
// between two calls. trace-text.c turns the events into text. docs/adr/0025-trace.md

#define _GNU_SOURCE
#include "trace.h"
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#ifdef __x86_64__
#include <x86intrin.h>
#endif
#include "message-protocol.h"
#include "module.h"

#define EVENTS (1 << 15)
// This many events are reserved for TypeScript, even if there are too many calls.
#define SPARE (1 << 12)
#define TEXTS (2 << 20)
#define LONGEST_TEXT 255
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
  struct told operations[OPERATIONS];
};

static struct area {
  struct event events[EVENTS];
  struct message messages[MESSAGES];
  char texts[TEXTS];
  char output[OUTPUT];
} *area = NULL;

int tracing = 0;
uint32_t trace_events = 0;
struct event trace_whole = {0};
static uint32_t texts_end = 1, messages = 0, dropped = 0, self = 0;
static const struct named_call *calls = NULL;
static uint32_t call_count = 0;
static uint8_t call_kind = 0, inside_kind = 0, phase_kind = 0;
static uint32_t phase_name = 0;
static int64_t phase_start = 0;

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

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

const struct event *trace_event(uint32_t index) {
  return &area->events[index];
}

const char *trace_text(uint32_t text) {
  return area->texts + text;
}

char *trace_output(void) {
  return area->output;
}

const struct named_call *trace_call(const struct event *event) {
  if (!event->is_call || event->name >= call_count) return NULL;
  return calls[event->name].length > 0 ? &calls[event->name] : NULL;
}

static struct event *add_event(uint32_t room) {
  if (trace_events >= room) {
    dropped++;
    return NULL;
  }
  struct event *event = &area->events[trace_events++];
  *event = (struct event){0};
  return event;
}

// Stores a text. If `start` is not 0, appends it to the last text, which began there. Returns where the text
// begins.
static uint32_t keep(uint32_t start, const char *text, size_t length) {
  if (length > LONGEST_TEXT) length = LONGEST_TEXT;
  if (texts_end + length + 3 > TEXTS) return start;
  if (start != 0) {
    memcpy(area->texts + texts_end - 1, ", ", 2);
    texts_end += 1;
  }
  uint32_t at = texts_end;
  memcpy(area->texts + at, text, length);
  area->texts[at + length] = 0;
  texts_end += length + 1;
  return start != 0 ? start : at;
}

static unsigned texts_of_call(uint32_t call) {
  return call < call_count ? calls[call].texts : 0;
}

word traced_call(const word words[WORDS]) {
  int64_t start = now(), result = raw_syscall(words), end = now();
  struct event *event = add_event(EVENTS - SPARE);
  if (event == NULL) return result;
  event->start = start;
  event->end = end;
  event->result = result;
  event->process = self;
  event->name = words[0];
  event->kind = call_kind;
  event->is_call = event->has_result = 1;
  for (unsigned texts = texts_of_call(words[0]), index = 1; texts != 0; texts >>= 1, index++) {
    const char *text = (const char *)words[index];
    if ((texts & 1) && text != NULL && *text != 0) event->what = keep(event->what, text, strlen(text));
  }
  return result;
}

static int keep_value(JSContext *context, JSValueConst value, uint32_t *kept) {
  size_t length;
  const char *text = JS_ToCStringLen(context, &length, value);
  if (text == NULL) return -1;
  *kept = length == 0 ? 0 : keep(0, text, length);
  JS_FreeCString(context, text);
  return 0;
}

// beginTrace(calls, callKind, insideKind, phaseKind, name): begins to note system calls. `name` is that of
// the command and of the first phase. Returns false if there is no memory.
NATIVE_FUNCTION(native_begin_trace) {
  (void)this, (void)count;
  size_t length;
  uint8_t *table = JS_GetArrayBuffer(context, &length, arguments[0]);
  if (table == NULL) return JS_EXCEPTION;
  void *mapped = mmap(NULL, sizeof *area, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return JS_FALSE;
  area = mapped;
  calls = (const struct named_call *)table;
  call_count = length / sizeof *calls;
  call_kind = JS_VALUE_GET_INT(arguments[1]);
  inside_kind = JS_VALUE_GET_INT(arguments[2]);
  phase_kind = JS_VALUE_GET_INT(arguments[3]);
  self = getpid();
  if (keep_value(context, arguments[4], &phase_name) != 0) return JS_EXCEPTION;
  phase_start = now();
  trace_whole = (struct event){.start = phase_start, .process = self, .name = phase_name};
  tracing = 1;
  return JS_TRUE;
}

static int64_t end_phase(void) {
  int64_t end = now();
  struct event *event = add_event(EVENTS);
  if (event == NULL) return end;
  event->start = phase_start;
  event->end = end;
  event->process = self;
  event->name = phase_name;
  event->kind = phase_kind;
  return end;
}

// tracePhase(name): ends the current phase, and begins one of this name.
NATIVE_FUNCTION(native_trace_phase) {
  (void)this, (void)count;
  phase_start = end_phase();
  return keep_value(context, arguments[0], &phase_name) == 0 ? JS_UNDEFINED : JS_EXCEPTION;
}

// endTrace(): stops noting. Returns how many events were left out because there was no room.
NATIVE_FUNCTION(native_end_trace) {
  (void)this, (void)count, (void)arguments;
  trace_whole.end = end_phase();
  tracing = 0;
  return JS_NewUint32(context, dropped);
}

// traceNow(): nanoseconds
NATIVE_FUNCTION(native_trace_now) {
  (void)this, (void)count, (void)arguments;
  return JS_NewInt64(context, now());
}

// traceSpan(kind, name, what, start, process): adds an event that ends now.
NATIVE_FUNCTION(native_trace_span) {
  (void)this, (void)count;
  int32_t kind, process;
  int64_t start, end = now();
  uint32_t name, what;
  if (JS_ToInt32(context, &kind, arguments[0]) != 0) return JS_EXCEPTION;
  if (keep_value(context, arguments[1], &name) != 0) return JS_EXCEPTION;
  if (keep_value(context, arguments[2], &what) != 0) return JS_EXCEPTION;
  if (JS_ToInt64(context, &start, arguments[3]) != 0) return JS_EXCEPTION;
  if (JS_ToInt32(context, &process, arguments[4]) != 0) return JS_EXCEPTION;
  struct event *event = add_event(EVENTS);
  if (event == NULL) return JS_UNDEFINED;
  event->kind = kind;
  event->name = name;
  event->what = what;
  event->start = start;
  event->end = end;
  event->process = process == 0 ? self : (uint32_t)process;
  return JS_UNDEFINED;
}

static int is_own_span(const struct event *event) {
  return !event->is_call && event->process == self;
}

// traceSpans(): the number, the start and the end of each event of this process that is not a call, as
// doubles
NATIVE_FUNCTION(native_trace_spans) {
  (void)this, (void)count, (void)arguments;
  size_t spans = 0;
  for (uint32_t index = 0; index < trace_events; index++) spans += is_own_span(&area->events[index]);
  double *told = js_malloc(context, (spans + 1) * 3 * sizeof *told), *at = told;
  if (told == NULL) return JS_EXCEPTION;
  for (uint32_t index = 0; index < trace_events; index++) {
    const struct event *event = &area->events[index];
    if (!is_own_span(event)) continue;
    *at++ = index + 1;
    *at++ = event->start;
    *at++ = event->end;
  }
  JSValue buffer = JS_NewArrayBufferCopy(context, (const uint8_t *)told, spans * 3 * sizeof *told);
  js_free(context, told);
  return buffer;
}

// traceParent(number, parent): notes that the event with the number `parent - 1` contains the event `number`.
NATIVE_FUNCTION(native_trace_parent) {
  (void)this, (void)count;
  uint32_t number, parent;
  if (JS_ToUint32(context, &number, arguments[0]) != 0) return JS_EXCEPTION;
  if (JS_ToUint32(context, &parent, arguments[1]) != 0) return JS_EXCEPTION;
  if (number > 0 && number <= trace_events) area->events[number - 1].parent = parent;
  return JS_UNDEFINED;
}

static uint32_t texts_of_operation(const struct operation *operation, const uint8_t *message, size_t length) {
  uint32_t kept = 0;
  unsigned texts = texts_of_call(operation->call);
  for (unsigned index = 0; texts != 0 && index < 4; texts >>= 1, index++) {
    // An argument that is the result of an earlier operation is no text.
    if ((texts & 1) == 0 || (operation->flags >> index & 1)) continue;
    uint64_t at = operation->arguments[index] - BUFFER;
    if (at >= length) continue;
    const char *text = (const char *)message + at;
    size_t size = strnlen(text, length - at);
    if (size > 0) kept = keep(kept, text, size);
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
  struct message *message = &area->messages[++messages % MESSAGES];
  message->number = messages;
  message->count = 0;
  uint32_t operations_count = length < sizeof(struct header) ? 0 : ((const struct header *)bytes)->count;
  if (operations_count > (length - sizeof(struct header)) / sizeof *operations) operations_count = 0;
  if (operations_count > OPERATIONS) operations_count = 0;
  for (uint32_t index = 0; index < operations_count; index++) {
    const struct operation *operation = &operations[index];
    message->operations[message->count++] = (struct told){
      .call = operation->call,
      .flags = operation->flags,
      .what = texts_of_operation(operation, bytes, length),
    };
  }
  message->time = now();
  message->ticks = ticks();
  return JS_NewUint32(context, messages);
}

// The time from a message to its answer, by both clocks.
struct span {
  uint64_t from_tick, to_tick;
  int64_t from, to;
};

// Converts a tick to a time. If the tick is impossible, because the processors' counters differ, returns the
// nearest possible time. `least` is the end of the event before.
static int64_t time_of(uint64_t tick, struct span in, int64_t least) {
  if (tick > in.to_tick) tick = in.to_tick;
  if (tick <= in.from_tick) return least;
  double part = (double)(tick - in.from_tick) / (double)(in.to_tick - in.from_tick);
  int64_t time = in.from + (int64_t)(part * (double)(in.to - in.from));
  return time < least ? least : time;
}

// traceAnswer(number, reply, process): adds the calls of the message `number` that `process` has made.
NATIVE_FUNCTION(native_trace_answer) {
  (void)this, (void)count;
  struct span in = {.to_tick = ticks(), .to = now()};
  uint32_t number, process;
  size_t length;
  if (JS_ToUint32(context, &number, arguments[0]) != 0) return JS_EXCEPTION;
  const uint8_t *reply = JS_GetArrayBuffer(context, &length, arguments[1]);
  if (reply == NULL || JS_ToUint32(context, &process, arguments[2]) != 0) return JS_EXCEPTION;
  const struct message *message = &area->messages[number % MESSAGES];
  // Later messages have taken its place.
  if (message->number != number) return JS_UNDEFINED;
  const struct operation *done = (const void *)(reply + sizeof(struct header));
  uint32_t first = trace_events;
  if (length < sizeof(struct header) + message->count * sizeof *done) return JS_UNDEFINED;
  in.from_tick = message->ticks;
  int64_t least = in.from = message->time;
  for (uint32_t index = 0; index < message->count; index++) {
    const struct told *told = &message->operations[index];
    if (done[index].result == NOT_DONE) continue;
    // The answer comes from the child of a clone. It has a copy of its parent's memory, so the calls before
    // the clone were made by the parent.
    if ((told->flags & CLONES) && done[index].result == 0) {
      trace_events = first;
      continue;
    }
    struct event *event = add_event(EVENTS - SPARE);
    if (event == NULL) continue;
    event->start = time_of(done[index].began, in, least);
    event->end = least = time_of(done[index].ended, in, event->start);
    event->result = done[index].result;
    event->process = process;
    event->name = told->call;
    event->what = told->what;
    event->kind = inside_kind;
    event->is_call = event->has_result = 1;
  }
  return JS_UNDEFINED;
}
