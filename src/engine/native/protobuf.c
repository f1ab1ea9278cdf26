// Writes and reads messages of Protocol Buffers for src/protobuf/: texts, bytes, numbers and messages in
// messages. Anything else, and anything that may be an error, is left to TypeScript.
//
// A table is an array with four places for each field: its name, its key, its kind, and the table of a
// message's own fields (src/protobuf/shortcuts.ts).

#include <stdint.h>
#include <string.h>
#include "module.h"
#include "text.h"

// The kinds of fields, as in src/protobuf/shortcuts.ts. Other ones are left to TypeScript.
#define TEXT 1
#define BYTES 2
#define NUMBER 3
#define BOOL 4
#define MESSAGE 5

#define PLACES 4
#define VARINT 0
#define LENGTH 2
// The longest number, bytes.
#define LONGEST_NUMBER 10
// Messages that lie deeper in others are left to TypeScript.
#define DEEPEST 8

// What a function returns. LEFT: it is left to TypeScript. FAILED: there is an exception. UNKNOWN: there is
// no such field.
enum outcome { FAILED = -1, LEFT, DONE, UNKNOWN };

struct field {
  JSAtom name;
  uint32_t key, kind;
  JSValue inner;
};

static void free_field(JSContext *context, struct field *field) {
  JS_FreeAtom(context, field->name);
  JS_FreeValue(context, field->inner);
}

static enum outcome number_at(JSContext *context, JSValueConst table, uint32_t place, uint32_t *number) {
  JSValue value = JS_GetPropertyUint32(context, table, place);
  int failed = JS_IsException(value) || JS_ToUint32(context, number, value) != 0;
  JS_FreeValue(context, value);
  return failed ? FAILED : DONE;
}

// The field whose places begin there, to be freed.
static enum outcome field_at(JSContext *context, JSValueConst table, uint32_t place, struct field *field) {
  JSValue name = JS_GetPropertyUint32(context, table, place);
  if (JS_IsException(name)) return FAILED;
  if (JS_IsUndefined(name)) return UNKNOWN;
  field->name = JS_ValueToAtom(context, name);
  JS_FreeValue(context, name);
  if (field->name == JS_ATOM_NULL) return FAILED;
  field->inner = JS_UNDEFINED;
  if (number_at(context, table, place + 1, &field->key) == DONE &&
      number_at(context, table, place + 2, &field->kind) == DONE) {
    field->inner = JS_GetPropertyUint32(context, table, place + 3);
    if (!JS_IsException(field->inner)) return DONE;
  }
  JS_FreeAtom(context, field->name);
  return FAILED;
}

// A message that is written. Longer ones are left to TypeScript.
struct output {
  uint8_t bytes[4096];
  size_t length;
};

static int fits(const struct output *output, size_t length) {
  return length <= sizeof output->bytes - output->length;
}

static enum outcome write_number(struct output *output, uint64_t number) {
  if (!fits(output, LONGEST_NUMBER)) return LEFT;
  for (; number > 0x7f; number >>= 7) output->bytes[output->length++] = (uint8_t)(number | 0x80);
  output->bytes[output->length++] = (uint8_t)number;
  return DONE;
}

static enum outcome write_content(struct output *output, const void *content, size_t length) {
  if (write_number(output, length) != DONE || !fits(output, length)) return LEFT;
  memcpy(output->bytes + output->length, content, length);
  output->length += length;
  return DONE;
}

// Half a surrogate pair is left to TypeScript: it may stand for a byte that is not UTF-8 (text.c).
static int has_half(const char *text, size_t length) {
  for (const char *at = text; (at = memchr(at, 0xed, length - (size_t)(at - text))) != NULL; at++)
    if ((uint8_t)at[1] > 0x9f) return 1;
  return 0;
}

static enum outcome write_text(JSContext *context, struct output *output, JSValueConst value) {
  size_t length;
  if (!JS_IsString(value)) return LEFT;
  const char *text = JS_ToCStringLen(context, &length, value);
  if (text == NULL) return FAILED;
  enum outcome outcome = has_half(text, length) ? LEFT : write_content(output, text, length);
  JS_FreeCString(context, text);
  return outcome;
}

static enum outcome write_bytes(JSContext *context, struct output *output, JSValueConst value) {
  size_t offset, length, size, room;
  JSValue buffer = JS_GetTypedArrayBuffer(context, value, &offset, &length, &size);
  if (JS_IsException(buffer)) return FAILED;
  const uint8_t *bytes = JS_GetArrayBuffer(context, &room, buffer);
  enum outcome outcome = FAILED;
  if (bytes != NULL) outcome = size == 1 ? write_content(output, bytes + offset, length) : LEFT;
  JS_FreeValue(context, buffer);
  return outcome;
}

// The largest whole number that a double holds together with all smaller ones.
#define LARGEST 9007199254740991.0

static enum outcome write_whole_number(JSContext *context, struct output *output, JSValueConst value) {
  double number;
  if (!JS_IsNumber(value)) return LEFT;
  if (JS_ToFloat64(context, &number, value) != 0) return FAILED;
  if (!(number >= -LARGEST && number <= LARGEST) || number != (double)(int64_t)number) return LEFT;
  return write_number(output, (uint64_t)(int64_t)number);
}

static enum outcome write_fields(JSContext *, struct output *, JSValueConst table, JSValueConst values, int);

// Its length comes first, but is known last.
static enum outcome write_inner(JSContext *context, struct output *output, JSValueConst table,
                                JSValueConst values, int depth) {
  size_t from = output->length;
  enum outcome outcome = depth < DEEPEST ? write_fields(context, output, table, values, depth + 1) : LEFT;
  if (outcome != DONE) return outcome;
  size_t end = output->length;
  if (write_number(output, end - from) != DONE) return LEFT;
  uint8_t length[LONGEST_NUMBER];
  size_t size = output->length - end;
  memcpy(length, output->bytes + end, size);
  memmove(output->bytes + from + size, output->bytes + from, end - from);
  memcpy(output->bytes + from, length, size);
  return DONE;
}

static enum outcome write_value(JSContext *context, struct output *output, const struct field *field,
                                JSValueConst value, int depth) {
  if (write_number(output, field->key) != DONE) return LEFT;
  switch (field->kind) {
    case TEXT: return write_text(context, output, value);
    case BYTES: return write_bytes(context, output, value);
    case NUMBER: return write_whole_number(context, output, value);
    case BOOL: return JS_IsBool(value) ? write_number(output, (uint64_t)JS_ToBool(context, value)) : LEFT;
    case MESSAGE: return write_inner(context, output, field->inner, value, depth);
    default: return LEFT;
  }
}

static enum outcome write_fields(JSContext *context, struct output *output, JSValueConst table,
                                 JSValueConst values, int depth) {
  struct field field;
  for (uint32_t place = 0;; place += PLACES) {
    enum outcome outcome = field_at(context, table, place, &field);
    if (outcome != DONE) return outcome == UNKNOWN ? DONE : FAILED;
    JSValue value = JS_GetProperty(context, values, field.name);
    if (JS_IsException(value)) outcome = FAILED;
    else if (!JS_IsUndefined(value)) outcome = write_value(context, output, &field, value, depth);
    JS_FreeValue(context, value);
    free_field(context, &field);
    if (outcome != DONE) return outcome;
  }
}

// writeProtobuf(table, values): a buffer with the bytes; `undefined` if they are left to TypeScript
NATIVE_FUNCTION(native_write_protobuf) {
  (void)this, (void)count;
  struct output output;
  output.length = 0;
  enum outcome outcome = write_fields(context, &output, arguments[0], arguments[1], 0);
  if (outcome == FAILED) return JS_EXCEPTION;
  return outcome == LEFT ? JS_UNDEFINED : JS_NewArrayBufferCopy(context, output.bytes, output.length);
}

// What is read, from `at` to `end`.
struct input {
  const uint8_t *at, *end;
};

static enum outcome read_number(struct input *input, uint64_t *number) {
  *number = 0;
  for (int shift = 0; shift < 7 * LONGEST_NUMBER; shift += 7) {
    if (input->at == input->end) return LEFT;
    uint64_t byte = *input->at++;
    *number |= (byte & 0x7f) << shift;
    if (byte < 0x80) return DONE;
  }
  return LEFT;
}

static enum outcome read_part(struct input *input, struct input *part) {
  uint64_t length;
  if (read_number(input, &length) != DONE || length > (uint64_t)(input->end - input->at)) return LEFT;
  part->at = input->at;
  input->at += length;
  part->end = input->at;
  return DONE;
}

// Passes over a field that the table does not know.
static enum outcome pass_over(struct input *input, uint64_t key) {
  struct input part;
  uint64_t number;
  if ((key & 7) == VARINT) return read_number(input, &number);
  return (key & 7) == LENGTH ? read_part(input, &part) : LEFT;
}

static JSValue bytes_of(JSContext *context, const struct input *part) {
  JSValue buffer = JS_NewArrayBufferCopy(context, part->at, (size_t)(part->end - part->at));
  if (JS_IsException(buffer)) return buffer;
  // The engine's constructor reads three arguments: the buffer, where to begin, and the length.
  JSValueConst whole[3] = {buffer, JS_UNDEFINED, JS_UNDEFINED};
  JSValue bytes = JS_NewTypedArray(context, 3, whole, JS_TYPED_ARRAY_UINT8);
  JS_FreeValue(context, buffer);
  return bytes;
}

static enum outcome read_fields(JSContext *, struct input *, JSValueConst table, JSValue *values, int depth);

// DONE: `value` is to be freed.
static enum outcome read_value(JSContext *context, struct input *input, const struct field *field,
                               JSValue *value, int depth) {
  uint64_t number;
  struct input part;
  switch (field->kind) {
    case NUMBER:
    case BOOL:
      if (read_number(input, &number) != DONE) return LEFT;
      *value = field->kind == BOOL ? JS_NewBool(context, number != 0) : JS_NewInt64(context, (int64_t)number);
      return DONE;
    case TEXT:
    case BYTES:
      if (read_part(input, &part) != DONE) return LEFT;
      *value = field->kind == BYTES ? bytes_of(context, &part)
                                    : raw_text(context, part.at, (size_t)(part.end - part.at));
      return JS_IsException(*value) ? FAILED : DONE;
    case MESSAGE:
      if (depth >= DEEPEST || read_part(input, &part) != DONE) return LEFT;
      return read_fields(context, &part, field->inner, value, depth + 1);
    default: return LEFT;
  }
}

// The field with this key, to be freed. LEFT: it is of another type.
static enum outcome find_field(JSContext *context, JSValueConst table, uint64_t key, struct field *field) {
  for (uint32_t place = 0;; place += PLACES) {
    enum outcome outcome = field_at(context, table, place, field);
    if (outcome != DONE) return outcome;
    if (field->key == key) return DONE;
    int is_same = field->key >> 3 == key >> 3;
    free_field(context, field);
    if (is_same) return LEFT;
  }
}

// Reads the next field into `values`.
static enum outcome read_next(JSContext *context, struct input *input, JSValueConst table,
                              JSValueConst values, int depth) {
  uint64_t key;
  struct field field;
  JSValue value;
  // No key has more bits; of a longer number TypeScript sees others.
  if (read_number(input, &key) != DONE || key > UINT32_MAX) return LEFT;
  enum outcome outcome = find_field(context, table, key, &field);
  if (outcome == UNKNOWN) return pass_over(input, key);
  if (outcome != DONE) return outcome;
  outcome = read_value(context, input, &field, &value, depth);
  if (outcome == DONE && JS_DefinePropertyValue(context, values, field.name, value, JS_PROP_C_W_E) < 0)
    outcome = FAILED;
  free_field(context, &field);
  return outcome;
}

// DONE: `values` is to be freed.
static enum outcome read_fields(JSContext *context, struct input *input, JSValueConst table, JSValue *values,
                                int depth) {
  *values = JS_NewObject(context);
  if (JS_IsException(*values)) return FAILED;
  while (input->at < input->end) {
    enum outcome outcome = read_next(context, input, table, *values, depth);
    if (outcome == DONE) continue;
    JS_FreeValue(context, *values);
    return outcome;
  }
  return DONE;
}

// readProtobuf(table, buffer, at, length): the values of a message; `undefined` if it is left to TypeScript
NATIVE_FUNCTION(native_read_protobuf) {
  (void)this, (void)count;
  size_t length;
  JSValue values;
  const uint8_t *bytes = part_of_buffer(context, arguments + 1, &length);
  if (bytes == NULL) return JS_EXCEPTION;
  struct input input = {bytes, bytes + length};
  enum outcome outcome = read_fields(context, &input, arguments[0], &values, 0);
  if (outcome == FAILED) return JS_EXCEPTION;
  return outcome == LEFT ? JS_UNDEFINED : values;
}
