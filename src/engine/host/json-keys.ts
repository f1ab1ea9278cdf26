// Tells JSON.parse which keys to watch; ../native/json-keys.c says what it notices about them.

import { jsonNotes, knowJsonKeys } from "native";

/**
 * From here on JSON.parse notices where one of these keys stands twice or is written in another case. Called
 * once, when tsrun is built.
 */
export function watchJsonKeys(keys: Iterable<string>): void {
  knowJsonKeys([...keys].sort((a, b) => a.length - b.length));
  // For src/spec, which does without it in other hosts.
  Object.assign(globalThis, { jsonNotes });
}
