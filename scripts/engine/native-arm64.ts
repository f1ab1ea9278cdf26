// The module "native" for arm64; what it does stands in native.ts. A JSValue is two words, in and out: 32
// bits of an integer, a double or an address, and its tag (quickjs.h). By the procedure call standard the
// arguments are in x0 to x7, the results in x0 and x1, and x19 to x28 are the caller's. Pure.

/** Calls the first argument with the six others, all as words. */
const CALL = `  stp x29, x30, [sp, #-112]!
  bl read_words
  ldr x9, [sp, #48]
  ldp x0, x1, [sp, #56]
  ldp x2, x3, [sp, #72]
  ldp x4, x5, [sp, #88]
  blr x9
`;

/** The end of a function with seven arguments, but for what it returns. */
const LEAVE = `  ldp x19, x20, [sp, #16]
  ldp x21, x22, [sp, #32]
  ldp x29, x30, [sp], #112
`;

export const ARM64 = `
.text

// JSModuleDef *js_init_module_native(JSContext *ctx, const char *name)
.globl js_init_module_native
js_init_module_native:
  stp x29, x30, [sp, #-32]!
  stp x19, x20, [sp, #16]
  mov x19, x0
  adrp x9, constants
  str x0, [x9, :lo12:constants]         // the context goes with every call into the engine
  adr x2, set_exports
  bl JS_NewCModule
  mov x20, x0
  mov x0, x19
  mov x1, x20
  adrp x2, exports
  add x2, x2, :lo12:exports
  mov w3, #EXPORTS
  bl JS_AddModuleExportList
  mov x0, x20
  ldp x19, x20, [sp, #16]
  ldp x29, x30, [sp], #32
  ret

// int set_exports(JSContext *ctx, JSModuleDef *module)
set_exports:
  adrp x2, exports
  add x2, x2, :lo12:exports
  mov w3, #EXPORTS
  b JS_SetModuleExportList

// Every function below: JSValue f(JSContext *ctx, JSValue this, int argc, JSValue *argv), in x0, x1 and x2,
// w3, x4. The engine pads argv with undefined to the length that the table names.

// syscall(number, a, b, c, d, e, f). When the kernel has refused memory, this is where that is told; close(2)
// is made all the same, for it stands at the end of what has been done.
native_syscall:
  adrp x9, memory_refused
  ldr w9, [x9, :lo12:memory_refused]
  cbz w9, 1f
  ldr w9, [x4]
  cmp w9, #57                           // SYS_close
  b.eq 1f
  b native_out_of_memory
1:
  stp x29, x30, [sp, #-112]!
  bl read_words
  ldr x8, [sp, #48]
  ldp x0, x1, [sp, #56]
  ldp x2, x3, [sp, #72]
  ldp x4, x5, [sp, #88]
  svc #0
  b return_number

// callInt(address, a, b, c, d, e, f): the result is an int, whose upper half C leaves undefined
native_call_int:
${CALL}  sxtw x0, w0
  b return_number

// callLong(address, a, b, c, d, e, f): the result is 64 bits
native_call_long:
${CALL}  b return_number

// callValue(address, a, b, c, d, e, f): the result is a JSValue, in x0 and x1
native_call_value:
${CALL}${LEAVE}  ret

// The end of a function that has its result in x0: an int, when it is that small, else a double.
return_number:
${LEAVE}number:
  sxtw x9, w0
  cmp x9, x0
  b.ne 1f
  mov x1, #0                            // JS_TAG_INT
  ret
1:
  scvtf d0, x0
  fmov x0, d0
  mov x1, #8                            // JS_TAG_FLOAT64
  ret

// Seven arguments as words, to 48 bytes above the caller's stack end; below them its registers are kept.
read_words:
  stp x19, x20, [sp, #16]
  stp x21, x22, [sp, #32]
  mov x22, x30
  mov x19, x0
  mov x20, x4
  add x21, sp, #48
1:
  ldr w9, [x20, #8]
  cbnz w9, 2f                           // JS_TAG_INT
  ldrsw x9, [x20]
  b 5f
2:
  cmp w9, #8                            // JS_TAG_FLOAT64: whole, as its caller has seen to
  b.ne 3f
  ldr d0, [x20]
  fcvtzs x9, d0
  b 5f
3:
  cmp w9, #3                            // JS_TAG_UNDEFINED
  b.ne 4f
  mov x9, #0
  b 5f
4:
  mov x0, x19                           // a bigint
  mov x1, x21
  ldp x2, x3, [x20]
  bl JS_ToInt64Ext
  b 6f
5:
  str x9, [x21]
6:
  add x20, x20, #16
  add x21, x21, #8
  add x9, sp, #104
  cmp x21, x9
  b.ne 1b
  ret x22

// locate(buffer): the address of an ArrayBuffer's memory
native_locate:
  stp x29, x30, [sp, #-32]!
  add x1, sp, #16
  ldp x2, x3, [x4]
  bl JS_GetArrayBuffer
  ldp x29, x30, [sp], #32
  cbnz x0, number
  mov x1, #6                            // JS_TAG_EXCEPTION
  ret

// encode(text): an ArrayBuffer of its UTF-8
native_encode:
  stp x29, x30, [sp, #-48]!
  stp x19, x20, [sp, #16]
  mov x19, x0
  add x1, sp, #32
  ldp x2, x3, [x4]
  mov w4, #0
  bl JS_ToCStringLen2
  mov x1, #6                            // JS_TAG_EXCEPTION
  cbz x0, 1f
  mov x20, x0
  mov x1, x0
  mov x0, x19
  ldr x2, [sp, #32]
  bl JS_NewArrayBufferCopy
  stp x0, x1, [sp, #32]
  mov x0, x19
  mov x1, x20
  bl JS_FreeCString
  ldp x0, x1, [sp, #32]
1:
  ldp x19, x20, [sp, #16]
  ldp x29, x30, [sp], #48
  ret

// constants(): an ArrayBuffer on the constants
native_constants:
  adrp x1, constants
  add x1, x1, :lo12:constants
  mov x2, #CONSTANTS_SIZE
  mov x3, #0
  mov x4, #0
  mov x5, #0
  b JS_NewArrayBuffer
`;
