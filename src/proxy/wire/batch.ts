// A batch of operations as bytes: where every argument lies in the proxy's memory. answer.ts reads what
// comes back. Pure.

import { TsrunError } from "../../errors.ts";
import { cString, setWord, viewOf, type Word, writeCString } from "../../linux/call/words.ts";
import {
  machine as hostMachine,
  type Machine,
  OWN_NUMBERS,
  syscallNumber,
} from "../../linux/numbers/syscalls.ts";
import type { Argument, Data, Out, Result } from "../calls/arguments.ts";
import type { Operation } from "../calls/operation.ts";
import {
  ARGUMENTS_OFFSET,
  BUFFER,
  CHILD_ONLY,
  CLONES,
  DATA_LIMIT,
  GO_ON,
  HEADER_SIZE,
  LARGE,
  LAST,
  MESSAGE_LIMIT,
  NOT_DONE_HIGH,
  OPERATION_SIZE,
  PARENT_ONLY,
  RESULT_OFFSET,
  RETRIES,
  RETRIES_SHIFT,
  SEGMENT_SIZE,
} from "./protocol.ts";
import { countOf, type Entry, type Pattern, type Repeat } from "./repeat.ts";
import { writeOperations } from "./shortcuts.ts";

export interface EncodedBatch {
  /** How many operations there are. */
  readonly count: number;
  /** Valid until the next batch is encoded, but for `keeps`. */
  readonly message: Uint8Array;
  /** What must lie in the proxy's memory, from LARGE on, before the message arrives. Usually nothing. */
  readonly preload: Uint8Array;
  readonly replyLength: number;
  readonly outs: readonly { readonly out: Out; readonly offset: number }[];
  /** What `complete` fills in. */
  readonly pending: readonly Pending[];
}

/**
 * An argument that is the result of an earlier batch, which had not been answered yet; `at` counts words of
 * 32 bits.
 */
interface Pending {
  readonly at: number;
  readonly of: Result;
}

export interface EncodeOptions {
  /** The proxy leaves after its answer. */
  readonly last?: boolean;
  /**
   * The batch is sent later, after others that have not been answered yet; `complete` is called before that.
   */
  readonly keeps?: boolean;
  readonly machine?: Machine;
  /** What the entries need room for, if the caller knows. */
  readonly needs?: Needs | undefined;
}

export interface Needs {
  /** How many operations there are. */
  readonly count: number;
  /** The memory that they fill. */
  readonly outs: readonly Out[];
}

/** Lays out a batch and writes it. */
export function encode(entries: readonly Entry[], options: EncodeOptions = {}): EncodedBatch {
  return new Writer(entries, options).write(options.last === true ? LAST : 0);
}

/**
 * Fills in what was not known when a batch was encoded with `keeps`. Called right before the batch is sent.
 */
export function complete({ message, pending }: EncodedBatch): void {
  if (pending.length === 0) return;
  const words = new Uint32Array(message.buffer, message.byteOffset, message.byteLength >> 2);
  for (let index = 0; index < pending.length; index++) {
    const { at, of } = pending[index] as Pending;
    words[at] = resultBefore(of);
  }
}

const NOTHING = new Uint8Array(0);

/** The memory that each batch is written to, as bytes and as words of 32 bits. */
const scratchBuffer = new ArrayBuffer(MESSAGE_LIMIT);
const scratch = new Uint8Array(scratchBuffer);
const scratchWords = new Uint32Array(scratchBuffer);
const scratchView = viewOf(scratch);

/** The number of the last batch. Memory and operations that carry this number have a place in it. */
let batches = 0;
/** How far memory is placed ahead of data. */
const OUTS_LIMIT = DATA_LIMIT / 2;
/** More than there are operations in a batch. */
const PLACES = 4096;

/**
 * For `writeOperations`: the position of the next operation, the length of the message, how many results are
 * pending.
 */
const cursor = new Int32Array(3);

/** Plain loops, and numbers instead of objects, since a batch has hundreds of operations. */
class Writer {
  readonly #entries: readonly Entry[];
  readonly #count: number;
  readonly #machine: Machine;
  readonly #batch = ++batches;
  readonly #keeps: boolean;
  readonly #outs: { out: Out; offset: number }[] = [];
  readonly #pending: Pending[] = [];
  /** Data that no longer fits the message. */
  readonly #large: { bytes: Uint8Array; address: number }[] = [];
  #length: number;
  #replyLength: number;
  #largeEnd = LARGE;

  constructor(
    entries: readonly Entry[],
    { machine = hostMachine, keeps = false, needs = needsOf(entries) }: EncodeOptions,
  ) {
    this.#entries = entries;
    this.#count = needs.count;
    this.#machine = machine;
    this.#keeps = keeps;
    this.#length = HEADER_SIZE + this.#count * OPERATION_SIZE;
    this.#checkLength();
    this.#replyLength = this.#length;
    scratch.fill(0, 0, this.#length);
    this.#placeOuts(needs.outs);
  }

  /**
   * Ahead of all texts and data, so that the engine writes the operations that fill memory, too, and the
   * answer is shorter. If there is much of it, the data comes first: only memory may lie behind DATA_LIMIT.
   */
  #placeOuts(outs: readonly Out[]): void {
    for (const out of outs) if (this.#length + out.size <= OUTS_LIMIT) this.#addressOf(out);
  }

  write(headerFlags: number): EncodedBatch {
    const entries = this.#entries;
    let position = 0;
    for (let index = 0; index < entries.length; index++) {
      if (writeOperations !== undefined && this.#machine === hostMachine) {
        cursor[0] = position;
        cursor[1] = this.#length;
        cursor[2] = this.#pending.length;
        const base = this.#batch * PLACES;
        index = writeOperations(entries, index, scratchBuffer, OWN_NUMBERS, cursor.buffer, base, this.#batch);
        position = cursor[0] as number;
        this.#length = cursor[1] as number;
        if (index === entries.length) break;
      }
      const entry = entries[index] as Entry;
      if (entry.kind === "operation") {
        this.#writeOperation(entry, position);
        position += 1;
      } else {
        this.#writeRepeat(entry, position);
        position += entry.like.operations.length;
      }
    }
    scratchWords[0] = this.#count;
    scratchWords[1] = headerFlags;
    scratchWords[2] = this.#replyLength;
    // Another message is sent, and so written, before one that has a preload.
    const isCopied = this.#keeps || this.#large.length > 0;
    return {
      count: this.#count,
      message: isCopied ? scratch.slice(0, this.#length) : scratch.subarray(0, this.#length),
      preload: this.#large.length === 0 ? NOTHING : this.#preload(),
      replyLength: this.#replyLength,
      outs: this.#outs,
      pending: this.#pending,
    };
  }

  #preload(): Uint8Array {
    const preload = new Uint8Array(this.#largeEnd - LARGE);
    for (const { bytes, address } of this.#large) preload.set(bytes, address - LARGE);
    return preload;
  }

  #checkLength(): void {
    if (this.#length <= MESSAGE_LIMIT) return;
    throw new TsrunError("E_INTERNAL", `a batch of ${this.#length} bytes does not fit a message`);
  }

  #writeOperation(operation: Operation, position: number): void {
    const words = scratchWords;
    operation.place = this.#batch * PLACES + position;
    const { args } = operation;
    const at = (HEADER_SIZE + position * OPERATION_SIZE) >> 2;
    let flags = flagsOf(operation);
    for (let number = 0; number < args.length; number++) {
      const argument = args[number] as Argument;
      let word: Word;
      if (typeof argument === "number") word = argument;
      else if (typeof argument === "string") word = this.#placeText(argument);
      else if (typeof argument === "bigint") word = argument;
      else if (argument.kind === "operation") {
        const before = this.#positionOf(argument, position);
        if (before >= 0) {
          flags |= 1 << number;
          word = BUFFER + HEADER_SIZE + before * OPERATION_SIZE + RESULT_OFFSET;
        } else word = this.#resultBefore(argument, at + (ARGUMENTS_OFFSET >> 2) + number * 2);
      } else word = argument.kind === "shown" ? argument.value : this.#addressOf(argument);
      const offset = at + (ARGUMENTS_OFFSET >> 2) + number * 2;
      // Nearly all are whole numbers of 32 bits, whose upper half is 0 already.
      if (typeof word === "number" && word >>> 0 === word) words[offset] = word;
      else if (typeof word === "number" && (word | 0) === word) {
        words[offset] = word;
        words[offset + 1] = 0xffffffff;
      } else setWord(scratchView, offset * 4, word);
    }
    words[at] = syscallNumber(operation.call, this.#machine);
    words[at + 1] = flags;
    words[at + ((RESULT_OFFSET + 4) >> 2)] = NOT_DONE_HIGH;
  }

  /**
   * Addresses of the repeat's own results are shifted; all other arguments, and the flags, are the pattern's.
   */
  #writeRepeat({ like, texts }: Repeat, position: number): void {
    const words = scratchWords;
    const { operations, results, others } = like;
    const first = this.#positionOf(operations[0], position);
    if (first < 0) throw notEarlier(operations[0]);
    const from = (HEADER_SIZE + first * OPERATION_SIZE) >> 2;
    const at = (HEADER_SIZE + position * OPERATION_SIZE) >> 2;
    words.copyWithin(at, from, from + operations.length * (OPERATION_SIZE >> 2));
    const distance = (position - first) * OPERATION_SIZE;
    for (let index = 0; index < results.length; index++) {
      const offset = at + (results[index] as number);
      words[offset] = (words[offset] as number) + distance;
    }
    // What is pending in the pattern is pending here, too.
    for (let index = 0; index < others.length && this.#pending.length > 0; index++) {
      const { at: offset, of } = others[index] as Pattern["others"][number];
      if (this.#positionOf(of, first) < 0) this.#resultBefore(of, at + offset);
    }
    for (let index = 0; index < texts.length; index++) {
      words[at + (like.texts[index] as number)] = this.#placeText(texts[index] as string);
    }
  }

  /** The position of an operation that comes earlier in this batch; negative if it does not. */
  #positionOf(earlier: Result | undefined, position: number): number {
    const before = (earlier?.place ?? -1) - this.#batch * PLACES;
    return before < position ? before : -1;
  }

  /**
   * The result of an operation of an earlier batch. If that has not been answered yet, `complete` fills it
   * in.
   */
  #resultBefore(of: Result, at: number): number {
    if (of.result !== undefined || !this.#keeps || of.place < 0) return resultBefore(of);
    this.#pending.push({ at, of });
    return 0;
  }

  /** The same memory of several operations is placed once. */
  #addressOf(memory: Data | Out): number {
    if (memory.batch === this.#batch) return memory.address;
    memory.batch = this.#batch;
    if (memory.kind === "out") return this.#placeOut(memory);
    const { pointers, pieces } = memory;
    const points = pointers !== undefined || pieces !== undefined;
    memory.address = this.#place(points ? this.#pointing(memory) : memory.bytes);
    return memory.address;
  }

  /** Memory that a call fills has to come back, so it lies in the message, and the answer reaches as far. */
  #placeOut(out: Out): number {
    const offset = this.#length;
    this.#length = offset + align(out.size);
    this.#checkLength();
    scratch.fill(0, offset, this.#length);
    this.#replyLength = this.#length;
    this.#outs.push({ out, offset });
    out.address = BUFFER + offset;
    return out.address;
  }

  /** The bytes of a structure, with the addresses of what it points to. */
  #pointing({ bytes, pointers = [], pieces }: Data): Uint8Array {
    const filled = bytes.slice();
    const view = viewOf(filled);
    for (const { offset, to } of pointers) setWord(view, offset, this.#addressOf(to));
    if (pieces === undefined) return filled;
    const { of, starts } = pieces;
    const base = this.#addressOf(of);
    for (let index = 0; index < starts.length; index++) {
      setWord(view, index * 8, base + (starts[index] as number));
    }
    return filled;
  }

  #placeText(text: string): number {
    const offset = this.#length;
    const fits = offset + text.length < DATA_LIMIT;
    const written = fits ? writeCString(text, scratchBuffer, offset) : 0;
    if (written === 0) return this.#place(cString(text));
    this.#length = offset + align(written);
    return BUFFER + offset;
  }

  /** Appends bytes to the message, and returns their address in the proxy. */
  #place(bytes: Uint8Array): number {
    const offset = this.#length;
    if (offset + bytes.length > DATA_LIMIT) return this.#placeLarge(bytes);
    scratch.set(bytes, offset);
    this.#length = offset + align(bytes.length);
    return BUFFER + offset;
  }

  #placeLarge(bytes: Uint8Array): number {
    const address = this.#largeEnd;
    this.#largeEnd += align(bytes.length);
    if (this.#largeEnd > BUFFER + SEGMENT_SIZE) {
      throw new TsrunError("E_CONFIG", "arguments and environment are too long for a process", {
        hint: "shorten process.args or process.env; the kernel refuses more than a few MiB",
      });
    }
    this.#large.push({ bytes, address });
    return address;
  }
}

function needsOf(entries: readonly Entry[]): Needs {
  const outs: Out[] = [];
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index] as Entry;
    if (entry.kind === "operation" && entry.out !== undefined) outs.push(entry.out);
  }
  return { count: countOf(entries), outs };
}

/** The result of an operation of a batch that was answered. */
function resultBefore(operation: Result): number {
  if (operation.result === undefined || operation.result < 0) throw notEarlier(operation);
  return operation.result;
}

function notEarlier(operation: Result | undefined): TsrunError {
  return new TsrunError("E_INTERNAL", `${operation?.call} does not stand earlier in the batch`);
}

function flagsOf(operation: Operation): number {
  let flags = 0;
  if (operation.only === "child") flags |= CHILD_ONLY;
  if (operation.only === "parent") flags |= PARENT_ONLY;
  if (operation.clones === true) flags |= CLONES;
  if (operation.goOn === true) flags |= GO_ON;
  if (operation.retries === true) flags |= RETRIES << RETRIES_SHIFT;
  return flags;
}

function align(size: number): number {
  return (size + 7) & ~7;
}
