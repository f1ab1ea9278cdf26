// Makes text of what trace.c has collected. TypeScript says what an event looks like: a text in which bytes
// below 32 stand for what differs (src/trace/template.ts). Only this is in C, since there are hundreds of
// events.

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
// An event as text is shorter.
#define LONGEST 8192

static struct {
  char event[TEMPLATE], what[TEMPLATE], result[TEMPLATE], categories[TEMPLATE];
  const char *category[KINDS];
  // Which event contains another one that began at a time: from times[n] on it is parents[n].
  const double *times;
  const uint32_t *parents;
  size_t bounds;
  // From CLOCK_MONOTONIC to the time of day, in nanoseconds.
  int64_t epoch;
} format;

static char *put_number(char *at, int64_t number) {
  char digits[20];
  int length = 0;
  uint64_t rest = number < 0 ? -(uint64_t)number : (uint64_t)number;
  do digits[length++] = '0' + rest % 10; while ((rest /= 10) != 0);
  if (number < 0) *at++ = '-';
  while (length > 0) *at++ = digits[--length];
  return at;
}

// Microseconds with three decimals.
static char *put_time(char *at, int64_t nanoseconds) {
  at = put_number(at, nanoseconds / 1000);
  *at++ = '.';
  *at++ = '0' + nanoseconds / 100 % 10;
  *at++ = '0' + nanoseconds / 10 % 10;
  *at++ = '0' + nanoseconds % 10;
  return at;
}

static char *put_hex(char *at, uint32_t number) {
  for (int shift = 28; shift >= 0; shift -= 4) *at++ = "0123456789abcdef"[number >> shift & 15];
  return at;
}

// A text between quotes of JSON. A byte that is not UTF-8 becomes U+FFFD.
static char *put_text(char *at, const char *text) {
  for (const unsigned char *byte = (const unsigned char *)text; *byte != 0;) {
    int size = character_size(byte);
    if (size == 0) {
      memcpy(at, "\xef\xbf\xbd", 3);
      at += 3;
      byte++;
    } else if (*byte < 32 || *byte == 127) {
      memcpy(at, "\\u00", 4);
      at[4] = "0123456789abcdef"[*byte >> 4];
      at[5] = "0123456789abcdef"[*byte & 15];
      at += 6;
      byte++;
    } else {
      if (*byte == '"' || *byte == '\\') *at++ = '\\';
      while (size-- > 0) *at++ = *byte++;
    }
  }
  return at;
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

static char *put(char *at, const char *template, const struct event *event, uint32_t number);

// A member of an object or a list, behind those that are there.
static char *put_member(char *at, const char *template, const struct event *event, uint32_t number) {
  if (at[-1] != '{' && at[-1] != '[') *at++ = ',';
  return put(at, template, event, number);
}

// What there is of both.
static char *put_details(char *at, const struct event *event, uint32_t number) {
  if (event->what != 0) at = put_member(at, format.what, event, number);
  return event->has_result ? put_member(at, format.result, event, number) : at;
}

static char *put(char *at, const char *template, const struct event *event, uint32_t number) {
  for (const char *byte = template; *byte != 0; byte++) {
    switch ((unsigned char)*byte) {
      case NAME: at = put_text(at, trace_name(event)); break;
      case CATEGORY: at = put_text(at, format.category[event->kind % KINDS]); break;
      case START: at = put_time(at, event->start); break;
      case DURATION: at = put_time(at, event->end - event->start); break;
      case PROCESS: at = put_number(at, event->process); break;
      case START_OF_EPOCH: at = put_number(at, event->start + format.epoch); break;
      case END_OF_EPOCH: at = put_number(at, event->end + format.epoch); break;
      case NUMBER: at = put_hex(at, number); break;
      case PARENT: at = put_hex(at, parent_of(event)); break;
      case DETAILS: at = put_details(at, event, number); break;
      case WHAT: at = put_text(at, trace_text(event->what)); break;
      case RESULT: at = put_number(at, event->result); break;
      default: *at++ = *byte;
    }
  }
  return at;
}

static int copy(JSContext *context, char to[TEMPLATE], JSValueConst from) {
  size_t length;
  const char *text = JS_ToCStringLen(context, &length, from);
  if (text == NULL) return -1;
  memcpy(to, text, length < TEMPLATE ? length + 1 : 1);
  JS_FreeCString(context, text);
  return 0;
}

static int64_t nanoseconds(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

// traceFormat(event, what, result, categories, times, parents): what an event looks like. The buffers are
// used until the last text has been made. Returns the time of day at 0 of CLOCK_MONOTONIC, in nanoseconds.
NATIVE_FUNCTION(native_trace_format) {
  (void)this, (void)count;
  if (copy(context, format.event, arguments[0]) != 0) return JS_EXCEPTION;
  if (copy(context, format.what, arguments[1]) != 0) return JS_EXCEPTION;
  if (copy(context, format.result, arguments[2]) != 0) return JS_EXCEPTION;
  if (copy(context, format.categories, arguments[3]) != 0) return JS_EXCEPTION;
  size_t length;
  format.times = (const double *)JS_GetArrayBuffer(context, &length, arguments[4]);
  if (format.times == NULL) return JS_EXCEPTION;
  format.bounds = length / sizeof *format.times;
  format.parents = (const uint32_t *)JS_GetArrayBuffer(context, &length, arguments[5]);
  if (format.parents == NULL) return JS_EXCEPTION;
  char *rest = format.categories;
  for (int kind = 0; kind < KINDS; kind++) {
    format.category[kind] = rest;
    rest += strcspn(rest, " ");
    if (*rest == ' ') *rest++ = 0;
  }
  format.epoch = nanoseconds(CLOCK_REALTIME) - nanoseconds(CLOCK_MONOTONIC);
  return JS_NewBigInt64(context, format.epoch);
}

// traceText(): the next events, as many as fit, as UTF-8, valid until the next call; `undefined` if there are
// no more.
NATIVE_FUNCTION(native_trace_text) {
  (void)this, (void)count, (void)arguments;
  static uint32_t next = 0;
  char *start = trace_output(), *at = start;
  if (next >= trace_events) return JS_UNDEFINED;
  for (; next < trace_events && at + LONGEST < start + OUTPUT; next++) {
    at = put(at, format.event, trace_event(next), next + 1);
  }
  return JS_NewArrayBuffer(context, (uint8_t *)start, at - start, NULL, NULL, 0);
}
