// The content of state.json: what later commands must know of a container. Declared in schemas/, like
// everything that is read back and must not be believed.

export type { StartInside, StateRecord } from "../spec/types.ts";
