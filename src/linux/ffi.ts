// The native half of bun:ffi, as far as the C library needs it. The module itself adds conversions of
// arguments that it compiles at every start; we pass numbers that are checked already. Without it a command
// starts 0.3 ms sooner; see docs/adr/0001-stack.md. Called by libc.ts and spawn.ts.

import type { Word } from "./words.ts";

/** Types of arguments and results: `FFIType` of bun:ffi. */
export const I32 = 5;
export const I64 = 7;
export const POINTER = 12;
/** A 64-bit result: a number where that is exact, else a bigint. */
export const I64_FAST = 15;

interface Signature {
  readonly args: readonly number[];
  readonly returns: number;
}

/** Functions of C. Memory is passed as its address. */
export type Symbols<T> = { readonly [K in keyof T]: (...args: Word[]) => number };

/** What Bun keeps as `Bun.FFI` and builds bun:ffi on; its types do not tell. */
interface NativeFfi {
  dlopen<T extends Record<string, Signature>>(library: string, functions: T): { symbols: Symbols<T> } | Error;
  ptr(bytes: Uint8Array): number;
  readonly read: { i32(address: number, offset: number): number };
}

const native: NativeFfi = Reflect.get(Bun, "FFI");

/** Binds functions of a library. Throws when it, or one of them, is not there. */
export function bind<const T extends Record<string, Signature>>(library: string, functions: T): Symbols<T> {
  const bound = native.dlopen(library, functions);
  if (bound instanceof Error) throw bound;
  return bound.symbols;
}

/** The address of `bytes`; valid only while the caller keeps the array alive. */
export function addressOf(bytes: Uint8Array): number {
  return native.ptr(bytes);
}

/** The 32-bit integer at an address. */
export function readI32(address: number): number {
  return native.read.i32(address, 0);
}
