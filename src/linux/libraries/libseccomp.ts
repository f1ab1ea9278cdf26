// libseccomp, which is linked to tsrun (scripts/engine/libseccomp.ts): the functions that src/seccomp
// compiles profiles with, as seccomp(3) names them. They allocate where the engine does, and ask the kernel
// for nothing but what its seccomp(2) knows.

import { callInt, callLong } from "native";
import {
  MEMORY_DENIED,
  SECCOMP_API_GET,
  SECCOMP_ARCH_ADD,
  SECCOMP_ARCH_NATIVE,
  SECCOMP_ATTR_SET,
  SECCOMP_EXPORT_BPF_MEM,
  SECCOMP_INIT,
  SECCOMP_RELEASE,
  SECCOMP_RULE_ADD_ARRAY,
  SECCOMP_SYSCALL_RESOLVE_NAME,
  SECCOMP_SYSCALL_RESOLVE_NAME_ARCH,
  SECCOMP_SYSCALL_RESOLVE_NUM_ARCH,
  STRLEN,
} from "../../engine/host/constants.ts";
import { locateBytes, readMemory, readText } from "../../engine/host/memory.ts";
import { assertWord, viewOf } from "../call/words.ts";

/** Attributes of a filter: `enum scmp_filter_attr`. */
export const SCMP_FLTATR_CTL_NNP = 3;
export const SCMP_FLTATR_CTL_OPTIMIZE = 8;

/** What resolving a name answers when libseccomp has never heard of it. */
export const NR_SCMP_ERROR = -1;

/** Bytes of `struct scmp_arg_cmp`: u32 arg, int op, u64 datum_a, u64 datum_b. */
export const SCMP_ARG_CMP_SIZE = 24;

export interface Rule {
  readonly action: number;
  /** Of the system call. */
  readonly number: number;
  /** An array of `struct scmp_arg_cmp`. */
  readonly comparisons: Uint8Array;
}

/** seccomp_api_get(3): 6 or more can notify. */
export function seccompApiGet(): number {
  return callInt(SECCOMP_API_GET);
}

/** Token of the machine's own architecture. */
export function seccompArchNative(): number {
  return callInt(SECCOMP_ARCH_NATIVE) >>> 0;
}

/**
 * The number of a system call here; negative, but not NR_SCMP_ERROR, when only another architecture has it.
 * `name` is a C string.
 */
export function seccompSyscallResolveName(name: Uint8Array): number {
  return callInt(SECCOMP_SYSCALL_RESOLVE_NAME, locateBytes(name));
}

export function seccompSyscallResolveNameArch(architecture: number, name: Uint8Array): number {
  return callInt(SECCOMP_SYSCALL_RESOLVE_NAME_ARCH, unsigned(architecture), locateBytes(name));
}

/** The name of a system call; `undefined` if libseccomp does not know the number. */
export function seccompSyscallResolveNumber(architecture: number, number: number): string | undefined {
  // A copy that libseccomp leaves to the caller: some bytes for each name, in a command that ends soon.
  const name = callLong(SECCOMP_SYSCALL_RESOLVE_NUM_ARCH, unsigned(architecture), number);
  return name === 0 ? undefined : readText(name, callInt(STRLEN, name));
}

/** A `scmp_filter_ctx` until it is disposed of; what a call answers is 0 or a negated errno. */
export class LibseccompFilter implements Disposable {
  readonly #context: number;

  constructor(context: number) {
    this.#context = context;
  }

  /** seccomp_init(3); `undefined` when there is no memory for one, or no such action. */
  static create(defaultAction: number): LibseccompFilter | undefined {
    const context = callLong(SECCOMP_INIT, unsigned(defaultAction));
    return context === 0 ? undefined : new LibseccompFilter(context);
  }

  setAttribute(attribute: number, value: number): number {
    return callInt(SECCOMP_ATTR_SET, this.#context, attribute, unsigned(value));
  }

  addArchitecture(token: number): number {
    return callInt(SECCOMP_ARCH_ADD, this.#context, unsigned(token));
  }

  addRule({ action, number, comparisons }: Rule): number {
    const count = comparisons.length / SCMP_ARG_CMP_SIZE;
    const array = count === 0 ? 0 : locateBytes(comparisons);
    return callInt(SECCOMP_RULE_ADD_ARRAY, this.#context, unsigned(action), number, count, array);
  }

  /** The program, an array of `struct sock_filter`. */
  exportProgram(): Uint8Array | number {
    const length = new Uint8Array(8);
    // Asked without a buffer it generates the program, keeps it, and tells its length; version 2.6.0 copies
    // as many bytes as the buffer has, whatever the program has.
    const generated = callInt(SECCOMP_EXPORT_BPF_MEM, this.#context, 0, locateBytes(length));
    if (generated < 0) return generated;
    const program = new Uint8Array(Number(viewOf(length).getBigUint64(0, true)));
    const copied = callInt(SECCOMP_EXPORT_BPF_MEM, this.#context, locateBytes(program), locateBytes(length));
    return copied < 0 ? copied : program;
  }

  [Symbol.dispose](): void {
    callInt(SECCOMP_RELEASE, this.#context);
  }
}

/** Whether an allocation has failed in this command; libseccomp does not always say so. */
export function memoryDenied(): boolean {
  return readMemory(MEMORY_DENIED, 4).some((byte) => byte !== 0);
}

/** A token that the library takes as `uint32_t`. */
function unsigned(value: number): number {
  assertWord(value);
  return value >>> 0;
}
