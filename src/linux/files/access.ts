// Asks the kernel whether tsrun itself may use a file.

import { tryCall } from "../call/call.ts";
import { ENOSYS } from "../numbers/errno.ts";
import { AT_EACCESS, AT_FDCWD } from "../numbers/fcntl.ts";

export const X_OK = 1;
export const W_OK = 2;

/** Whether tsrun may use a file in all of these ways (access(2)). */
export function mayUse(path: string, ways: number): boolean {
  const result = tryCall("faccessat2", AT_FDCWD, path, ways, AT_EACCESS);
  // Before Linux 5.8 the kernel looks at the real user, who is the effective one too: tsrun is not
  // set-user-ID.
  return (result === -ENOSYS ? tryCall("faccessat", AT_FDCWD, path, ways) : result) === 0;
}
