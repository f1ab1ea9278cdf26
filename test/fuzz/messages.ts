// Messages of random operations, written by the engine's own function and by TypeScript: both must write the
// same, and read the same results.

import { TsrunError } from "../../src/errors.ts";
import { machine, type SyscallName, syscallNumber } from "../../src/linux/numbers/syscalls.ts";
import { type Argument, data, out, shown } from "../../src/proxy/calls/arguments.ts";
import { type Operation, operation } from "../../src/proxy/calls/operation.ts";
import { decode } from "../../src/proxy/wire/answer.ts";
import { type EncodedBatch, encode } from "../../src/proxy/wire/batch.ts";
import { HEADER_SIZE, NOT_DONE_HIGH, OPERATION_SIZE, RESULT_OFFSET } from "../../src/proxy/wire/protocol.ts";
import { Script } from "./script.ts";

const CALLS: readonly SyscallName[] = ["openat", "mount", "close", "write", "clone3"];
const OTHER = machine === "x86-64" ? "arm64" : "x86-64";
const NUMBERS = [0, 1, -1, -100, 2 ** 31, 2 ** 32 - 1, 2 ** 32, -(2 ** 40), 2 ** 53 - 1];
/** Some are no words, and refused. */
const ODD = [-0, 0.5, Number.NaN, 2 ** 53, -(2 ** 53), 1e300, 2 ** 63];
/** "child", but not the word of the program. */
const CHILD = ["ch", "ild"].join("") as "child";
const ONLY: readonly Pick<Operation, "only">[] = [{}, { only: "child" }, { only: "parent" }, { only: CHILD }];

function makeArgument(script: Script, before: readonly Operation[], memory: Argument[]): Argument {
  switch (script.next(10)) {
    case 0:
      return script.take(script.next(200));
    case 8:
      return script.take(1).repeat(script.next(9000));
    case 9:
      return script.next(20) === 0 ? script.of(ODD) : 9;
    case 1:
      return BigInt(NUMBERS[script.next(NUMBERS.length)] ?? 0) * 5n;
    case 2:
      return shown(NUMBERS[script.next(NUMBERS.length)] ?? 0, "x");
    case 3:
      memory.push(data(new Uint8Array(script.next(60)).fill(7), () => "…"));
      return memory.at(-1) as Argument;
    case 4:
      memory.push(out(script.next(60)));
      return memory.at(-1) as Argument;
    case 5:
      return memory[script.next(memory.length + 1)] ?? 5;
    case 6:
      return before[script.next(before.length + 1)] ?? 6;
    default:
      return NUMBERS[script.next(NUMBERS.length)] ?? 0;
  }
}

function makeOperations(text: string): Operation[] {
  const script = new Script(text);
  const made: Operation[] = [];
  const memory: Argument[] = [];
  while (!script.isOver && made.length < 200) {
    const args = Array.from({ length: script.next(7) }, () => makeArgument(script, made, memory));
    const one = operation(CALLS[script.next(CALLS.length)] ?? "close", args, "try");
    const flags = script.next(64);
    made.push({
      ...one,
      ...ONLY[flags & 3],
      ...((flags & 4) === 0 ? {} : { clones: true }),
      ...((flags & 8) === 0 ? {} : { goOn: true }),
      ...((flags & 16) === 0 ? {} : { retries: true }),
    });
  }
  return made;
}

function attempt(operations: readonly Operation[], target: typeof machine): EncodedBatch | string {
  try {
    const batch = encode(operations, { machine: target });
    return { ...batch, message: batch.message.slice() };
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    return error.message;
  }
}

/** Compares what both have written. Returns the fault, if any. */
export function readMessage(text: string): string | undefined {
  const [operations, again] = [makeOperations(text), makeOperations(text)];
  if (operations.length === 0) return undefined;
  const [fast, slow] = [attempt(operations, machine), attempt(again, OTHER)];
  if (typeof fast === "string" || typeof slow === "string") {
    return fast === slow ? undefined : `one refuses: ${String(fast)}, ${String(slow)}`;
  }
  if (fast.message.length !== slow.message.length || fast.replyLength !== slow.replyLength)
    return "lengths differ";
  if (fast.preload.join() !== slow.preload.join()) return "preloads differ";
  const [words, others] = [fast, slow].map(({ message }) => new DataView(message.buffer)) as [
    DataView,
    DataView,
  ];
  for (let index = 0; index < operations.length; index++) {
    const at = HEADER_SIZE + index * OPERATION_SIZE;
    if (words.getUint32(at, true) !== syscallNumber(operations[index]?.call ?? "close"))
      return "wrong number";
    others.setUint32(at, words.getUint32(at, true), true);
  }
  for (let at = 0; at < fast.message.length; at++) {
    if (fast.message[at] !== slow.message[at]) return `byte ${at} differs`;
  }
  return readAnswer(operations, fast, text);
}

function readAnswer(operations: readonly Operation[], batch: EncodedBatch, text: string): string | undefined {
  const reply = new Uint8Array(batch.replyLength);
  const view = new DataView(reply.buffer);
  const script = new Script(text);
  const wanted = operations.map((_, index) => {
    const at = HEADER_SIZE + index * OPERATION_SIZE + RESULT_OFFSET;
    const number = NUMBERS[script.next(NUMBERS.length + 1)];
    view.setBigInt64(at, BigInt(number ?? 0), true);
    if (number === undefined) view.setUint32(at + 4, NOT_DONE_HIGH, true);
    return number;
  });
  decode(operations, batch, reply);
  const wrong = operations.findIndex(({ result }, index) => result !== wanted[index]);
  return wrong < 0 ? undefined : `result ${wrong} is ${operations[wrong]?.result}, not ${wanted[wrong]}`;
}
