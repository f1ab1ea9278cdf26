// The module that the build links with the engine (../native/module.c).

declare module "native" {
  /** For an array, its address is passed, or 0 if it is empty. */
  type Argument = number | bigint | Uint8Array | undefined;

  /**
   * Makes a system call. A text is passed as a C string. Returns its result, or the negated errno; EINTR also
   * if a text is not ASCII or contains a NUL. When memory has run out, it throws once instead.
   */
  export function syscall(
    number: number,
    a: Argument | string,
    b: Argument | string,
    c: Argument | string,
    d: Argument | string,
    e: Argument | string,
    f: Argument | string,
  ): number;
  /**
   * Reads a file until its end, or with one read(2). Returns its text if it is ASCII, otherwise its bytes; or
   * a negated errno: EFBIG if it has more than `most` bytes, or may have more than one read(2) returns, and
   * EINTR as `syscall`.
   */
  export function readText(
    at: number,
    path: string | Uint8Array,
    isShort: 0 | 1,
    most: number,
  ): string | ArrayBuffer | number;
  /** Calls a function of C that returns an `int`. */
  export function callInt(address: number, ...args: Argument[]): number;
  /** Calls a function of C that returns 64 bits, an address or a length. */
  export function callLong(address: number, ...args: Argument[]): number;
  /** Calls a function of the engine that returns a value of JavaScript. */
  export function callValue(address: number, ...args: Argument[]): unknown;
  /** The address of a buffer's memory, which never moves. */
  export function locate(buffer: ArrayBufferLike): number;
  /** The value of a variable of the environment. */
  export function variable(name: string): string | undefined;
  /** The environment: `NAME=value`. */
  export function variables(): string[];
  /**
   * A field of a line of /proc/PID/stat, counted as in proc_pid_stat(5), from 3 on. NaN if the line has none.
   */
  export function statField(line: string, field: number): number;
  /** The UTF-8 of a text. */
  export function encode(text: string): ArrayBuffer;
  /** The same as `encodeRaw` of raw-text.ts. */
  export function encodeRaw(text: string): ArrayBuffer;
  /** The same as `decodeRaw` of raw-text.ts, for a part of a buffer. */
  export function decodeRaw(buffer: ArrayBufferLike, at: number, length: number): string;
  /** A checksum of words of 32 bits in a buffer: src/seccomp/filter.ts. */
  export function checksum(buffer: ArrayBufferLike, at: number, length: number): number;
  /** The engine's context, followed by the addresses that ../native/module.c lists. */
  export function constants(): ArrayBuffer;
  /** Writes a C string of `length` bytes; false if the text is not ASCII, contains a NUL or does not fit. */
  export function writeAscii(text: string, length: number, buffer: ArrayBuffer, at: number): boolean;
  /** From then on, if the kernel refuses memory, it is taken from the reserve, without an error. */
  export function useReserve(): void;
  /** Writes operations into a message: ../native/operations.c, src/proxy/wire/batch.ts. */
  export function writeOperations(
    entries: readonly unknown[],
    from: number,
    memory: ArrayBuffer,
    numbers: Readonly<Record<string, number>>,
    cursor: ArrayBuffer,
    base: number,
    batch: number,
  ): number;
  /** Gives operations their results: ../native/operations.c, src/proxy/wire/answer.ts. */
  export function readResults(
    entries: readonly unknown[],
    from: number,
    memory: ArrayBufferLike,
    at: number,
  ): number;
  /** The bytes of a message, or `undefined` if they are left to TypeScript: src/protobuf/. */
  export function writeProtobuf(
    table: readonly unknown[],
    values: Readonly<Record<string, unknown>>,
  ): ArrayBuffer | undefined;
  /** The values of a message, or `undefined` if they are left to TypeScript: src/protobuf/. */
  export function readProtobuf(
    table: readonly unknown[],
    buffer: ArrayBufferLike,
    at: number,
    length: number,
  ): Record<string, unknown> | undefined;
  /** Makes a coroutine of a function, and returns its address: coroutine.ts. */
  export function newCoroutine(act: () => void): number;
  /**
   * Runs a coroutine until it suspends itself or ends. Returns whether it has ended; its address then means
   * nothing any more. Throws what its function throws.
   */
  export function resume(coroutine: number): boolean;
  /** Goes back to whoever has resumed this coroutine, and returns when it is resumed again. */
  export function suspend(): void;
  /** Gives JSON.parse the keys to watch, the shortest first. Called once, when the snapshot is made. */
  export function knowJsonKeys(keys: readonly string[]): void;
  /** What JSON.parse noticed in its last call; 0 is nothing (../native/json-keys.c). */
  export function jsonNotes(): number;
  /**
   * Begins to note system calls (../native/trace.c). `calls` is the table of their names, by number. Returns
   * false if there is no memory for it.
   */
  export function beginTrace(
    calls: ArrayBufferLike,
    callKind: number,
    insideKind: number,
    phaseKind: number,
    name: string,
  ): boolean;
  /** Stops noting. */
  export function endTrace(): void;
  /** Nanoseconds of CLOCK_MONOTONIC. */
  export function traceNow(): number;
  /** Ends the current phase, and begins one of this name. */
  export function tracePhase(name: string): void;
  /** Notes something that took time from `start` until now. */
  export function traceSpan(kind: number, name: string, what: string | undefined, start: number): void;
  /** Gives a process its name. */
  export function traceProcess(pid: number, name: string): void;
  /**
   * The events of tsrun's own process that are not system calls: as doubles, the number, the start and the
   * end of each.
   */
  export function traceSpans(): ArrayBuffer;
  /** Notes which event contains the event `number`. `parent` is one more than its number. */
  export function traceParent(number: number, parent: number): void;
  /** Notes the operations of a message that is about to be sent. Returns the message's number. */
  export function traceSent(message: ArrayBufferLike, length: number): number;
  /** Adds the calls of that message, which `process` has made. */
  export function traceAnswer(message: number, reply: ArrayBufferLike, process: number): void;
  /** Notes that `process` did since `start` what that message asks for. */
  export function traceUnanswered(message: number, name: string, start: number, process: number): void;
  /** Sets the templates of an event's text, and of a process's name (../native/trace-text.c). */
  export function traceFormat(
    event: string,
    what: string,
    result: string,
    process: string,
    categories: string,
    times: ArrayBufferLike,
    parents: ArrayBufferLike,
  ): void;
  /** Sets the text before and after the events; the fields of the whole command are filled in. */
  export function traceFrame(before: string, after: string, program: string, status: number): void;
  /** The next piece of the text, valid until the next call; `undefined` if there is no more. */
  export function traceText(): ArrayBuffer | undefined;
}
