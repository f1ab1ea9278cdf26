// Checks the id of a container, which becomes the name of a directory. Pure. Called by the command line and
// by the state store.

import { TsrunError } from "../errors.ts";
import { NAME_MAX } from "../linux/numbers/fcntl.ts";

/** Throws, in runc's words, unless `id` may name a container. */
export function checkId(id: string): void {
  if (id === "") throw new TsrunError("E_BAD_ID", "container id cannot be empty");
  const hint = reasonAgainst(id);
  if (hint !== undefined) throw new TsrunError("E_BAD_ID", "invalid container ID format", { hint });
}

/** Whether `name` may be the id of a container. */
export function isId(name: string): boolean {
  return name !== "" && reasonAgainst(name) === undefined;
}

function reasonAgainst(id: string): string | undefined {
  if (!/^[\w+.-]+$/.test(id)) return "an id consists of letters, digits, and the characters _ + - .";
  // DIFFERS: runc refuses only "." and ".."; names that begin with a dot are reserved for the state root.
  if (id.startsWith(".")) return "an id does not begin with a dot";
  if (id.length > NAME_MAX) return `an id has at most ${NAME_MAX} characters`;
  return undefined;
}
