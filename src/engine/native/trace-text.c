// Turns the events that trace.c has collected into text. TypeScript gives a template, in which bytes below 32
// stand for the parts of an event (src/trace/template.ts). This is in C because there are hundreds of events.

#define _GNU_SOURCE
#include <string.h>
#include "module.h"
#include "text.h"
#include "trace-numbers.h"
#include "trace.h"

// src/trace/template.ts
enum field {
  NAME = 1,
  CATEGORY,
  START,
  DURATION,
  PROCESS,
  START_OF_EPOCH,
  END_OF_EPOCH,
  NUMBER,
  PARENT = 11,
  DETAILS,
  WHAT = 14,
  RESULT,
  PROGRAM,
  DATE,
  DROPPED,
  PROCESSES,
};

#define KINDS 16
#define TEMPLATE 512
// How many parts a template may have; few, so that a trace uses few pages.
#define PARTS 16
// The text of an event is always shorter.
#define LONGEST 8192
// put_bytes copies this many bytes at once, so it may write that many too many. Templates and the output have
// room for them at the end.
#define CHUNK 16

// A piece of a template that is copied as it is, and the field that follows it; field 0 is the template's
// end.
struct part {
  const char *text;
  uint32_t length, field;
};

// A template, already split into its parts, since there are hundreds of events.
struct template {
  char text[TEMPLATE + CHUNK];
  struct part parts[PARTS];
};

// The template of an event for the events of one kind and process, in which these are already filled in.
struct filled {
  struct part parts[PARTS];
  // The names of categories and the digits of a pid are shorter than this for each part.
  char text[TEMPLATE + PARTS * 16 + CHUNK];
};

static struct {
  struct template event, what, result, process;
  char categories[TEMPLATE + CHUNK];
  struct {
    const char *text;
    size_t length;
  } category[KINDS];
  struct known pid, seconds, seconds_of_epoch;
  // Events that began at times[n] or later, and before times[n + 1], are contained in event parents[n].
  const double *times;
  const uint32_t *parents;
  size_t bounds;
  // The time of day minus CLOCK_MONOTONIC, in nanoseconds.
  int64_t epoch;
  // For each kind, the process that is filled in. Apart from what is filled in: a page that is read before it
  // is written costs two faults.
  uint32_t process_of[KINDS];
  struct filled filled[KINDS];
} format;

// Readers of Chrome's format keep START and DURATION as doubles, and some draw an event that ends after the
// next one has begun as if it contained that. Eighths of a microsecond are exact as doubles, and as whole
// nanoseconds; so are their sums, if the numbers are not too large.
#define STEP 125
#define WINDOW (SECOND << 20)

// `window` is when the window of the whole command began.
static inline int64_t in_steps(int64_t time, int64_t window) {
  return (time - window) / STEP * STEP;
}

// Rounds the times of all events. The calls of a proxy, which follow on each other, take one step at least:
// some readers confuse events that take no time.
static void round_times(int64_t window) {
  uint32_t process = 0;
  int64_t free_from = 0;
  struct event *event = trace_event(0), *end = trace_event(trace_events);
  for (; event < end; event++) {
    event->start = in_steps(event->start, window);
    event->end = in_steps(event->end, window);
    if (event->kind != trace_inside) continue;
    if (event->process == process && event->start < free_from) event->start = free_from;
    if (event->end <= event->start) event->end = event->start + STEP;
    process = event->process;
    free_from = event->end;
  }
}

static char *put_bytes(char *at, const char *text, size_t length) {
  memcpy(at, text, CHUNK);
  for (size_t done = CHUNK; done < length; done += CHUNK) memcpy(at + done, text + done, CHUNK);
  return at + length;
}

// A number whose bytes are all this one.
#define ALL(byte) (UINT64_C(0x0101010101010101) * (byte))
// For each byte of `word` that is 0, or less than `limit`, the highest bit. Bytes above the first one found
// may be wrong.
#define ZERO(word) (((word) - ALL(1)) & ~(word) & ALL(0x80))
#define LESS(word, limit) (((word) - ALL(limit)) & ~(word) & ALL(0x80))

// How many of the eight bytes at `text` stand for themselves in a JSON string.
static unsigned plain_bytes(const char *text) {
  uint64_t word;
  memcpy(&word, text, sizeof word);
  uint64_t other = LESS(word, ' ') | ZERO(word ^ ALL('"')) | ZERO(word ^ ALL('\\')) | ZERO(word ^ ALL(127));
  other |= word & ALL(0x80);
  return other == 0 ? 8 : __builtin_ctzll(other) / 8;
}

// Writes the character at `*text` in the way of a JSON string. A byte that is not UTF-8 becomes U+FFFD.
static char *put_character(char *at, const char **text) {
  const unsigned char *byte = (const unsigned char *)*text;
  int size = character_size(byte);
  *text += size == 0 ? 1 : size;
  if (size == 0) {
    memcpy(at, "\xef\xbf\xbd", 3);
    return at + 3;
  }
  if (size > 1) {
    memcpy(at, byte, size);
    return at + size;
  }
  if (*byte == '"' || *byte == '\\') {
    at[0] = '\\';
    at[1] = *byte;
    return at + 2;
  }
  memcpy(at, "\\u00", 4);
  at[4] = "0123456789abcdef"[*byte >> 4];
  at[5] = "0123456789abcdef"[*byte & 15];
  return at + 6;
}

// Writes a text for a JSON string. May read up to seven bytes behind its end.
static char *put_text(char *at, const char *text) {
  for (;;) {
    unsigned plain = plain_bytes(text);
    memcpy(at, text, 8);
    at += plain;
    text += plain;
    if (plain == 8) continue;
    if (*text == 0) return at;
    at = put_character(at, &text);
  }
}

// Copies all bytes of a call's entry, which takes less time than copying only those of the name.
static char *put_name(char *at, const struct event *event) {
  if (!event->is_call) return put_text(at, trace_text(event->name));
  const struct named_call *call = trace_call_of(event->name);
  if (call == NULL) return put_text(at, "syscall");
  memcpy(at, call->name, sizeof call->name);
  return at + call->length;
}

static uint32_t parent_of(const struct event *event) {
  if (event->parent != 0) return event->parent - 1;
  size_t low = 0, high = format.bounds;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (format.times[middle] <= (double)event->start) low = middle + 1;
    else high = middle;
  }
  return low == 0 ? 0 : format.parents[low - 1];
}

static inline char *put_part(char *at, const struct part *part) {
  return put_bytes(at, part->text, part->length);
}

// Begins a member of an object or a list: writes what stands before its value.
static inline char *begin_member(char *at, const struct template *template) {
  if (at[-1] != '{' && at[-1] != '[') *at++ = ',';
  return put_part(at, &template->parts[0]);
}

// Writes the details that the event has. The template of each has one field.
static char *put_details(char *at, const struct event *event) {
  if (event->what != 0) {
    at = put_text(begin_member(at, &format.what), trace_text(event->what));
    at = put_part(at, &format.what.parts[1]);
  }
  if (event->has_result) {
    at = put_number(begin_member(at, &format.result), event->result);
    at = put_part(at, &format.result.parts[1]);
  }
  return at;
}

static inline __attribute__((always_inline)) char *put_field(
    char *at, uint32_t field, const struct event *event, uint32_t number) {
  unsigned kind = event->kind % KINDS;
  switch (field) {
    case NAME: return put_name(at, event);
    case CATEGORY: return put_bytes(at, format.category[kind].text, format.category[kind].length);
    case START: return put_time(at, event->start, &format.seconds);
    case DURATION: return put_duration(at, event->end - event->start);
    case PROCESS: return put_known(at, &format.pid, event->process);
    case START_OF_EPOCH: return put_nanoseconds(at, event->start + format.epoch, &format.seconds_of_epoch);
    case END_OF_EPOCH: return put_nanoseconds(at, event->end + format.epoch, &format.seconds_of_epoch);
    case NUMBER: return put_hex(at, number);
    case PARENT: return put_hex(at, parent_of(event));
    case DETAILS: return put_details(at, event);
    case RESULT: return put_number(at, event->result);
    default: return at;
  }
}

static char *put_parts(char *at, const struct part *part, const struct event *event, uint32_t number) {
  for (;; part++) {
    at = put_part(at, part);
    if (part->field == 0) return at;
    at = put_field(at, part->field, event, number);
  }
}

// Fills the event's kind and process into the template of an event.
static void fill_in(struct filled *filled, const struct event *event) {
  struct part *to = filled->parts;
  char *start = filled->text, *at = start;
  for (const struct part *part = format.event.parts;; part++) {
    at = put_part(at, part);
    if (part->field == CATEGORY || part->field == PROCESS) {
      at = put_field(at, part->field, event, 0);
      continue;
    }
    *to++ = (struct part){.text = start, .length = at - start, .field = part->field};
    if (part->field == 0) return;
    start = at;
  }
}

static char *put_event(char *at, const struct event *event, uint32_t number) {
  unsigned kind = event->kind % KINDS;
  struct filled *filled = &format.filled[kind];
  if (format.process_of[kind] != event->process) {
    format.process_of[kind] = event->process;
    fill_in(filled, event);
  }
  return put_parts(at, filled->parts, event, number);
}

static int copy(JSContext *context, char *to, JSValueConst from) {
  size_t length;
  const char *text = JS_ToCStringLen(context, &length, from);
  if (text == NULL) return -1;
  memcpy(to, text, length < TEMPLATE ? length + 1 : 1);
  JS_FreeCString(context, text);
  return 0;
}

// Whether a byte stands for a field. White space does not.
static int is_field(char byte) {
  return byte > 0 && byte <= PROCESSES && byte != '\t' && byte != '\n' && byte != '\r';
}

static int take_apart(JSContext *context, struct template *template, JSValueConst from) {
  if (copy(context, template->text, from) != 0) return -1;
  struct part *part = template->parts, *last = part + PARTS - 1;
  for (const char *byte = template->text;; byte++, part++) {
    const char *start = byte;
    while (*byte != 0 && !is_field(*byte)) byte++;
    *part = (struct part){.text = start, .length = byte - start, .field = part == last ? 0 : *byte};
    if (part->field == 0) return 0;
  }
}

static int64_t nanoseconds(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * SECOND + time.tv_nsec;
}

// traceFormat(event, what, result, process, categories, times, parents): sets the templates. The buffers are
// used until the last text has been made.
NATIVE_FUNCTION(native_trace_format) {
  (void)this, (void)count;
  if (take_apart(context, &format.event, arguments[0]) != 0) return JS_EXCEPTION;
  if (take_apart(context, &format.what, arguments[1]) != 0) return JS_EXCEPTION;
  if (take_apart(context, &format.result, arguments[2]) != 0) return JS_EXCEPTION;
  if (take_apart(context, &format.process, arguments[3]) != 0) return JS_EXCEPTION;
  if (copy(context, format.categories, arguments[4]) != 0) return JS_EXCEPTION;
  size_t length;
  format.times = (const double *)JS_GetArrayBuffer(context, &length, arguments[5]);
  if (format.times == NULL) return JS_EXCEPTION;
  format.bounds = length / sizeof *format.times;
  format.parents = (const uint32_t *)JS_GetArrayBuffer(context, &length, arguments[6]);
  if (format.parents == NULL) return JS_EXCEPTION;
  char *rest = format.categories;
  for (int kind = 0; kind < KINDS; kind++) {
    format.category[kind].text = rest;
    format.category[kind].length = strcspn(rest, " ");
    rest += format.category[kind].length;
    if (*rest == ' ') *rest++ = 0;
  }
  format.epoch = nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_MONOTONIC);
  return JS_UNDEFINED;
}

// The text before and after the events.
static struct {
  const char *before, *after;
  struct event whole;
  // A text, and how many processes have been named.
  uint32_t program, processes;
} frame;

// traceFrame(before, after, program, status): sets the text around the events. Its fields are those of the
// whole command.
NATIVE_FUNCTION(native_trace_frame) {
  (void)this, (void)count;
  int32_t status;
  // They are never freed: the command is about to end.
  frame.before = JS_ToCString(context, arguments[0]);
  frame.after = JS_ToCString(context, arguments[1]);
  if (frame.before == NULL || frame.after == NULL) return JS_EXCEPTION;
  if (trace_keep_value(context, arguments[2], &frame.program) != 0) return JS_EXCEPTION;
  if (JS_ToInt32(context, &status, arguments[3]) != 0) return JS_EXCEPTION;
  frame.whole = trace_whole;
  if (strchr(format.event.text, START) != NULL) {
    int64_t window = trace_whole.start / WINDOW * WINDOW;
    round_times(window);
    frame.whole.start = in_steps(trace_whole.start, window);
    frame.whole.end = in_steps(trace_whole.end, window);
  }
  frame.whole.result = status;
  return JS_UNDEFINED;
}

static char *put_frame_field(char *at, uint32_t field) {
  switch (field) {
    case PROGRAM: return put_text(at, trace_text(frame.program));
    case DATE: return put_date(at, trace_whole.start + format.epoch);
    case DROPPED: return put_number(at, trace_dropped);
    default: return put_field(at, field, &frame.whole, 0);
  }
}

static char *put_process(char *at, const struct named_process *named) {
  struct event event = {.process = named->process, .name = named->name};
  return put_parts(at, format.process.parts, &event, 0);
}

static char *put_frame(char *at, const char *end, const char **rest) {
  while (**rest != 0 && at + LONGEST < end) {
    size_t length = 0;
    while (length < LONGEST && (*rest)[length] != 0 && !is_field((*rest)[length])) length++;
    if (length > 0) {
      memcpy(at, *rest, length);
      at += length;
      *rest += length;
    } else if (**rest == PROCESSES && frame.processes < trace_names) {
      at = put_process(at, trace_name(frame.processes++));
    } else {
      at = put_frame_field(at, *(*rest)++);
    }
  }
  return at;
}

// traceText(): a buffer with the next piece of the text, as much as fits, as UTF-8. It is valid until the
// next call. `undefined` if there is no more.
NATIVE_FUNCTION(native_trace_text) {
  (void)this, (void)count, (void)arguments;
  static uint32_t next = 0;
  char *start = trace_output(), *end = start + OUTPUT;
  char *at = put_frame(start, end, &frame.before);
  const struct event *events = trace_event(0);
  for (; next < trace_events && at + LONGEST < end; next++) at = put_event(at, &events[next], next + 1);
  if (next == trace_events) at = put_frame(at, end, &frame.after);
  if (at == start) return JS_UNDEFINED;
  return JS_NewArrayBuffer(context, (uint8_t *)start, at - start, NULL, NULL, 0);
}
