// A process with C libraries, in which tsrun calls their functions; see library-protocol.ts. tsrun is linked
// statically, so the libraries cannot access its memory. Called by ffi.ts.

import { addressAt, LIBRARIES, LIBRARIES_END } from "../../engine/host/constants.ts";
import { readMemory } from "../../engine/host/memory.ts";
import { TsrunError } from "../../errors.ts";
import { hasErrno, mustCall, tryCall } from "../call/call.ts";
import { setWord, text, viewOf, type Word } from "../call/words.ts";
import { Descriptor } from "../files/files.ts";
import { socketPair } from "../files/sockets.ts";
import { errnoName, errnoWords } from "../numbers/errno.ts";
import { MFD_CLOEXEC, SEEK_SET } from "../numbers/fcntl.ts";
import { SOCK_SEQPACKET } from "../numbers/socket-numbers.ts";
import { spawnProgram } from "../process/executable.ts";
import { tryWaitFor } from "../process/process.ts";
import {
  ARGUMENTS_OFFSET,
  CALL_SIZE,
  CAPACITY,
  FIRST_FUNCTIONS,
  FLAGS_OFFSET,
  HEADER_SIZE,
  SOCKET,
} from "./library-protocol.ts";

/** An argument: a number, memory that goes there and comes back, or NULL. */
export type Argument = Word | Uint8Array | null;

/** What a function returns: a C `int`, or 64 bits: an address or a length. */
export type Returns = "int" | "long";

/** At most six arguments. They must have the function's types; nothing checks that. */
export interface Call {
  readonly address: number;
  readonly returns: Returns;
  readonly args: readonly Argument[];
}

export type FirstFunction = (typeof FIRST_FUNCTIONS)[number];

export class LibraryProcess implements Disposable {
  /** Where these are in it. */
  readonly first: Readonly<Record<FirstFunction, number>>;
  readonly #library: string;
  readonly #pid: number;
  readonly #socket: Descriptor;
  /** What it writes to its stderr, a memory file: its dynamic linker for instance, before it gives up. */
  readonly #said: Descriptor;
  #ended = false;

  /**
   * Starts a process for this library. It has our environment, which libraries read, and blocks all signals:
   * those that a terminal sends to its foreground processes are for tsrun.
   */
  constructor(library: string) {
    this.#library = library;
    const [ours, theirs] = socketPair(SOCK_SEQPACKET);
    this.#socket = ours;
    this.#said = new Descriptor(mustCall("make a memory file", "memfd_create", "said", MFD_CLOEXEC));
    try {
      this.#pid = start(theirs, this.#said);
    } catch (error) {
      ours.close();
      this.#said.close();
      throw error;
    } finally {
      theirs.close();
    }
    const addresses = new Uint8Array(FIRST_FUNCTIONS.length * 8);
    const got = tryCall("read", ours.number, addresses, addresses.length);
    if (got !== addresses.length) throw noProgram(`the program that loads it ended${this.#end()}`);
    const table = viewOf(addresses);
    this.first = Object.fromEntries(
      FIRST_FUNCTIONS.map((name, index) => [name, addressAt(table, index)]),
    ) as Record<FirstFunction, number>;
  }

  /** Whether the process has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Makes one call. Afterwards the arrays among the arguments contain what the function has written. */
  call(call: Call): number {
    const message = encode([call]);
    this.#exchange(message);
    let at = HEADER_SIZE + CALL_SIZE;
    for (const argument of call.args) {
      if (!isMemory(argument)) continue;
      argument.set(message.subarray(at, at + argument.length));
      at += aligned(argument.length);
    }
    return resultOf(call, viewOf(message), 0);
  }

  /** Makes some calls in one message. The arrays among the arguments are only read. */
  callAll(calls: readonly Call[]): number[] {
    const message = encode(calls);
    this.#exchange(message);
    const view = viewOf(message);
    return calls.map((call, index) => resultOf(call, view, index));
  }

  [Symbol.dispose](): void {
    this.#end();
  }

  /** Sends a message, and overwrites it with the answer. */
  #exchange(message: Uint8Array): void {
    if (message.length > CAPACITY) {
      throw new TsrunError("E_INTERNAL", `${message.length} bytes are too long for a call of a C library`);
    }
    const sent = this.#ended ? 0 : tryCall("write", this.#socket.number, message, message.length);
    if (sent !== message.length) throw this.#failure(sent);
    this.#receive(message);
  }

  #receive(into: Uint8Array): void {
    const got = tryCall("read", this.#socket.number, into, into.length);
    if (got !== into.length) throw this.#failure(got);
  }

  /** The error of a failed exchange; the process is of no more use. */
  #failure(result: number): TsrunError {
    const words = this.#end();
    const gone = result >= 0 || ["EPIPE", "ECONNRESET"].includes(errnoName(-result));
    const cause = gone ? `the process that has it loaded ended unexpectedly${words}` : errnoWords(-result);
    return new TsrunError("E_SYSCALL", `cannot use "${this.#library}": ${cause}`);
  }

  /** Lets go of it, which ends it, and waits for that. Returns how it ended and what it said, in words. */
  #end(): string {
    if (this.#ended) return "";
    this.#ended = true;
    this.#socket.close();
    const end = tryWaitFor(this.#pid);
    const said = lastLine(this.#said);
    this.#said.close();
    if (typeof end === "number") return "";
    const how = end.signal === 0 ? ` with status ${end.status}` : ` by signal ${end.signal}`;
    return said === "" ? how : `${how}: ${said}`;
  }
}

/** Of what a file begins with. */
function lastLine(file: Descriptor): string {
  const bytes = new Uint8Array(4096);
  tryCall("lseek", file.number, 0, SEEK_SET);
  const got = tryCall("read", file.number, bytes, bytes.length);
  return (
    text(bytes.subarray(0, Math.max(got, 0)))
      .trim()
      .split("\n")
      .at(-1) ?? ""
  );
}

function noProgram(reason: string, cause?: unknown): TsrunError {
  const hint = "C libraries of the host are loaded by a program that needs glibc 2.34 or later";
  return new TsrunError("E_UNSUPPORTED", reason, { hint, cause });
}

function start(socket: Descriptor, said: Descriptor): number {
  const bytes = readMemory(LIBRARIES, LIBRARIES_END - LIBRARIES);
  try {
    return spawnProgram(
      { name: "tsrun-libraries", bytes },
      {
        descriptors: [
          { from: said.number, to: 2 },
          { from: socket.number, to: SOCKET },
        ],
        signals: "blocked",
      },
    );
  } catch (cause) {
    // The file exists, so ENOENT means that its dynamic linker is missing.
    if (!hasErrno(cause, "ENOENT")) throw cause;
    throw noProgram("this host has no glibc", cause);
  }
}

function encode(calls: readonly Call[]): Uint8Array {
  const head = HEADER_SIZE + calls.length * CALL_SIZE;
  const message = new Uint8Array(calls.reduce((length, call) => length + sizeOf(call), HEADER_SIZE));
  const view = viewOf(message);
  setWord(view, 0, calls.length);
  let call = HEADER_SIZE;
  let data = head;
  for (const { address, args } of calls) {
    setWord(view, call, address);
    let flags = 0;
    for (let index = 0; index < args.length; index++) {
      const argument = args[index] ?? 0;
      const at = call + ARGUMENTS_OFFSET + index * 8;
      if (!isMemory(argument)) {
        setWord(view, at, argument);
        continue;
      }
      message.set(argument, data);
      view.setUint32(at, data, true);
      flags |= 1 << index;
      data += aligned(argument.length);
    }
    view.setUint32(call + FLAGS_OFFSET, flags, true);
    call += CALL_SIZE;
  }
  return message;
}

function isMemory(argument: Argument): argument is Uint8Array {
  return typeof argument === "object" && argument !== null;
}

/** Structures in memory begin at a multiple of 8. */
function aligned(length: number): number {
  return (length + 7) & ~7;
}

/** The bytes that a call adds to a message. */
function sizeOf({ args }: Call): number {
  let size = CALL_SIZE;
  for (const argument of args) if (isMemory(argument)) size += aligned(argument.length);
  return size;
}

function resultOf({ returns }: Call, view: DataView, index: number): number {
  const at = HEADER_SIZE + index * CALL_SIZE;
  const low = view.getInt32(at, true);
  // C leaves the upper half of an int undefined.
  return returns === "int" ? low : view.getInt32(at + 4, true) * 2 ** 32 + (low >>> 0);
}
