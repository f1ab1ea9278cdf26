// A message is declared as a table; the type of its values follows from the table.

/**
 * `int` stands for int32, uint32, int64 where 53 bits are enough, and enumerations: all are a varint of 64
 * bits. `long` is a uint64 whose values may be larger, as the kernel's counters are.
 */
export type FieldType = "int" | "long" | "bool" | "double" | "string" | "bytes" | Message;

export interface Field {
  readonly number: number;
  readonly type: FieldType;
  readonly repeated?: true;
  /** Repeated numbers as one field: proto3 writes them so, proto2 does not. Either is read. */
  readonly packed?: true;
}

export type Message = { readonly [name: string]: Field };

type One<T extends FieldType> = T extends "int" | "double"
  ? number
  : T extends "long"
    ? bigint
    : T extends "bool"
      ? boolean
      : T extends "string"
        ? string
        : T extends "bytes"
          ? Uint8Array
          : T extends Message
            ? ValuesOf<T>
            : never;

/** The values of a message; what is absent is not sent. */
export type ValuesOf<M extends Message> = {
  readonly [K in keyof M]?: M[K]["repeated"] extends true
    ? readonly One<M[K]["type"]>[]
    : One<M[K]["type"]> | undefined;
};

/** A `map` is sent as repeated pairs with these numbers. */
export const TEXT_MAP = {
  key: { number: 1, type: "string" },
  value: { number: 2, type: "string" },
} as const satisfies Message;
