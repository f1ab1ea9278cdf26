// Tells what a file is by its first bytes, as the kernel does when it executes one: fs/binfmt_elf.c and
// fs/binfmt_script.c. The bytes may be hostile: no offset in them is used before it is checked. Pure.

import { text, viewOf } from "../linux/call/words.ts";
import type { Machine } from "../linux/numbers/syscalls.ts";

/** How many bytes of a file are read. */
export const HEAD_SIZE = 4096;

export type Head =
  | ElfHead
  | { readonly kind: "script"; readonly interpreter: string; readonly endsInCr: boolean }
  | { readonly kind: "empty" }
  /** Words with an article: `a program for Windows`. */
  | { readonly kind: "other"; readonly what: string };

export interface ElfHead {
  readonly kind: "elf";
  /** As images name it: `amd64`, `arm64`. */
  readonly machine: string;
  /** Where in the file the path of its loader is, if it has one. */
  readonly loader: { readonly at: number; readonly size: number } | undefined;
  /** False for a library or an object file: no program header says what to load. */
  readonly isProgram: boolean;
  /** Whether its headers point beyond its end. */
  readonly isCut: boolean;
}

/** The two architectures that tsrun runs on, as images name them. */
export const IMAGE_NAMES: Readonly<Record<Machine, string>> = { "x86-64": "amd64", arm64: "arm64" };

/** `e_machine` (include/uapi/linux/elf-em.h), as images name it. `machineName` refines some of them. */
const MACHINES: Readonly<Record<number, string>> = {
  3: "386",
  8: "mips",
  20: "ppc",
  21: "ppc64",
  22: "s390x",
  40: "arm",
  43: "sparc64",
  62: "amd64",
  183: "arm64",
  243: "riscv64",
  258: "loong64",
};

const ET_EXEC = 2;
const ET_DYN = 3;
const PT_LOAD = 1;
const PT_INTERP = 3;
/** The kernel refuses a longer path. */
const LONGEST_LOADER = 4096;

const SIGNATURES: readonly (readonly [string, readonly number[]])[] = [
  ["a program for Windows", [0x4d, 0x5a]],
  ["a program for macOS", [0xcf, 0xfa, 0xed, 0xfe]],
  ["a program for macOS, or Java's class file", [0xca, 0xfe, 0xba, 0xbe]],
  ["a WebAssembly module", [0x00, 0x61, 0x73, 0x6d]],
  ["a gzip archive", [0x1f, 0x8b]],
  ["a zip archive", [0x50, 0x4b, 0x03, 0x04]],
  ["an xz archive", [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
  ["a zstd archive", [0x28, 0xb5, 0x2f, 0xfd]],
];

/** @param size the size of the whole file */
export function headOf(bytes: Uint8Array, size: number): Head {
  if (bytes.length === 0) return { kind: "empty" };
  if (startsWith(bytes, [0x7f, 0x45, 0x4c, 0x46])) return elfHead(bytes, size);
  if (startsWith(bytes, [0x23, 0x21])) return scriptHead(bytes);
  if (startsWith(bytes, [0xef, 0xbb, 0xbf, 0x23, 0x21])) {
    return { kind: "other", what: 'a script with a byte order mark before its "#!"' };
  }
  const known = SIGNATURES.find(([, signature]) => startsWith(bytes, signature));
  if (known !== undefined) return { kind: "other", what: known[0] };
  const isText = !bytes.includes(0);
  return { kind: "other", what: isText ? 'a text file without a "#!" line' : "no program that Linux knows" };
}

function startsWith(bytes: Uint8Array, signature: readonly number[]): boolean {
  return signature.every((byte, index) => bytes[index] === byte);
}

/** The interpreter is the first word after `#!`; the kernel ends it at a space, a tab or the line's end. */
function scriptHead(bytes: Uint8Array): Head {
  const end = bytes.indexOf(0x0a);
  const line = text(bytes.subarray(2, end < 0 ? Math.min(bytes.length, 256) : end));
  const interpreter = /[^ \t]+/.exec(line)?.[0] ?? "";
  return { kind: "script", interpreter, endsInCr: interpreter.endsWith("\r") };
}

function elfHead(bytes: Uint8Array, size: number): ElfHead {
  const cut = { kind: "elf", machine: "unknown", loader: undefined, isProgram: false, isCut: true } as const;
  if (bytes.length < 64) return cut;
  const is64 = bytes[4] === 2;
  const little = bytes[5] !== 2;
  const view = viewOf(bytes);
  const type = view.getUint16(16, little);
  const machine = machineName(view.getUint16(18, little), is64, little);
  const word = (at: number): number =>
    is64 ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little);
  const table = word(is64 ? 32 : 28);
  const [entry, count] = [view.getUint16(is64 ? 54 : 42, little), view.getUint16(is64 ? 56 : 44, little)];
  let loader: ElfHead["loader"];
  let loads = false;
  let isCut = table + entry * count > size;
  for (let index = 0; index < count; index++) {
    const at = table + index * entry;
    if (entry < (is64 ? 56 : 32) || at + entry > bytes.length) break;
    const kind = view.getUint32(at, little);
    const [offset, length] = [word(at + (is64 ? 8 : 4)), word(at + (is64 ? 32 : 16))];
    if (kind === PT_LOAD) loads = true;
    if (kind === PT_LOAD || kind === PT_INTERP) isCut ||= offset + length > size;
    if (kind === PT_INTERP && length <= LONGEST_LOADER) loader = { at: offset, size: length };
  }
  const isProgram = (type === ET_EXEC || type === ET_DYN) && loads;
  return { kind: "elf", machine, loader, isProgram, isCut };
}

function machineName(number: number, is64: boolean, little: boolean): string {
  const name = MACHINES[number];
  if (name === undefined) return `machine ${number}`;
  if (name === "mips") return `mips${is64 ? "64" : ""}${little ? "le" : ""}`;
  if (name === "ppc64") return `ppc64${little ? "le" : ""}`;
  return name;
}

/** The C library or system for which a program was built, by its loader's path; `undefined` if unknown. */
export function builtFor(loader: string): string | undefined {
  if (/\/ld-musl-/.test(loader)) return "musl, as Alpine Linux has it";
  if (/\/ld-linux|\/ld64\.so|\/ld\.so\.1/.test(loader)) return "glibc, as Debian and Fedora have it";
  if (/^\/nix\/store\//.test(loader)) return "Nix";
  if (/^\/system\//.test(loader)) return "Android";
  return undefined;
}
