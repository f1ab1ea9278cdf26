// Protocol Buffers (protobuf.dev/programming-guides/encoding), as far as criu's messages and containerd's
// need them.

import { decode as decodeAny, encode as encodeAny } from "./codec.ts";
import type { Message, ValuesOf } from "./message.ts";
import { readProtobuf, tableOf, writeProtobuf } from "./shortcuts.ts";

export { type Field, type FieldType, type Message, TEXT_MAP, type ValuesOf } from "./message.ts";

/** The bytes of a message, fields in the order of its table. */
export function encode<M extends Message>(message: M, values: ValuesOf<M>): Uint8Array {
  const bytes = writeProtobuf?.(tableOf(message), values);
  return bytes === undefined ? encodeAny(message, values) : new Uint8Array(bytes);
}

/**
 * Reads a message. Fields that its table does not know are passed over: newer versions of the other side send
 * some. Throws E_CONFIG for bytes that are no message.
 */
export function decode<M extends Message>(message: M, bytes: Uint8Array): ValuesOf<M> {
  const { buffer, byteOffset, length } = bytes;
  const values = readProtobuf?.(tableOf(message), buffer, byteOffset, length);
  // The engine follows the table, from which the type was computed.
  return values === undefined ? decodeAny(message, bytes) : (values as ValuesOf<M>);
}
