// The module "native": the few functions that TypeScript cannot write, by which src/linux/libraries/ffi.ts
// calls the kernel, C and the engine itself. The build assembles it and links it with the engine. Pure.

import { ARM64 } from "./native-arm64.ts";
import { X86_64 } from "./native-x86-64.ts";

/** Name, label of its code, how many arguments the engine gives it. */
export const FUNCTIONS = [
  ["syscall", "native_syscall", 7],
  ["callInt", "native_call_int", 7],
  ["callLong", "native_call_long", 7],
  ["callValue", "native_call_value", 7],
  ["locate", "native_locate", 1],
  ["encode", "native_encode", 1],
  ["constants", "native_constants", 0],
] as const;

/** The same of those in C (text.ts, end-of-memory.ts, json-keys.ts). */
export const C_FUNCTIONS = [
  ["writeAscii", "native_write_ascii", 4],
  ["useReserve", "native_use_reserve", 0],
  ["knowJsonKeys", "native_know_json_keys", 1],
  ["jsonNotes", "native_json_notes", 0],
] as const;

const ALL = [...FUNCTIONS, ...C_FUNCTIONS];

/** What the code of both machines names beside the engine's functions (allocator.ts, end-of-memory.ts). */
export const MEMORY = ["memory_refused", "native_out_of_memory"];

/** What src/engine/constants.ts reads, after the context. */
export const ADDRESSES = [
  "memcpy",
  "strlen",
  "environ",
  "getpid",
  "getcwd",
  "clock_gettime",
  "posix_spawn",
  "posix_spawn_file_actions_init",
  "posix_spawn_file_actions_adddup2",
  "posix_spawn_file_actions_addchdir_np",
  "posix_spawn_file_actions_destroy",
  "JS_NewStringLen",
  "libraries",
  "libraries_end",
];

/** The `JSCFunctionListEntry` of each function (quickjs.h). */
function exportTable(): string {
  const names = ALL.map(([name]) => `name_${name}: .asciz "${name}"`);
  const entries = ALL.map(
    // Name; writable and configurable; JS_DEF_CFUNC; magic; length; JS_CFUNC_generic; code.
    ([name, label, length]) => `
  .quad name_${name}
  .byte 3, 0
  .short 0
  .zero 4
  .byte ${length}, 0
  .zero 6
  .quad ${label}`,
  );
  return `
.set EXPORTS, ${ALL.length}
.section .rodata
${names.join("\n")}
.section .data.rel.ro, "aw"
.balign 8
exports:${entries.join("")}
`;
}

const CONSTANTS = `
.set CONSTANTS_SIZE, ${(1 + ADDRESSES.length) * 8}
# The context is known when the snapshot is made.
.section snapshot, "aw"
.balign 8
constants:
  .quad 0
${ADDRESSES.map((name) => `  .quad ${name}`).join("\n")}

.section .note.GNU-stack, "", %progbits
`;

/** The module's source for a machine, as Node calls it. */
export function nativeModule(architecture: string): string {
  return [architecture === "arm64" ? ARM64 : X86_64, exportTable(), CONSTANTS].join("\n");
}
