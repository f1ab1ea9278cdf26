// The form of a listing of machine code: listing-x86-64.ts and listing-arm64.ts are two. Types only.

/** Bytes, instruction, comment; a label has no bytes. */
export type Listing = readonly (readonly [string, string, string])[];
