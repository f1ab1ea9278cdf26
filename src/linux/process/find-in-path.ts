// Finds a program of the host that a command needs: ps, criu, newuidmap.

import { tryCall } from "../call/call.ts";
import { status } from "../files/files.ts";
import { AT_FDCWD, S_IFREG, X_OK } from "../numbers/fcntl.ts";

/** Used if the environment has no PATH: podman passes only XDG_RUNTIME_DIR. */
const USUAL = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The first executable file of this name in a directory of PATH. A relative directory does not count. */
export function findInPath(name: string): string | undefined {
  const variable = process.env.PATH ?? "";
  for (const directory of (variable === "" ? USUAL : variable).split(":")) {
    const path = `${directory}/${name}`;
    if (directory.startsWith("/") && isExecutable(path)) return path;
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  if (tryCall("faccessat", AT_FDCWD, path, X_OK, 0) !== 0) return false;
  return status(path)?.type === S_IFREG;
}
