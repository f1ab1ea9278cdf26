// The functions of the module "native"; ../host/native.d.ts says what each does for TypeScript.

#ifndef MODULE_H
#define MODULE_H

#include "quickjs.h"

#define NATIVE_FUNCTION(name) \
  JSValue name(JSContext *context, JSValueConst this, int count, JSValueConst *arguments)

// calls.c
NATIVE_FUNCTION(native_syscall);
NATIVE_FUNCTION(native_read_text);
NATIVE_FUNCTION(native_call_int);
NATIVE_FUNCTION(native_call_long);
NATIVE_FUNCTION(native_call_value);
NATIVE_FUNCTION(native_locate);
// module.c
NATIVE_FUNCTION(native_constants);
// text.c
NATIVE_FUNCTION(native_variable);
NATIVE_FUNCTION(native_variables);
NATIVE_FUNCTION(native_stat_field);
NATIVE_FUNCTION(native_encode);
NATIVE_FUNCTION(native_encode_raw);
NATIVE_FUNCTION(native_decode_raw);
NATIVE_FUNCTION(native_checksum);
NATIVE_FUNCTION(native_write_ascii);
// protobuf.c
NATIVE_FUNCTION(native_write_protobuf);
NATIVE_FUNCTION(native_read_protobuf);
// coroutine.c
NATIVE_FUNCTION(native_new_coroutine);
NATIVE_FUNCTION(native_resume);
NATIVE_FUNCTION(native_suspend);
// end-of-memory.c
NATIVE_FUNCTION(native_use_reserve);
JSValue native_out_of_memory(JSContext *context);
// operations.c and json-keys.c, in the engine
NATIVE_FUNCTION(native_write_operations);
NATIVE_FUNCTION(native_read_results);
void know_operations(JSContext *context);
NATIVE_FUNCTION(native_know_json_keys);
NATIVE_FUNCTION(native_json_notes);
// trace.c
NATIVE_FUNCTION(native_begin_trace);
NATIVE_FUNCTION(native_end_trace);
NATIVE_FUNCTION(native_trace_now);
NATIVE_FUNCTION(native_trace_phase);
NATIVE_FUNCTION(native_trace_span);
NATIVE_FUNCTION(native_trace_spans);
NATIVE_FUNCTION(native_trace_parent);
NATIVE_FUNCTION(native_trace_process);
// trace-messages.c
NATIVE_FUNCTION(native_trace_sent);
NATIVE_FUNCTION(native_trace_answer);
NATIVE_FUNCTION(native_trace_unanswered);
// trace-text.c
NATIVE_FUNCTION(native_trace_format);
NATIVE_FUNCTION(native_trace_frame);
NATIVE_FUNCTION(native_trace_text);

// Adds the module to a context, under this name.
JSModuleDef *init_native_module(JSContext *context, const char *name);

#endif
