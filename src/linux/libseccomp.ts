// libseccomp.so.2: the calls that src/seccomp compiles profiles with, as seccomp(3) names them. Bound when
// asked for, never at start-up.

import { readMemory } from "../engine/memory.ts";
import { bind, type Symbols } from "./ffi.ts";
import { assertWord, viewOf } from "./words.ts";

const FUNCTIONS = {
  seccomp_version: "long",
  seccomp_api_get: "int",
  seccomp_arch_native: "int",
  seccomp_init: "long",
  seccomp_release: "int",
  seccomp_attr_set: "int",
  seccomp_arch_add: "int",
  seccomp_syscall_resolve_name: "int",
  seccomp_syscall_resolve_name_arch: "int",
  seccomp_rule_add_array: "int",
  seccomp_export_bpf: "int",
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
  const symbols = bind(path, FUNCTIONS);
  return {
    version: versionText(symbols.seccomp_version()),
    apiLevel: symbols.seccomp_api_get(),
    nativeArchitecture: symbols.seccomp_arch_native() >>> 0,
    resolveName: (name) => symbols.seccomp_syscall_resolve_name(name),
    resolveNameOn: (architecture, name) =>
      symbols.seccomp_syscall_resolve_name_arch(unsigned(architecture), name),
    createFilter(defaultAction) {
      const context = symbols.seccomp_init(unsigned(defaultAction));
      return context === 0 ? undefined : bindFilter(symbols, context);
    },
  };
}

function bindFilter(symbols: Symbols<typeof FUNCTIONS>, context: number): LibseccompFilter {
  return {
    setAttribute: (attribute, value) => symbols.seccomp_attr_set(context, attribute, value),
    addArchitecture: (token) => symbols.seccomp_arch_add(context, unsigned(token)),
    addRule(action, number, comparisons) {
      const count = comparisons.length / SCMP_ARG_CMP_SIZE;
      const array = count === 0 ? null : comparisons;
      return symbols.seccomp_rule_add_array(context, unsigned(action), number, count, array);
    },
    exportProgram: (fd) => symbols.seccomp_export_bpf(context, fd),
    [Symbol.dispose]: () => void symbols.seccomp_release(context),
  };
}

/** A token that the library takes as `uint32_t`. */
function unsigned(value: number): number {
  assertWord(value);
  return value >>> 0;
}

/** Three numbers at an address. */
function versionText(address: number): string {
  if (address === 0) return "unknown";
  const view = viewOf(readMemory(address, 12));
  return [0, 4, 8].map((offset) => view.getUint32(offset, true)).join(".");
}
