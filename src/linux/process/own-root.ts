// Whether tsrun runs in a chroot. Called when a container is created.

import { TsrunError } from "../../errors.ts";
import { status } from "../files/files.ts";
import { isSameFile } from "../files/statx.ts";

/**
 * Whether tsrun's root is another directory than that of the first process of its pid namespace. Inside a
 * chroot nothing else tells: every path looks as it does outside.
 */
export function isChrooted(): boolean {
  try {
    const first = status("/proc/1/root/");
    return first !== undefined && !isSameFile(first, status("/"));
  } catch (error) {
    // An ordinary user may not look, and cannot use chroot(2). Nor may a root with fewer rights than the
    // first process.
    if (error instanceof TsrunError) return false;
    throw error;
  }
}
