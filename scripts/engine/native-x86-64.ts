// The module "native" for x86-64, in GNU as' Intel syntax; what it does stands in native.ts. A JSValue is
// two words, in and out: 32 bits of an integer, a double or an address, and its tag (quickjs.h).
// Functions of the engine and of C are called by the System V ABI: arguments in rdi, rsi, rdx, rcx, r8,
// r9, the stack a multiple of 16, results in rax and rdx. Pure.

/** The beginning of a function with seven arguments: they lie at rsp as words then. */
const ENTER = `  push rbx
  push rbp
  push r12
  push r13
  sub rsp, 72
  call read_words
`;

/** Its end, but for what it returns. */
const LEAVE = `  add rsp, 72
  pop r13
  pop r12
  pop rbp
  pop rbx
`;

export const X86_64 = `
.intel_syntax noprefix
.text

# JSModuleDef *js_init_module_native(JSContext *ctx, const char *name)
.globl js_init_module_native
js_init_module_native:
  push rbx
  push rbp
  sub rsp, 8
  mov rbx, rdi
  mov [rip+constants], rdi              # the context goes with every call into the engine
  lea rdx, [rip+set_exports]
  call JS_NewCModule@PLT
  mov rbp, rax
  mov rdi, rbx
  mov rsi, rax
  lea rdx, [rip+exports]
  mov ecx, offset EXPORTS
  call JS_AddModuleExportList@PLT
  mov rax, rbp
  add rsp, 8
  pop rbp
  pop rbx
  ret

# int set_exports(JSContext *ctx, JSModuleDef *module)
set_exports:
  lea rdx, [rip+exports]
  mov ecx, offset EXPORTS
  jmp JS_SetModuleExportList@PLT

# Every function below: JSValue f(JSContext *ctx, JSValue this, int argc, JSValue *argv), in rdi, rsi and rdx,
# ecx, r8. The engine pads argv with undefined to the length that the table names.

# syscall(number, a, b, c, d, e, f). When the kernel has refused memory, this is where that is told; close(2)
# is made all the same, for it stands at the end of what has been done.
native_syscall:
  cmp dword ptr [rip+memory_refused], 0
  je 1f
  cmp dword ptr [r8], 3                 # SYS_close
  jne native_out_of_memory
1:
${ENTER}  mov rax, [rsp]
  mov rdi, [rsp+8]
  mov rsi, [rsp+16]
  mov rdx, [rsp+24]
  mov r10, [rsp+32]
  mov r8, [rsp+40]
  mov r9, [rsp+48]
  syscall
  jmp return_number

# callInt(address, a, b, c, d, e, f): the result is an int, whose upper half C leaves undefined
native_call_int:
${ENTER}  call call_function
  movsxd rax, eax
  jmp return_number

# callLong(address, a, b, c, d, e, f): the result is 64 bits
native_call_long:
${ENTER}  call call_function
  jmp return_number

# callValue(address, a, b, c, d, e, f): the result is a JSValue, in rax and rdx
native_call_value:
${ENTER}  call call_function
${LEAVE}  ret

# The end of a function that has its result in rax: an int, when it is that small, else a double.
return_number:
${LEAVE}number:
  movsxd rcx, eax
  cmp rcx, rax
  jne 1f
  xor edx, edx                          # JS_TAG_INT
  ret
1:
  pxor xmm0, xmm0
  cvtsi2sd xmm0, rax
  movq rax, xmm0
  mov edx, 8                            # JS_TAG_FLOAT64
  ret

# Seven arguments as words, to where the caller's stack ends.
read_words:
  sub rsp, 8
  mov rbx, rdi
  mov rbp, r8
  lea r12, [rsp+16]
  lea r13, [r12+56]
1:
  mov eax, [rbp+8]
  test eax, eax                         # JS_TAG_INT
  jne 2f
  movsxd rax, dword ptr [rbp]
  jmp 5f
2:
  cmp eax, 8                            # JS_TAG_FLOAT64: whole, as its caller has seen to
  jne 3f
  cvttsd2si rax, qword ptr [rbp]
  jmp 5f
3:
  cmp eax, 3                            # JS_TAG_UNDEFINED
  jne 4f
  xor eax, eax
  jmp 5f
4:
  mov rdi, rbx                          # a bigint
  mov rsi, r12
  mov rdx, [rbp]
  mov rcx, [rbp+8]
  call JS_ToInt64Ext@PLT
  jmp 6f
5:
  mov [r12], rax
6:
  add rbp, 16
  add r12, 8
  cmp r12, r13
  jne 1b
  add rsp, 8
  ret

# Calls the first word with the six others, which lie above this function's return address.
call_function:
  mov r11, [rsp+8]
  mov rdi, [rsp+16]
  mov rsi, [rsp+24]
  mov rdx, [rsp+32]
  mov rcx, [rsp+40]
  mov r8, [rsp+48]
  mov r9, [rsp+56]
  xor eax, eax                          # of a variadic function: no vector registers
  sub rsp, 8
  call r11
  add rsp, 8
  ret

# locate(buffer): the address of an ArrayBuffer's memory
native_locate:
  sub rsp, 24
  mov rsi, rsp
  mov rdx, [r8]
  mov rcx, [r8+8]
  call JS_GetArrayBuffer@PLT
  add rsp, 24
  test rax, rax
  jne number
  mov edx, 6                            # JS_TAG_EXCEPTION
  ret

# encode(text): an ArrayBuffer of its UTF-8
native_encode:
  push rbx
  push rbp
  sub rsp, 24
  mov rbx, rdi
  mov rsi, rsp
  mov rdx, [r8]
  mov rcx, [r8+8]
  xor r8d, r8d
  call JS_ToCStringLen2@PLT
  mov edx, 6                            # JS_TAG_EXCEPTION
  test rax, rax
  je 1f
  mov rbp, rax
  mov rdi, rbx
  mov rsi, rax
  mov rdx, [rsp]
  call JS_NewArrayBufferCopy@PLT
  mov [rsp], rax
  mov [rsp+8], rdx
  mov rdi, rbx
  mov rsi, rbp
  call JS_FreeCString@PLT
  mov rax, [rsp]
  mov rdx, [rsp+8]
1:
  add rsp, 24
  pop rbp
  pop rbx
  ret

# constants(): an ArrayBuffer on the constants
native_constants:
  lea rsi, [rip+constants]
  mov edx, offset CONSTANTS_SIZE
  xor ecx, ecx
  xor r8d, r8d
  xor r9d, r9d
  jmp JS_NewArrayBuffer@PLT
`;
