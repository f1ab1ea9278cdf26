// Memory of the process by its address.

import { callLong, callValue, locate, useReserve as nativeUseReserve } from "native";
import { addressAt, CONTEXT, JS_NEW_STRING_LEN, MEMCPY } from "./constants.ts";

/**
 * How many arrays stay alive because structures for the kernel contain their addresses, which the engine
 * cannot see.
 */
const NAMED_AT_ONCE = 64;
const named: Uint8Array[] = [];
let next = 0;

/**
 * The address of `bytes`, valid as long as the array is referenced: the engine frees unreferenced memory at
 * once.
 */
export function locateBytes(bytes: Uint8Array): number {
  return locate(bytes.buffer) + bytes.byteOffset;
}

/** The address of `bytes`, for a structure. The array stays alive until this was called for 64 others. */
export function addressOf(bytes: Uint8Array): number {
  named[next] = bytes;
  next = (next + 1) % NAMED_AT_ONCE;
  return locateBytes(bytes);
}

/** A copy of the memory at an address. */
export function readMemory(address: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  callLong(MEMCPY, locate(bytes.buffer), address, length);
  return bytes;
}

/** The address that is stored at an address. */
export function readAddress(address: number): number {
  return addressAt(new DataView(readMemory(address, 8).buffer), 0);
}

/** Reads UTF-8 from memory; bytes that are not UTF-8 become U+FFFD. */
export function readText(address: number, length: number): string {
  return callValue(JS_NEW_STRING_LEN, CONTEXT, address, length) as string;
}

let held: readonly unknown[] = [];

/** Keeps these values alive up to this call: the bundler would remove a variable that only C uses. */
export function hold(...values: readonly unknown[]): void {
  held = values;
  if (held.length < 0) throw new Error("unreachable");
}

let reserveIsKept = false;

/** From now on `useReserve` does nothing: a shim has more to do after each thing that it does. */
export function keepReserve(): void {
  reserveIsKept = true;
}

/**
 * From here on the command uses the memory reserve (docs/adr/0017-end-of-memory.md), and running out of
 * memory does not stop it: it has done what it was asked for, or is undoing its work.
 */
export function useReserve(): void {
  if (!reserveIsKept) nativeUseReserve();
}
