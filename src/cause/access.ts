// Decides, as the kernel does (path_resolution(7)), whether a process may enter a directory or execute a
// file, and says in words why not. Pure.

import type { FileStatus } from "../linux/files/statx.ts";
import { S_IFDIR } from "../linux/numbers/fcntl.ts";
import { type Cause, named, octal } from "./cause.ts";
import { CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, type Credentials, insideId } from "./credentials.ts";

/** A directory on the way to a file, or the file itself. */
export interface Seen {
  /** The path in the container, without symbolic links. */
  readonly path: string;
  readonly status: FileStatus;
  /** The mount's flags, by statfs(2). */
  readonly mountFlags: number;
}

/** Flags of a mount in `struct statfs` (include/linux/statfs.h). */
export const ST_NOEXEC = 0x8;
export const ST_NOSYMFOLLOW = 0x2000;

/** Why a process may not enter a directory. */
export function whyNotEntered(seen: Seen, who: Credentials): Cause | undefined {
  return passes(seen, who) ? undefined : closed(seen, who, "enter");
}

/** Why a process may not execute a file. */
export function whyNotExecutable(seen: Seen, who: Credentials): Cause | undefined {
  const { path, status, mountFlags } = seen;
  if ((mountFlags & ST_NOEXEC) !== 0) {
    return {
      words: `${named(path)} is on a mount with the option noexec`,
      next: "take noexec out of that mount's options, or put the program elsewhere",
    };
  }
  // Not even root may execute a file without any x bit.
  if ((status.mode & 0o111) === 0) {
    return {
      words: `${named(path)} has mode ${octal(status.mode)}, so nobody may execute it`,
      next: `chmod +x ${named(path)} in the image`,
    };
  }
  return passes(seen, who) ? undefined : closed(seen, who, "execute");
}

/** The kernel's generic_permission() for the bit x, without access control lists. */
function passes({ status }: Seen, who: Credentials): boolean {
  const { uid, gid, mode, type } = status;
  const shift = uid === who.uid ? 6 : gid === who.gid || who.groups.includes(gid) ? 3 : 0;
  if (((mode >> shift) & 1) !== 0) return true;
  // A capability counts only where the user namespace maps the file's owner and group.
  if (insideId(who.uids, uid) === undefined || insideId(who.gids, gid) === undefined) return false;
  const suffices =
    type === S_IFDIR ? CAP_DAC_OVERRIDE | CAP_DAC_READ_SEARCH : (mode & 0o111) === 0 ? 0n : CAP_DAC_OVERRIDE;
  return (who.capabilities & suffices) !== 0n;
}

function closed({ path, status }: Seen, who: Credentials, verb: "enter" | "execute"): Cause {
  const owner = insideId(who.uids, status.uid);
  const group = insideId(who.gids, status.gid);
  const uid = insideId(who.uids, who.uid) ?? who.uid;
  const gid = insideId(who.gids, who.gid) ?? who.gid;
  const process = `uid ${uid}, gid ${gid} may not ${verb} it`;
  if (owner === undefined) {
    return {
      words:
        `${named(path)} has mode ${octal(status.mode)} and belongs to uid ${status.uid} of the host, ` +
        `which the user namespace does not map, and ${process}`,
      next: `give it an owner that linux.uidMappings has, or map uid ${status.uid}`,
    };
  }
  const whose = group === undefined ? `gid ${status.gid} of the host` : `gid ${group}`;
  return {
    words:
      `${named(path)} has mode ${octal(status.mode)} and belongs to uid ${owner}, ${whose}, ` +
      `and ${process}`,
    next: `chmod o+x ${named(path)}, or run as its owner (process.user)`,
  };
}
