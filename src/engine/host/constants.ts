// Addresses that the build has linked in, in the order of ../native/module.c.

import { constants } from "native";

const linked = new DataView(constants());

/** An address of a table of addresses. */
export function addressAt(table: DataView, index: number): number {
  return table.getUint32(index * 8, true) + table.getUint32(index * 8 + 4, true) * 2 ** 32;
}

/** `JSContext *`, which functions of the engine want first. */
export const CONTEXT = addressAt(linked, 0);
export const MEMCPY = addressAt(linked, 1);
export const STRLEN = addressAt(linked, 2);
export const ENVIRON = addressAt(linked, 3);
export const GETPID = addressAt(linked, 4);
export const GETCWD = addressAt(linked, 5);
export const CLOCK_GETTIME = addressAt(linked, 6);
export const POSIX_SPAWN = addressAt(linked, 7);
export const POSIX_SPAWN_FILE_ACTIONS_INIT = addressAt(linked, 8);
export const POSIX_SPAWN_FILE_ACTIONS_ADDDUP2 = addressAt(linked, 9);
export const POSIX_SPAWN_FILE_ACTIONS_ADDCHDIR_NP = addressAt(linked, 10);
export const POSIX_SPAWN_FILE_ACTIONS_DESTROY = addressAt(linked, 11);
export const JS_NEW_STRING_LEN = addressAt(linked, 12);
/** The program that src/linux/libraries/library-process.ts starts: where it begins, and where it ends. */
export const LIBRARIES = addressAt(linked, 13);
export const LIBRARIES_END = addressAt(linked, 14);
/** seccomp(3) and the pages beside it. */
export const SECCOMP_API_GET = addressAt(linked, 15);
export const SECCOMP_ARCH_NATIVE = addressAt(linked, 16);
export const SECCOMP_INIT = addressAt(linked, 17);
export const SECCOMP_RELEASE = addressAt(linked, 18);
export const SECCOMP_ATTR_SET = addressAt(linked, 19);
export const SECCOMP_ARCH_ADD = addressAt(linked, 20);
export const SECCOMP_SYSCALL_RESOLVE_NAME = addressAt(linked, 21);
export const SECCOMP_SYSCALL_RESOLVE_NAME_ARCH = addressAt(linked, 22);
export const SECCOMP_RULE_ADD_ARRAY = addressAt(linked, 23);
export const SECCOMP_EXPORT_BPF_MEM = addressAt(linked, 24);
/** An int, which is not 0 once an allocation has failed (../native/allocator.c). */
export const MEMORY_DENIED = addressAt(linked, 25);
export const SECCOMP_SYSCALL_RESOLVE_NUM_ARCH = addressAt(linked, 26);
