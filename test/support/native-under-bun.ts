// The module "native" (src/engine/host/native.d.ts) for Bun, on bun:ffi: for programs of the tests that use
// sources of tsrun, and that neither Node nor tsrun's own engine can run. Loaded with `bun --preload`.

import { CFunction, CString, dlopen, FFIType, type Pointer, ptr, read } from "bun:ffi";
import { existsSync, readFileSync } from "node:fs";
import { plugin } from "bun";
import { EFBIG } from "../../src/linux/numbers/errno.ts";
import { OWN_NUMBERS } from "../../src/linux/numbers/syscalls.ts";

const { i64, i64_fast, ptr: pointer } = FFIType;
const { symbols: libc } = dlopen("libc.so.6", {
  syscall: { args: [i64, i64, i64, i64, i64, i64, i64], returns: i64_fast },
  dlsym: { args: [pointer, pointer], returns: pointer },
  __errno_location: { args: [], returns: pointer },
});

type Word = number | bigint | string | Uint8Array | undefined;

/** A function of the engine that Bun does by itself. */
const NEW_STRING = 1;
/**
 * In the order of src/engine/host/constants.ts; an empty entry is the engine's own function, and is not
 * called.
 */
const SPAWN = ["", "_file_actions_init", "_file_actions_adddup2", "_file_actions_addchdir_np"];
const ADDRESSES = [
  ...["", "memcpy", "strlen", "environ", "getpid", "getcwd", "clock_gettime"],
  ...[...SPAWN, "_file_actions_destroy"].map((name) => `posix_spawn${name}`),
];

/** The program that loads C libraries, which a build leaves there; without a build it is not needed. */
const PROGRAM = `${import.meta.dir}/../../dist/.engine/build/libraries`;
const libraries = existsSync(PROGRAM) ? readFileSync(PROGRAM) : Buffer.alloc(1);

/** As calls.c reads an argument. What it makes of a text stays in memory. */
function wordOf(word: Word): number | bigint {
  if (typeof word === "string") {
    texts.push(Buffer.from(`${word}\0`));
    return ptr(texts.at(-1) as Buffer);
  }
  return word instanceof Uint8Array ? (word.length === 0 ? 0 : ptr(word)) : (word ?? 0);
}

const texts: Buffer[] = [];

function syscall(number: number, ...given: Word[]): number {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = given.map(wordOf);
  const result = Number(libc.syscall(number, a, b, c, d, e, f));
  return result === -1 ? -read.i32(libc.__errno_location() as Pointer, 0) : result;
}

/** Its result is never a text: peek.ts makes one of the bytes. */
function readText(at: number, path: string | Uint8Array, isShort: 0 | 1, most: number): ArrayBuffer | number {
  const file = syscall(OWN_NUMBERS.openat, at, path, 0, 0);
  if (file < 0) return file;
  const pieces: Uint8Array[] = [];
  let got: number;
  do {
    const piece = new Uint8Array(4096);
    got = syscall(OWN_NUMBERS.read, file, piece, piece.length);
    if (got > 0) pieces.push(piece.subarray(0, got));
  } while (got > 0 && isShort === 0);
  syscall(OWN_NUMBERS.close, file);
  const whole = Buffer.concat(pieces);
  if (got < 0) return got;
  return whole.length > most || got === 4096 ? -EFBIG : Uint8Array.from(whole).buffer;
}

/** Passes six words to every function: it ignores those that it does not take. */
function callLong(address: number, ...[a = 0, b = 0, c = 0, d = 0, e = 0, f = 0]: number[]): number {
  const call = CFunction({
    ptr: address as Pointer,
    args: [i64, i64, i64, i64, i64, i64],
    returns: i64_fast,
  });
  return Number(call(a, b, c, d, e, f));
}

function callValue(address: number, _context: number, text: number, length: number): string {
  if (address !== NEW_STRING) throw new Error("the programs of the tests ask for nothing else");
  return length === 0 ? "" : new CString(text as Pointer, 0, length).toString();
}

function constants(): ArrayBuffer {
  const found = ADDRESSES.map((name) => (name === "" ? 0 : libc.dlsym(null, Buffer.from(`${name}\0`))));
  const program = ptr(libraries);
  // libseccomp is linked to tsrun alone.
  const none = Array.from({ length: 12 }, () => 0);
  const others = [NEW_STRING, program, program + libraries.length, ...none];
  return BigInt64Array.from([...found, ...others], (address) => BigInt(address ?? 0)).buffer;
}

plugin({
  name: "native",
  setup(build) {
    build.module("native", () => ({
      exports: {
        syscall,
        readText,
        callInt: (address: number, ...words: number[]) => callLong(address, ...words) | 0,
        callLong,
        callValue,
        locate: (buffer: ArrayBuffer) => ptr(buffer),
        encode: (text: string) => new TextEncoder().encode(text).buffer,
        writeAscii: () => false,
        useReserve: () => undefined,
        knowJsonKeys: () => undefined,
        jsonNotes: () => 3,
        statField: (line: string, field: number) =>
          Number(line.slice(line.lastIndexOf(")")).split(" ")[field - 2]),
        constants,
      },
      loader: "object",
    }));
  },
});
