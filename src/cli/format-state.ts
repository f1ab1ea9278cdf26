// Formats the output of `state` and `list`, byte for byte as runc does, since callers parse it. Pure.

import type { ContainerState } from "../container/options.ts";
import { visible } from "./log.ts";
import { formatTable } from "./table.ts";

/** Two spaces of indentation and no newline at the end. */
export function formatState(state: ContainerState): string {
  return JSON.stringify(withoutEmpty(state), null, 2);
}

/** The ids, one per line. */
export function formatIds(ids: readonly string[]): string {
  return ids.map((id) => `${id}\n`).join("");
}

/** The table, or the array (`null` if there is no container). */
export function formatList(entries: readonly ContainerState[], format: "table" | "json"): string {
  switch (format) {
    case "json":
      return `${entries.length === 0 ? "null" : JSON.stringify(entries.map(withoutEmpty))}\n`;
    case "table": {
      // Most containers have the same owner, and some the same bundle.
      const shown = remember(visible);
      return formatTable([
        ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"],
        ...entries.map(({ id, pid, status, bundle, created, owner }) => [
          id,
          String(pid),
          status,
          // Neither a folder's name nor a damaged state may send control sequences to the terminal.
          shown(bundle),
          visible(created),
          shown(owner),
        ]),
      ]);
    }
  }
}

/** An empty map of annotations is left out; JSON.stringify leaves out `undefined`. */
function withoutEmpty(state: ContainerState): ContainerState {
  const none = Object.keys(state.annotations ?? {}).length === 0;
  return none ? { ...state, annotations: undefined } : state;
}

/** Returns `of` with a memory: it is called once for each text. */
function remember(of: (text: string) => string): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    const before = known.get(text);
    if (before !== undefined) return before;
    const found = of(text);
    known.set(text, found);
    return found;
  };
}
