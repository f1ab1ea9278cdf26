// The module that the build links with the engine (../native/module.c).

declare module "native" {
  type Argument = number | bigint | undefined;

  /** A system call: its result, or the negated errno. Throws instead, once, when there is no memory left. */
  export function syscall(
    number: number,
    a: Argument,
    b: Argument,
    c: Argument,
    d: Argument,
    e: Argument,
    f: Argument,
  ): number;
  /** Calls a function of C that returns an `int`. */
  export function callInt(address: number, ...args: Argument[]): number;
  /** Calls a function of C that returns 64 bits, an address or a length. */
  export function callLong(address: number, ...args: Argument[]): number;
  /** Calls a function of the engine that returns a value of JavaScript. */
  export function callValue(address: number, ...args: Argument[]): unknown;
  /** The address of a buffer's memory, which never moves. */
  export function locate(buffer: ArrayBufferLike): number;
  /** The UTF-8 of a text. */
  export function encode(text: string): ArrayBuffer;
  /** The engine's context, and then the addresses that ../native/module.c lists. */
  export function constants(): ArrayBuffer;
  /** Writes a C string of so many bytes; false where the text is not ASCII, holds a NUL or has no room. */
  export function writeAscii(text: string, length: number, buffer: ArrayBuffer, at: number): boolean;
  /** From here on what memory the kernel refuses comes from the reserve, and nobody is told. */
  export function useReserve(): void;
  /** What JSON.parse is to know as keys, the shortest first. Once, when the snapshot is made. */
  export function knowJsonKeys(keys: readonly string[]): void;
  /** What JSON.parse has noticed when it was last called: 0 is nothing (../native/json-keys.c). */
  export function jsonNotes(): number;
}
