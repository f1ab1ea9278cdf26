// The module that the build links with the engine (../native/module.c).

declare module "native" {
  type Argument = number | bigint | undefined;

  /**
   * Makes a system call. Returns its result, or the negated errno. When memory has run out, it throws once
   * instead.
   */
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
  /** Writes a C string of `length` bytes; false if the text is not ASCII, contains a NUL or does not fit. */
  export function writeAscii(text: string, length: number, buffer: ArrayBuffer, at: number): boolean;
  /** From here on, memory that the kernel refuses comes from the reserve, without an error. */
  export function useReserve(): void;
  /** Gives JSON.parse the keys to watch, the shortest first. Called once, when the snapshot is made. */
  export function knowJsonKeys(keys: readonly string[]): void;
  /** What JSON.parse noticed in its last call; 0 is nothing (../native/json-keys.c). */
  export function jsonNotes(): number;
}
