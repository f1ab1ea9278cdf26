// A batch's answer as bytes, for a reader that did not send it, as `start`, and has no operations to put the
// results in. Pure.

import { viewOf } from "../../linux/call/words.ts";
import { HEADER_SIZE, OPERATION_SIZE, RESULT_OFFSET } from "./protocol.ts";

/** The last call that failed in a batch, read from its bytes alone: by a reader that did not send it. */
export function failureInReply(reply: Uint8Array): { number: number; errno: number } | undefined {
  const view = viewOf(reply);
  let failure: { number: number; errno: number } | undefined;
  for (let at = HEADER_SIZE; at + OPERATION_SIZE <= reply.length; at += OPERATION_SIZE) {
    const negative = view.getInt32(at + RESULT_OFFSET + 4, true) === -1;
    const result = negative ? view.getInt32(at + RESULT_OFFSET, true) : 0;
    if (isErrno(result)) failure = { number: view.getUint32(at, true), errno: -result };
  }
  return failure;
}

export function isErrno(result: number): boolean {
  return result < 0 && result >= -4095;
}
