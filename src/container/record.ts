// The content of state.json: what later commands must know about a container. Declared in schemas/, like
// everything that is read back and must be checked.

export type { StartInside, StateRecord } from "../spec/types.ts";
