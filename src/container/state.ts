// `state`: a container's state.

import type { ContainerState, GlobalOptions } from "./options.ts";
import { describe } from "./printed-state.ts";
import { getStateDirectory } from "./store.ts";

/** The state of a container; throws if there is none with that id. */
export function containerState(globals: GlobalOptions, id: string): ContainerState {
  using directory = getStateDirectory(globals.root, id);
  return describe(directory, directory.load(), "");
}
