// Formats the output of `state` and `list`, byte for byte as runc does, since callers parse it. Pure.

import type { ContainerState } from "../container/options.ts";
import { visible } from "./log.ts";
import { formatTable } from "./table.ts";

/** Two spaces of indentation and no newline at the end. */
export function formatState(state: ContainerState): string {
  return JSON.stringify(withoutEmpty(state), null, 2);
}

/** The table, the array (`null` if there is no container), or only the ids. */
export function formatList(entries: readonly ContainerState[], format: "table" | "json" | "ids"): string {
  switch (format) {
    case "ids":
      return entries.map(({ id }) => `${id}\n`).join("");
    case "json":
      return `${entries.length === 0 ? "null" : JSON.stringify(entries.map(withoutEmpty))}\n`;
    case "table":
      return formatTable([
        ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"],
        ...entries.map(({ id, pid, status, bundle, created, owner }) => [
          id,
          String(pid),
          status,
          // The name of the folder must not send control sequences to the terminal.
          visible(bundle),
          created,
          visible(owner),
        ]),
      ]);
  }
}

/** An empty map of annotations is left out; JSON.stringify leaves out `undefined`. */
function withoutEmpty(state: ContainerState): ContainerState {
  const none = Object.keys(state.annotations ?? {}).length === 0;
  return none ? { ...state, annotations: undefined } : state;
}
