// Checks the name of a file that a person has asked for, before it is written by rename(2), which would put
// it in the place of whatever is there.

import { TsrunError } from "../../errors.ts";
import { S_IFREG } from "../numbers/fcntl.ts";
import { openDirectory, status } from "./files.ts";

/**
 * Throws if there is anything but a regular file: a link, whose target somebody else may have chosen, a
 * device, a FIFO, a directory.
 */
export function checkReplaceable(path: string, what: string, hint = "give another name"): void {
  const found = status(path, { followLinks: false });
  if (found === undefined || found.type === S_IFREG) return;
  throw new TsrunError("E_EXISTS", `cannot write ${what} to "${path}": it is no regular file`, { hint });
}

/** For a file that is written much later: as `checkReplaceable`, and its directory must exist. */
export function checkWritableLater(path: string, what: string): void {
  checkReplaceable(path, what);
  openDirectory(path.slice(0, path.lastIndexOf("/") + 1)).close();
}
