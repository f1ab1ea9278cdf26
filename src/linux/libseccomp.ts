// libseccomp.so.2: the calls that src/seccomp compiles profiles with, as seccomp(3) names them. Bound when
// asked for, never at start-up. The second file that may load bun:ffi.

import { dlopen, FFIType, type Pointer, read } from "bun:ffi";
import { assertWord } from "./words.ts";

const { ptr: pointer, u32, i32 } = FFIType;

const SYMBOLS = {
  seccomp_version: { args: [], returns: pointer },
  seccomp_api_get: { args: [], returns: u32 },
  seccomp_arch_native: { args: [], returns: u32 },
  seccomp_init: { args: [u32], returns: pointer },
  seccomp_release: { args: [pointer], returns: FFIType.void },
  seccomp_attr_set: { args: [pointer, u32, u32], returns: i32 },
  seccomp_arch_add: { args: [pointer, u32], returns: i32 },
  seccomp_syscall_resolve_name: { args: [pointer], returns: i32 },
  seccomp_syscall_resolve_name_arch: { args: [u32, pointer], returns: i32 },
  seccomp_rule_add_array: { args: [pointer, u32, i32, u32, pointer], returns: i32 },
  seccomp_export_bpf: { args: [pointer, i32], returns: i32 },
} as const;

/** Attributes of a filter: `enum scmp_filter_attr`. */
export const SCMP_FLTATR_CTL_NNP = 3;
export const SCMP_FLTATR_CTL_OPTIMIZE = 8;

/** What resolving a name answers when libseccomp has never heard of it. */
export const NR_SCMP_ERROR = -1;

/** Bytes of `struct scmp_arg_cmp`: u32 arg, int op, u64 datum_a, u64 datum_b. */
export const SCMP_ARG_CMP_SIZE = 24;

export interface Libseccomp {
  readonly version: string;
  /** seccomp_api_get(3): 6 or more can notify. */
  readonly apiLevel: number;
  /** Token of the machine's own architecture. */
  readonly nativeArchitecture: number;
  /**
   * The number of a system call here; negative, but not NR_SCMP_ERROR, when only another architecture has it.
   */
  resolveName(name: Uint8Array): number;
  resolveNameOn(architecture: number, name: Uint8Array): number;
  /** `undefined` when libseccomp refuses the action. */
  createFilter(defaultAction: number): LibseccompFilter | undefined;
}

/** A `scmp_filter_ctx`; every call answers 0 or a negated errno. */
export interface LibseccompFilter extends Disposable {
  setAttribute(attribute: number, value: number): number;
  addArchitecture(token: number): number;
  /** `comparisons` is an array of `struct scmp_arg_cmp`. */
  addRule(action: number, number: number, comparisons: Uint8Array): number;
  /** Writes the program, an array of `struct sock_filter`, to a descriptor. */
  exportProgram(fd: number): number;
}

/** Binds the library at `path` (or found by its name). Throws what dlopen(3) says when it cannot. */
export function loadLibseccomp(path: string): Libseccomp {
  const { symbols } = dlopen(path, SYMBOLS);
  return {
    version: versionText(symbols.seccomp_version()),
    apiLevel: symbols.seccomp_api_get(),
    nativeArchitecture: symbols.seccomp_arch_native() >>> 0,
    resolveName: (name) => symbols.seccomp_syscall_resolve_name(name),
    resolveNameOn: (architecture, name) =>
      symbols.seccomp_syscall_resolve_name_arch(unsigned(architecture), name),
    createFilter(defaultAction) {
      const context = symbols.seccomp_init(unsigned(defaultAction));
      return context === null ? undefined : bindFilter(symbols, context);
    },
  };
}

/** What bun:ffi declares for a returned pointer; in fact always a number. */
type Address = Pointer | bigint;
type Symbols = ReturnType<typeof dlopen<typeof SYMBOLS>>["symbols"];

function bindFilter(symbols: Symbols, context: Address): LibseccompFilter {
  return {
    setAttribute: (attribute, value) => symbols.seccomp_attr_set(context, attribute, value),
    addArchitecture: (token) => symbols.seccomp_arch_add(context, unsigned(token)),
    addRule(action, number, comparisons) {
      const count = comparisons.length / SCMP_ARG_CMP_SIZE;
      const array = count === 0 ? null : comparisons;
      return symbols.seccomp_rule_add_array(context, unsigned(action), number, count, array);
    },
    exportProgram: (fd) => symbols.seccomp_export_bpf(context, fd),
    [Symbol.dispose]: () => symbols.seccomp_release(context),
  };
}

/** A token that the library takes as `uint32_t`; bun:ffi would turn anything else into 0 without a word. */
function unsigned(value: number): number {
  assertWord(value);
  return value >>> 0;
}

function versionText(version: Address | null): string {
  if (version === null) return "unknown";
  return [0, 4, 8].map((offset) => read.u32(Number(version) as Pointer, offset)).join(".");
}
