// Messages that several of containerd's services share: google/protobuf and containerd/api/types. Pure.

import type { Message, ValuesOf } from "../../protobuf/protobuf.ts";

/** Seconds since 1970, and nanoseconds within the second. */
export const TIMESTAMP = {
  seconds: { number: 1, type: "int" },
  nanos: { number: 2, type: "int" },
} as const satisfies Message;

/** A message together with the name of its type. */
export const ANY = {
  typeUrl: { number: 1, type: "string" },
  value: { number: 2, type: "bytes" },
} as const satisfies Message;

export type Any = ValuesOf<typeof ANY>;

export const EMPTY = {} as const satisfies Message;

/** containerd.types.Mount */
export const MOUNT = {
  type: { number: 1, type: "string" },
  source: { number: 2, type: "string" },
  target: { number: 3, type: "string" },
  options: { number: 4, type: "string", repeated: true },
} as const satisfies Message;

export type MountMessage = ValuesOf<typeof MOUNT>;

/** A time as `Date.now` gives it. */
export function timestamp(milliseconds: number): ValuesOf<typeof TIMESTAMP> {
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds, nanos: Math.round((milliseconds - seconds * 1000) * 1e6) };
}
