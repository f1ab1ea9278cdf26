// The answer to a process's last message, left as bytes for another reader than the sender: the first process
// leaves it in the FIFO for `start`, a hook's process in a file. Pure.

import { viewOf } from "../linux/call/words.ts";
import { shown } from "./calls/arguments.ts";
import { type Operation, operation } from "./calls/operation.ts";
import { BUFFER, HEADER_SIZE, isErrno, OPERATION_SIZE, RESULT_OFFSET } from "./wire/protocol.ts";

/** Writes the results of `operations`, which must be the first ones of the same message. */
export function report(operations: readonly Operation[], to: number, attempt: string): Operation {
  const length = HEADER_SIZE + operations.length * OPERATION_SIZE;
  return operation("write", [to, shown(BUFFER, "…"), length], attempt);
}

/** The last call that failed, by its number. */
export function failureInReport(bytes: Uint8Array): { number: number; errno: number } | undefined {
  const view = viewOf(bytes);
  let failure: { number: number; errno: number } | undefined;
  for (let at = HEADER_SIZE; at + OPERATION_SIZE <= bytes.length; at += OPERATION_SIZE) {
    const negative = view.getInt32(at + RESULT_OFFSET + 4, true) === -1;
    const result = negative ? view.getInt32(at + RESULT_OFFSET, true) : 0;
    if (isErrno(result)) failure = { number: view.getUint32(at, true), errno: -result };
  }
  return failure;
}
