// The module "native": its functions, and the table of addresses that TypeScript calls.

#define _GNU_SOURCE
#include "module.h"
#include <spawn.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "allocator.h"

static const JSCFunctionListEntry functions[] = {
    JS_CFUNC_DEF("syscall", 7, native_syscall),
    JS_CFUNC_DEF("readText", 4, native_read_text),
    JS_CFUNC_DEF("callInt", 7, native_call_int),
    JS_CFUNC_DEF("callLong", 7, native_call_long),
    JS_CFUNC_DEF("callValue", 7, native_call_value),
    JS_CFUNC_DEF("locate", 1, native_locate),
    JS_CFUNC_DEF("variable", 1, native_variable),
    JS_CFUNC_DEF("variables", 0, native_variables),
    JS_CFUNC_DEF("statField", 2, native_stat_field),
    JS_CFUNC_DEF("encode", 1, native_encode),
    JS_CFUNC_DEF("encodeRaw", 1, native_encode_raw),
    JS_CFUNC_DEF("decodeRaw", 3, native_decode_raw),
    JS_CFUNC_DEF("checksum", 3, native_checksum),
    JS_CFUNC_DEF("constants", 0, native_constants),
    JS_CFUNC_DEF("writeAscii", 4, native_write_ascii),
    JS_CFUNC_DEF("useReserve", 0, native_use_reserve),
    JS_CFUNC_DEF("writeOperations", 7, native_write_operations),
    JS_CFUNC_DEF("readResults", 4, native_read_results),
    JS_CFUNC_DEF("writeProtobuf", 2, native_write_protobuf),
    JS_CFUNC_DEF("readProtobuf", 4, native_read_protobuf),
    JS_CFUNC_DEF("newCoroutine", 1, native_new_coroutine),
    JS_CFUNC_DEF("resume", 1, native_resume),
    JS_CFUNC_DEF("suspend", 0, native_suspend),
    JS_CFUNC_DEF("knowJsonKeys", 1, native_know_json_keys),
    JS_CFUNC_DEF("jsonNotes", 0, native_json_notes),
    JS_CFUNC_DEF("beginTrace", 5, native_begin_trace),
    JS_CFUNC_DEF("endTrace", 0, native_end_trace),
    JS_CFUNC_DEF("traceNow", 0, native_trace_now),
    JS_CFUNC_DEF("tracePhase", 1, native_trace_phase),
    JS_CFUNC_DEF("traceSpan", 4, native_trace_span),
    JS_CFUNC_DEF("traceProcess", 2, native_trace_process),
    JS_CFUNC_DEF("traceSpans", 0, native_trace_spans),
    JS_CFUNC_DEF("traceParent", 2, native_trace_parent),
    JS_CFUNC_DEF("traceSent", 2, native_trace_sent),
    JS_CFUNC_DEF("traceAnswer", 3, native_trace_answer),
    JS_CFUNC_DEF("traceUnanswered", 4, native_trace_unanswered),
    JS_CFUNC_DEF("traceFormat", 7, native_trace_format),
    JS_CFUNC_DEF("traceFrame", 4, native_trace_frame),
    JS_CFUNC_DEF("traceText", 0, native_trace_text),
};
#define FUNCTIONS (sizeof functions / sizeof *functions)

// libraries-bytes.s
extern uint8_t libraries[], libraries_end[];

// libseccomp (seccomp(3)). Its header needs the kernel's, and only the addresses are used here.
extern uint8_t seccomp_api_get[], seccomp_arch_native[], seccomp_init[], seccomp_release[];
extern uint8_t seccomp_attr_set[], seccomp_arch_add[], seccomp_syscall_resolve_name[];
extern uint8_t seccomp_syscall_resolve_name_arch[], seccomp_rule_add_array[], seccomp_export_bpf_mem[];
extern uint8_t seccomp_syscall_resolve_num_arch[];

// ../host/constants.ts reads them in this order. The first is the context, which every call into the engine
// needs; it is set when the snapshot is made.
SNAPSHOT static const void *constants[] = {
    NULL,
    memcpy,
    strlen,
    &environ,
    getpid,
    getcwd,
    clock_gettime,
    posix_spawn,
    posix_spawn_file_actions_init,
    posix_spawn_file_actions_adddup2,
    posix_spawn_file_actions_addchdir_np,
    posix_spawn_file_actions_destroy,
    JS_NewStringLen,
    libraries,
    libraries_end,
    seccomp_api_get,
    seccomp_arch_native,
    seccomp_init,
    seccomp_release,
    seccomp_attr_set,
    seccomp_arch_add,
    seccomp_syscall_resolve_name,
    seccomp_syscall_resolve_name_arch,
    seccomp_rule_add_array,
    seccomp_export_bpf_mem,
    &memory_denied,
    seccomp_syscall_resolve_num_arch,
};

// constants(): a buffer that is the table
NATIVE_FUNCTION(native_constants) {
  (void)this, (void)count, (void)arguments;
  return JS_NewArrayBuffer(context, (uint8_t *)constants, sizeof constants, NULL, NULL, 0);
}

static int set_functions(JSContext *context, JSModuleDef *module) {
  return JS_SetModuleExportList(context, module, functions, FUNCTIONS);
}

JSModuleDef *init_native_module(JSContext *context, const char *name) {
  constants[0] = context;
  JSModuleDef *module = JS_NewCModule(context, name, set_functions);
  if (module != NULL) JS_AddModuleExportList(context, module, functions, FUNCTIONS);
  return module;
}
