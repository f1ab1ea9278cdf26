// Turns the events that trace.c has collected into text. TypeScript gives a template, in which bytes below 32
// stand for the parts of an event (src/trace/template.ts). This is in C because there are hundreds of events.

#define _GNU_SOURCE
#include <string.h>
#include <time.h>
#include "module.h"
#include "text.h"
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
};

#define KINDS 16
#define TEMPLATE 512
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
  struct part parts[TEMPLATE / 8];
};

// The digits of the last number, which the next event often has too, such as a pid.
struct known {
  int64_t number;
  uint32_t length;
  char digits[24];
};

static struct {
  struct template event, what, result;
  char categories[TEMPLATE + CHUNK];
  struct {
    const char *text;
    size_t length;
  } category[KINDS];
  struct known process, seconds, seconds_of_epoch;
  // Events that began at times[n] or later, and before times[n + 1], are contained in event parents[n].
  const double *times;
  const uint32_t *parents;
  size_t bounds;
  // The time of day minus CLOCK_MONOTONIC, in nanoseconds.
  int64_t epoch;
} format;

static char *put_bytes(char *at, const char *text, size_t length) {
  memcpy(at, text, CHUNK);
  for (size_t done = CHUNK; done < length; done += CHUNK) memcpy(at + done, text + done, CHUNK);
  return at + length;
}

static char *put_number(char *at, int64_t number) {
  if (number >= 0 && number < 10) {
    *at = '0' + number;
    return at + 1;
  }
  char digits[20];
  int length = 0;
  uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
  do digits[length++] = '0' + rest % 10; while ((rest /= 10) != 0);
  if (number < 0) *at++ = '-';
  while (length > 0) *at++ = digits[--length];
  return at;
}

static char *put_known(char *at, struct known *known, int64_t number) {
  if (known->length == 0 || known->number != number) {
    known->number = number;
    known->length = put_number(known->digits, number) - known->digits;
  }
  memcpy(at, known->digits, sizeof known->digits);
  return at + known->length;
}

static char *put_three(char *at, uint32_t number) {
  at[0] = '0' + number / 100;
  at[1] = '0' + number / 10 % 10;
  at[2] = '0' + number % 10;
  return at + 3;
}

// Microseconds with three decimals.
static char *put_duration(char *at, int64_t nanoseconds) {
  at = put_number(at, nanoseconds / 1000);
  *at++ = '.';
  return put_three(at, nanoseconds % 1000);
}

// Microseconds with three decimals, for a time. The seconds are kept: they are nearly always the same.
static char *put_time(char *at, int64_t nanoseconds) {
  int64_t seconds = nanoseconds / 1000000000;
  if (seconds <= 0) return put_duration(at, nanoseconds);
  uint32_t rest = nanoseconds % 1000000000;
  at = put_known(at, &format.seconds, seconds);
  at = put_three(at, rest / 1000000);
  at = put_three(at, rest / 1000 % 1000);
  *at++ = '.';
  return put_three(at, rest % 1000);
}

static char *put_epoch(char *at, int64_t nanoseconds) {
  int64_t seconds = nanoseconds / 1000000000;
  if (seconds <= 0) return put_number(at, nanoseconds);
  uint32_t rest = nanoseconds % 1000000000;
  at = put_known(at, &format.seconds_of_epoch, seconds);
  at = put_three(at, rest / 1000000);
  at = put_three(at, rest / 1000 % 1000);
  return put_three(at, rest % 1000);
}

static char *put_hex(char *at, uint32_t number) {
  for (int shift = 28; shift >= 0; shift -= 4) *at++ = "0123456789abcdef"[number >> shift & 15];
  return at;
}

// Writes a text for a JSON string. A byte that is not UTF-8 becomes U+FFFD.
static char *put_text(char *at, const char *text) {
  for (const unsigned char *byte = (const unsigned char *)text; *byte != 0;) {
    if (*byte >= 32 && *byte < 127) {
      if (*byte == '"' || *byte == '\\') *at++ = '\\';
      *at++ = *byte++;
      continue;
    }
    int size = character_size(byte);
    if (size == 0) {
      memcpy(at, "\xef\xbf\xbd", 3);
      at += 3;
      byte++;
    } else if (size == 1) {
      memcpy(at, "\\u00", 4);
      at[4] = "0123456789abcdef"[*byte >> 4];
      at[5] = "0123456789abcdef"[*byte & 15];
      at += 6;
      byte++;
    } else {
      while (size-- > 0) *at++ = *byte++;
    }
  }
  return at;
}

// Copies all bytes of a call's entry, which takes less time than copying only those of the name.
static char *put_name(char *at, const struct event *event) {
  const struct named_call *call = trace_call(event);
  if (call == NULL) return put_text(at, event->is_call ? "syscall" : trace_text(event->name));
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

static char *put(char *at, const struct template *template, const struct event *event, uint32_t number);

// Appends a member to an object or a list.
static char *put_member(
    char *at, const struct template *template, const struct event *event, uint32_t number) {
  if (at[-1] != '{' && at[-1] != '[') *at++ = ',';
  return put(at, template, event, number);
}

// Writes the details that the event has.
static char *put_details(char *at, const struct event *event, uint32_t number) {
  if (event->what != 0) at = put_member(at, &format.what, event, number);
  return event->has_result ? put_member(at, &format.result, event, number) : at;
}

static inline __attribute__((always_inline)) char *put_field(
    char *at, uint32_t field, const struct event *event, uint32_t number) {
  unsigned kind = event->kind % KINDS;
  switch (field) {
    case NAME: return put_name(at, event);
    case CATEGORY: return put_bytes(at, format.category[kind].text, format.category[kind].length);
    case START: return put_time(at, event->start);
    case DURATION: return put_duration(at, event->end - event->start);
    case PROCESS: return put_known(at, &format.process, event->process);
    case START_OF_EPOCH: return put_epoch(at, event->start + format.epoch);
    case END_OF_EPOCH: return put_epoch(at, event->end + format.epoch);
    case NUMBER: return put_hex(at, number);
    case PARENT: return put_hex(at, parent_of(event));
    case DETAILS: return put_details(at, event, number);
    case WHAT: return put_text(at, trace_text(event->what));
    case RESULT: return put_number(at, event->result);
    default: return at;
  }
}

static char *put(
    char *at, const struct template *template, const struct event *event, uint32_t number) {
  const struct part *part = template->parts;
  for (;; part++) {
    at = put_bytes(at, part->text, part->length);
    if (part->field == 0) return at;
    at = put_field(at, part->field, event, number);
  }
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
  return byte > 0 && byte <= RESULT && byte != '\t' && byte != '\n' && byte != '\r';
}

static int take_apart(JSContext *context, struct template *template, JSValueConst from) {
  if (copy(context, template->text, from) != 0) return -1;
  struct part *part = template->parts, *last = part + TEMPLATE / 8 - 1;
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
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

// traceFormat(event, what, result, categories, times, parents): sets the templates. The buffers are used
// until the last text has been made. Returns the time of day at 0 of CLOCK_MONOTONIC, in nanoseconds.
NATIVE_FUNCTION(native_trace_format) {
  (void)this, (void)count;
  if (take_apart(context, &format.event, arguments[0]) != 0) return JS_EXCEPTION;
  if (take_apart(context, &format.what, arguments[1]) != 0) return JS_EXCEPTION;
  if (take_apart(context, &format.result, arguments[2]) != 0) return JS_EXCEPTION;
  if (copy(context, format.categories, arguments[3]) != 0) return JS_EXCEPTION;
  size_t length;
  format.times = (const double *)JS_GetArrayBuffer(context, &length, arguments[4]);
  if (format.times == NULL) return JS_EXCEPTION;
  format.bounds = length / sizeof *format.times;
  format.parents = (const uint32_t *)JS_GetArrayBuffer(context, &length, arguments[5]);
  if (format.parents == NULL) return JS_EXCEPTION;
  char *rest = format.categories;
  for (int kind = 0; kind < KINDS; kind++) {
    format.category[kind].text = rest;
    format.category[kind].length = strcspn(rest, " ");
    rest += format.category[kind].length;
    if (*rest == ' ') *rest++ = 0;
  }
  format.epoch = nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_MONOTONIC);
  return JS_NewBigInt64(context, format.epoch);
}

// The text before and after the events.
static struct {
  const char *before, *after;
  struct event whole;
} frame;

// traceFrame(before, after, status): sets the text around the events, with fields of the whole command
NATIVE_FUNCTION(native_trace_frame) {
  (void)this, (void)count;
  int32_t status;
  if (JS_ToInt32(context, &status, arguments[2]) != 0) return JS_EXCEPTION;
  // They are never freed: the command is about to end.
  frame.before = JS_ToCString(context, arguments[0]);
  frame.after = JS_ToCString(context, arguments[1]);
  if (frame.before == NULL || frame.after == NULL) return JS_EXCEPTION;
  frame.whole = trace_whole;
  frame.whole.result = status;
  return JS_UNDEFINED;
}

static char *put_frame(char *at, const char *end, const char **rest) {
  for (; **rest != 0 && at + LONGEST < end; ++*rest) {
    if (is_field(**rest)) at = put_field(at, **rest, &frame.whole, 0);
    else *at++ = **rest;
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
  for (; next < trace_events && at + LONGEST < end; next++) {
    at = put(at, &format.event, trace_event(next), next + 1);
  }
  if (next == trace_events) at = put_frame(at, end, &frame.after);
  if (at == start) return JS_UNDEFINED;
  return JS_NewArrayBuffer(context, (uint8_t *)start, at - start, NULL, NULL, 0);
}
