// libseccomp.so.2: the calls that src/seccomp compiles profiles with, as seccomp(3) names them. Bound when
// asked for, never at start-up.

import { assertWord, cString, viewOf } from "../call/words.ts";
import { EIO } from "../numbers/errno.ts";
import { MFD_CLOEXEC } from "../numbers/fcntl.ts";
import { bind, type Library } from "./ffi.ts";

const FUNCTIONS = {
  seccomp_version: "long",
  seccomp_api_get: "int",
  seccomp_arch_native: "int",
  seccomp_init: "long",
  seccomp_attr_set: "int",
  seccomp_arch_add: "int",
  seccomp_syscall_resolve_name: "int",
  seccomp_syscall_resolve_name_arch: "int",
  seccomp_rule_add_array: "int",
  seccomp_export_bpf: "int",
  // Of the C library that it needs: a program comes out through a descriptor, which is its process' own.
  memfd_create: "int",
  pread: "long",
} as const;

/** Attributes of a filter: `enum scmp_filter_attr`. */
export const SCMP_FLTATR_CTL_NNP = 3;
export const SCMP_FLTATR_CTL_OPTIMIZE = 8;

/** What resolving a name answers when libseccomp has never heard of it. */
export const NR_SCMP_ERROR = -1;

/** A quarter of the longest program. */
const READ_AT_ONCE = 0x8000;

/** Bytes of `struct scmp_arg_cmp`: u32 arg, int op, u64 datum_a, u64 datum_b. */
export const SCMP_ARG_CMP_SIZE = 24;

export interface Libseccomp extends Disposable {
  readonly version: string;
  /** seccomp_api_get(3): 6 or more can notify. */
  readonly apiLevel: number;
  /** Token of the machine's own architecture. */
  readonly nativeArchitecture: number;
  /**
   * The numbers of system calls here; negative, but not NR_SCMP_ERROR, when only another architecture has it.
   */
  resolveNames(names: readonly Uint8Array[]): number[];
  resolveNamesOn(architecture: number, names: readonly Uint8Array[]): number[];
  /** `undefined` when libseccomp refuses the action. */
  createFilter(defaultAction: number): LibseccompFilter | undefined;
}

export interface Rule {
  readonly action: number;
  /** Of the system call. */
  readonly number: number;
  /** An array of `struct scmp_arg_cmp`. */
  readonly comparisons: Uint8Array;
}

/** A `scmp_filter_ctx`; what a call answers is 0 or a negated errno. It goes with its library. */
export interface LibseccompFilter {
  setAttribute(attribute: number, value: number): number;
  addArchitecture(token: number): number;
  /** All of them, whatever is answered to those before. */
  addRules(rules: readonly Rule[]): number[];
  /** The program, an array of `struct sock_filter`. */
  exportProgram(): Uint8Array | number;
}

/** Binds the library at `path` (or found by its name). Throws what dlopen(3) says when it cannot. */
export function loadLibseccomp(path: string): Libseccomp {
  const library = bind(path, FUNCTIONS);
  const { functions } = library;
  return {
    version: versionText(library, functions.seccomp_version()),
    get apiLevel() {
      return functions.seccomp_api_get();
    },
    get nativeArchitecture() {
      return functions.seccomp_arch_native() >>> 0;
    },
    resolveNames: (names) =>
      library.callAll(
        "seccomp_syscall_resolve_name",
        names.map((name) => [name]),
      ),
    resolveNamesOn(architecture, names) {
      const token = unsigned(architecture);
      return library.callAll(
        "seccomp_syscall_resolve_name_arch",
        names.map((name) => [token, name]),
      );
    },
    createFilter(defaultAction) {
      const context = functions.seccomp_init(unsigned(defaultAction));
      return context === 0 ? undefined : bindFilter(library, context);
    },
    [Symbol.dispose]: () => library[Symbol.dispose](),
  };
}

function bindFilter(library: Library<typeof FUNCTIONS>, context: number): LibseccompFilter {
  const { functions } = library;
  return {
    setAttribute: (attribute, value) => functions.seccomp_attr_set(context, attribute, value),
    addArchitecture: (token) => functions.seccomp_arch_add(context, unsigned(token)),
    addRules: (rules) =>
      library.callAll(
        "seccomp_rule_add_array",
        rules.map(({ action, number, comparisons }) => {
          const count = comparisons.length / SCMP_ARG_CMP_SIZE;
          return [context, unsigned(action), number, count, count === 0 ? null : comparisons];
        }),
      ),
    exportProgram() {
      const fd = functions.memfd_create(cString("seccomp"), MFD_CLOEXEC);
      const result = functions.seccomp_export_bpf(context, fd);
      return result < 0 ? result : readWhole(library, fd);
    },
  };
}

/** The content of a file of the library's process; a negated errno when it cannot be read. */
function readWhole({ functions }: Library<typeof FUNCTIONS>, fd: number): Uint8Array | number {
  let whole = new Uint8Array(0);
  for (;;) {
    const part = new Uint8Array(READ_AT_ONCE);
    const got = functions.pread(fd, part, part.length, whole.length);
    if (got < 0) return -EIO;
    const longer = new Uint8Array(whole.length + got);
    longer.set(whole);
    longer.set(part.subarray(0, got), whole.length);
    whole = longer;
    if (got < part.length) return whole;
  }
}

/** A token that the library takes as `uint32_t`. */
function unsigned(value: number): number {
  assertWord(value);
  return value >>> 0;
}

/** Three numbers at an address. */
function versionText(library: Library<typeof FUNCTIONS>, address: number): string {
  if (address === 0) return "unknown";
  const view = viewOf(library.readMemory(address, 12));
  return [0, 4, 8].map((offset) => view.getUint32(offset, true)).join(".");
}
