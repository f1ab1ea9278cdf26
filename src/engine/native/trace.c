// Collects the events for `--trace`: the system calls of this process, those that proxies made for it, and
// events that TypeScript adds. This is in C because a command makes hundreds of calls within milliseconds,
// and noting a call must not take as long as making it. Everything is in one mapping, so nothing is allocated
// between two calls. trace-text.c turns the events into text. docs/adr/0025-trace.md

#define _GNU_SOURCE
#include "trace.h"
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "module.h"

#define TEXTS (2 << 20)
#define NAMES 64

static struct area {
  // First, so that it shares a page with events.
  struct named_process names[NAMES];
  struct event events[EVENTS];
  char texts[TEXTS];
  int64_t room[TRACE_ROOM / sizeof(int64_t)];
  char output[OUTPUT];
} *area = NULL;

int tracing = 0;
uint32_t trace_events = 0, trace_dropped = 0, trace_names = 0;
struct event trace_whole = {0};
static uint32_t texts_end = 1, self = 0;
static const struct named_call *calls = NULL;
static uint32_t call_count = 0;
static uint8_t call_kind = 0, phase_kind = 0;
uint8_t trace_inside = 0;
static uint32_t phase_name = 0;
static int64_t phase_start = 0;

int64_t trace_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

struct event *trace_event(uint32_t index) {
  return &area->events[index];
}

const char *trace_text(uint32_t text) {
  return area->texts + text;
}

void *trace_room(void) {
  return area->room;
}

char *trace_output(void) {
  return area->output;
}

const struct named_call *trace_call_of(uint32_t number) {
  return number < call_count && calls[number].length > 0 ? &calls[number] : NULL;
}

const struct named_process *trace_name(uint32_t index) {
  return &area->names[index];
}

struct event *trace_add(uint32_t room) {
  if (trace_events >= room) {
    trace_dropped++;
    return NULL;
  }
  struct event *event = &area->events[trace_events++];
  *event = (struct event){0};
  return event;
}

uint32_t trace_keep(uint32_t start, const char *text, size_t length) {
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

unsigned trace_texts_of(uint32_t call) {
  return call < call_count ? calls[call].texts : 0;
}

word traced_call(const word words[WORDS]) {
  int64_t start = trace_now(), result = raw_syscall(words), end = trace_now();
  struct event *event = trace_add(EVENTS - SPARE);
  if (event == NULL) return result;
  event->start = start;
  event->end = end;
  event->result = result;
  event->process = self;
  event->name = words[0];
  event->kind = call_kind;
  event->is_call = event->has_result = 1;
  for (unsigned texts = trace_texts_of(words[0]), index = 1; texts != 0; texts >>= 1, index++) {
    const char *text = (const char *)words[index];
    if ((texts & 1) && text != NULL && *text != 0) event->what = trace_keep(event->what, text, strlen(text));
  }
  return result;
}

int trace_keep_value(JSContext *context, JSValueConst value, uint32_t *kept) {
  size_t length;
  const char *text = JS_ToCStringLen(context, &length, value);
  if (text == NULL) return -1;
  *kept = length == 0 ? 0 : trace_keep(0, text, length);
  JS_FreeCString(context, text);
  return 0;
}

// traceProcess(process, name): gives a process a name
NATIVE_FUNCTION(native_trace_process) {
  (void)this, (void)count;
  struct named_process named;
  if (JS_ToUint32(context, &named.process, arguments[0]) != 0) return JS_EXCEPTION;
  if (trace_keep_value(context, arguments[1], &named.name) != 0) return JS_EXCEPTION;
  uint32_t index = 0;
  while (index < trace_names && area->names[index].process != named.process) index++;
  if (index == NAMES) return JS_UNDEFINED;
  area->names[index] = named;
  if (index == trace_names) trace_names++;
  return JS_UNDEFINED;
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
  trace_inside = JS_VALUE_GET_INT(arguments[2]);
  phase_kind = JS_VALUE_GET_INT(arguments[3]);
  self = getpid();
  if (trace_keep_value(context, arguments[4], &phase_name) != 0) return JS_EXCEPTION;
  phase_start = trace_now();
  trace_whole = (struct event){.start = phase_start, .process = self, .name = phase_name};
  tracing = 1;
  return JS_TRUE;
}

// Adds an event of this process that ends now. Returns when that is.
static int64_t add_span(struct event span) {
  span.end = trace_now();
  struct event *event = trace_add(EVENTS);
  if (event != NULL) *event = span;
  return span.end;
}

static int64_t end_phase(void) {
  return add_span((struct event){
    .start = phase_start, .process = self, .name = phase_name, .kind = phase_kind});
}

// tracePhase(name): ends the current phase, and begins one of this name.
NATIVE_FUNCTION(native_trace_phase) {
  (void)this, (void)count;
  phase_start = end_phase();
  return trace_keep_value(context, arguments[0], &phase_name) == 0 ? JS_UNDEFINED : JS_EXCEPTION;
}

// endTrace(): stops noting.
NATIVE_FUNCTION(native_end_trace) {
  (void)context, (void)this, (void)count, (void)arguments;
  trace_whole.end = end_phase();
  tracing = 0;
  return JS_UNDEFINED;
}

// traceNow(): nanoseconds
NATIVE_FUNCTION(native_trace_now) {
  (void)this, (void)count, (void)arguments;
  return JS_NewInt64(context, trace_now());
}

// traceSpan(kind, name, what, start): adds an event that ends now. `what` may be undefined.
NATIVE_FUNCTION(native_trace_span) {
  (void)this, (void)count;
  struct event span = {.process = self};
  int32_t kind;
  if (JS_ToInt32(context, &kind, arguments[0]) != 0) return JS_EXCEPTION;
  if (trace_keep_value(context, arguments[1], &span.name) != 0) return JS_EXCEPTION;
  if (!JS_IsUndefined(arguments[2]) && trace_keep_value(context, arguments[2], &span.what) != 0)
    return JS_EXCEPTION;
  if (JS_ToInt64(context, &span.start, arguments[3]) != 0) return JS_EXCEPTION;
  span.kind = kind;
  add_span(span);
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
