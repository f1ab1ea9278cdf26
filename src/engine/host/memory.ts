// Memory of the process by its address.

import { callLong, callValue, locate, useReserve as nativeUseReserve } from "native";
import { addressAt, CONTEXT, JS_NEW_STRING_LEN, MEMCPY } from "./constants.ts";

/** How many arrays at a time may be named in structures of the kernel, which the engine cannot see into. */
const NAMED_AT_ONCE = 64;
const named: Uint8Array[] = [];
let next = 0;

/** The address of `bytes` while somebody holds the array: the engine frees at once what nobody does. */
export function locateBytes(bytes: Uint8Array): number {
  return locate(bytes.buffer) + bytes.byteOffset;
}

/** The address of `bytes`, for a structure. The array is held until 64 others have been named so. */
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

/** The text of UTF-8 in memory; what is none becomes U+FFFD. */
export function readText(address: number, length: number): string {
  return callValue(JS_NEW_STRING_LEN, CONTEXT, address, length) as string;
}

let held: readonly unknown[] = [];

/** Keeps these until here: the bundler sees no use in a name that C alone has a use for. */
export function hold(...values: readonly unknown[]): void {
  held = values;
  if (held.length < 0) throw new Error("unreachable");
}

/**
 * From here on the command draws on the reserve (docs/adr/0017-end-of-memory.md), and is not stopped by the
 * end of memory: it is on its way back, or what it was asked for is done.
 */
export function useReserve(): void {
  nativeUseReserve();
}
