// A batch of operations as bytes: where every argument lies in the proxy's memory, and reading the answer.
// Pure.

import { TsrunError } from "../errors.ts";
import { machine as hostMachine, type Machine, syscallNumber } from "../linux/syscalls.ts";
import { setWord, viewOf, type Word } from "../linux/words.ts";
import type { Argument, Data, Out } from "./arguments.ts";
import type { Operation } from "./operation.ts";
import {
  ARGUMENTS_OFFSET,
  BUFFER,
  CHILD_ONLY,
  CLONES,
  GO_ON,
  HEADER_SIZE,
  LARGE,
  LAST,
  NOT_DONE_HIGH,
  OPERATION_SIZE,
  PARENT_ONLY,
  RESULT_OFFSET,
  SEGMENT_SIZE,
} from "./protocol.ts";
import { isErrno } from "./reply.ts";

/** The longest message that is sent, bytes: well below what a socket takes (net.core.wmem_default). */
export const MESSAGE_LIMIT = 0x18000;
/** When a message would grow too long, data from this size on moves to the large area first. */
const LARGE_DATA = 2048;

export interface EncodedBatch {
  readonly message: Uint8Array;
  /** What must lie in the proxy's memory, from LARGE on, before the message arrives. Usually nothing. */
  readonly preload: Uint8Array;
  readonly replyLength: number;
  readonly outs: readonly { readonly out: Out; readonly offset: number }[];
}

export interface EncodeOptions {
  /** The proxy leaves after its answer. */
  readonly last?: boolean;
  readonly machine?: Machine;
}

/**
 * Lays a batch out and writes it. Plain loops: nothing here is compiled, and a batch has hundreds of
 * operations.
 */
export function encode(operations: readonly Operation[], options: EncodeOptions = {}): EncodedBatch {
  const layout = new Layout(operations);
  const replyLength = layout.placeOuts();
  layout.placeData();
  const message = new Uint8Array(layout.length);
  // Both machines are little-endian, as the protocol is.
  const words = new Uint32Array(message.buffer);
  words[0] = operations.length;
  words[1] = options.last === true ? LAST : 0;
  words[2] = replyLength;
  const writer = { view: viewOf(message), words, layout, machine: options.machine ?? hostMachine };
  for (let index = 0; index < operations.length; index++) {
    writeOperation(writer, operations[index] as Operation, index);
  }
  const preload = layout.writeData(message);
  return { message, preload, replyLength, outs: layout.outs };
}

/** Fills in the results of a batch that was answered. */
export function decode(operations: readonly Operation[], batch: EncodedBatch, reply: Uint8Array): void {
  const words = new Uint32Array(reply.buffer, reply.byteOffset, reply.byteLength >> 2);
  for (let index = 0; index < operations.length; index++) {
    const at = (HEADER_SIZE + index * OPERATION_SIZE + RESULT_OFFSET) >> 2;
    const low = words[at] ?? 0;
    const high = words[at + 1] ?? 0;
    const operation = operations[index] as Operation;
    if (high === 0) operation.result = low;
    else operation.result = high === NOT_DONE_HIGH ? undefined : (high | 0) * 2 ** 32 + low;
  }
  for (const { out, offset } of batch.outs) out.bytes = reply.slice(offset, offset + out.size);
}

/** The operation that stopped a batch: the first failed one that was not allowed to fail. */
export function failureOf(operations: readonly Operation[]): Operation | undefined {
  return operations.find((one) => one.goOn !== true && one.result !== undefined && isErrno(one.result));
}

interface Writer {
  readonly view: DataView;
  /** The message as words of 32 bits. */
  readonly words: Uint32Array;
  readonly layout: Layout;
  readonly machine: Machine;
}

function writeOperation(writer: Writer, operation: Operation, index: number): void {
  const { words, layout } = writer;
  const at = HEADER_SIZE + index * OPERATION_SIZE;
  let flags = 0;
  if (operation.only === "child") flags |= CHILD_ONLY;
  if (operation.only === "parent") flags |= PARENT_ONLY;
  if (operation.clones === true) flags |= CLONES;
  if (operation.goOn === true) flags |= GO_ON;
  const { args } = operation;
  for (let position = 0; position < args.length; position++) {
    const argument = args[position] as Argument;
    if (typeof argument === "object" && argument.kind === "result") flags |= 1 << position;
    const word = layout.word(argument, index);
    const offset = at + ARGUMENTS_OFFSET + position * 8;
    // Nearly all are whole numbers below 2^32, whose upper half is there already.
    if (typeof word === "number" && word >>> 0 === word) words[offset >> 2] = word;
    else setWord(writer.view, offset, word);
  }
  words[at >> 2] = syscallNumber(operation.call, writer.machine);
  words[(at >> 2) + 1] = flags;
  words[(at + RESULT_OFFSET + 4) >> 2] = NOT_DONE_HIGH;
}

/** How many batches have been laid out: what bears the number of one has a place in it. */
let batches = 0;

/** Where everything of a batch lies; the places are noted in the operations and the memory themselves. */
class Layout {
  readonly outs: { out: Out; offset: number }[] = [];
  length: number;
  readonly #batch = ++batches;
  readonly #operations: readonly Operation[];
  readonly #inMessage: { data: Data; offset: number }[] = [];
  readonly #inLarge: { data: Data; address: number }[] = [];
  /** The data of the batch, each once, and how long it is in all. */
  readonly #pieces: Data[] = [];
  #dataSize = 0;
  #large = LARGE;

  constructor(operations: readonly Operation[]) {
    this.#operations = operations;
    for (let index = 0; index < operations.length; index++) {
      const operation = operations[index] as Operation;
      operation.index = index;
      const { args } = operation;
      for (let position = 0; position < args.length; position++) {
        const argument = args[position];
        if (typeof argument === "object" && (argument.kind === "data" || argument.kind === "out")) {
          this.#collect(argument);
        }
      }
    }
    this.length = HEADER_SIZE + operations.length * OPERATION_SIZE;
  }

  /** Gives each out buffer its place right behind the operations. Returns the length of the answer. */
  placeOuts(): number {
    for (const one of this.outs) {
      one.offset = this.length;
      one.out.address = BUFFER + this.length;
      this.length += align(one.out.size);
    }
    return this.length;
  }

  /** Gives each piece of data its place behind the out buffers, or in the large area. */
  placeData(): void {
    const crowded = this.length + this.#dataSize > MESSAGE_LIMIT;
    for (const data of this.#pieces) {
      const large = crowded && data.bytes.length >= LARGE_DATA;
      if (large || this.length + data.bytes.length > MESSAGE_LIMIT) this.#placeLarge(data);
      else this.#placeInMessage(data);
    }
    if (this.length > MESSAGE_LIMIT) {
      throw new TsrunError("E_INTERNAL", `a batch of ${this.length} bytes does not fit a message`);
    }
  }

  /** The 64-bit value of an argument of the operation at `index`. */
  word(argument: Argument, index: number): Word {
    if (typeof argument !== "object") return argument;
    switch (argument.kind) {
      case "shown":
        return argument.value;
      case "data":
      case "out":
        return this.#addressOf(argument);
      case "result": {
        const earlier = argument.operation.index;
        if (earlier >= index || this.#operations[earlier] !== argument.operation) {
          throw new TsrunError(
            "E_INTERNAL",
            `${argument.operation.call} does not stand earlier in the batch`,
          );
        }
        return BUFFER + HEADER_SIZE + earlier * OPERATION_SIZE + RESULT_OFFSET;
      }
    }
  }

  /** Copies the data into place, now that every pointer has an address. Returns what is to be preloaded. */
  writeData(message: Uint8Array): Uint8Array {
    const preload = new Uint8Array(this.#large - LARGE);
    for (const { data, offset } of this.#inMessage) this.#writePiece(data, message, offset);
    for (const { data, address } of this.#inLarge) this.#writePiece(data, preload, address - LARGE);
    return preload;
  }

  #writePiece(data: Data, to: Uint8Array, offset: number): void {
    to.set(data.bytes, offset);
    if (data.pointers !== undefined) this.#fillPointers(data.pointers, viewOf(to), offset);
  }

  #placeInMessage(data: Data): void {
    this.#inMessage.push({ data, offset: this.length });
    data.address = BUFFER + this.length;
    this.length += align(data.bytes.length);
  }

  #placeLarge(data: Data): void {
    const address = this.#large;
    this.#large += align(data.bytes.length);
    if (this.#large > BUFFER + SEGMENT_SIZE) {
      throw new TsrunError("E_CONFIG", "arguments and environment are too long for a process", {
        hint: "shorten process.args or process.env; the kernel refuses more than a few MiB",
      });
    }
    data.address = address;
    this.#inLarge.push({ data, address });
  }

  #fillPointers(pointers: NonNullable<Data["pointers"]>, view: DataView, start: number): void {
    for (const { offset, to } of pointers) setWord(view, start + offset, this.#addressOf(to));
  }

  #addressOf(memory: Data | Out): number {
    if (memory.batch !== this.#batch)
      throw new TsrunError("E_INTERNAL", "memory without a place in its batch");
    return memory.address;
  }

  /** Notes a piece of memory and what it points to; it gets its place when all are known. */
  #collect(memory: Data | Out): void {
    if (memory.batch === this.#batch) return;
    memory.batch = this.#batch;
    if (memory.kind === "out") {
      this.outs.push({ out: memory, offset: 0 });
      return;
    }
    this.#pieces.push(memory);
    this.#dataSize += align(memory.bytes.length);
    if (memory.pointers !== undefined) for (const { to } of memory.pointers) this.#collect(to);
  }
}

function align(size: number): number {
  return (size + 7) & ~7;
}
