// Changes the attributes of all mounts below one, such as `ro`, on kernels without mount_setattr(2), which
// are older than 5.12: with one mount(2) for each. Called by mount-bind.ts and mount-filesystem.ts.

import { O_PATH } from "../../linux/numbers/fcntl.ts";
import { MS_BIND, MS_REMOUNT } from "../../linux/numbers/mount.ts";
import { close, fstatfs } from "../../proxy/calls/calls.ts";
import { operationError, resultOf } from "../../proxy/calls/operation.ts";
import { readMounts } from "../host/mountinfo.ts";
import type { RootContext } from "../place/context.ts";
import { openPlain } from "../place/open.ts";
import { flagsAfter, flagsOfStatfs, statfsFlags } from "../plan/attributes.ts";
import type { Flagged } from "../plan/mounts.ts";
import { isInside } from "../plan/paths.ts";
import { onScratch } from "./attach.ts";
import { adviceForLocked } from "./locked.ts";
import { assertNosymfollow, lookForNosymfollow } from "./nosymfollow.ts";

export interface Below {
  /** Where the mount lies in the root. */
  readonly path: string;
  readonly asked: Flagged;
  readonly attempt: string;
  /** Where the mount stands in the configuration, for errors. */
  readonly where: string;
}

/** Whether the mounts below have to be changed one by one. */
export function changesOneByOne(
  { features }: RootContext,
  { recursive }: Pick<Flagged, "recursive">,
): boolean {
  return recursive !== undefined && !features.mountSetattr;
}

/** Changes them, if they have to be changed one by one. */
export function changeBelowIfAsked(
  context: RootContext,
  { path: below, asked, attempt, where }: Below,
): void {
  const { recursive } = asked;
  if (recursive === undefined || context.features.mountSetattr) return;
  const top = `${context.rootfs}${below}`;
  for (const { point } of readMounts(context.proxy)) {
    if (!isInside(top, point)) continue;
    const path = point.slice(context.rootfs.length);
    const opening = openPlain(context, { directory: context.root, path, how: O_PATH }, attempt);
    const status = fstatfs(opening.descriptor, attempt);
    const unknown = context.proxy.attempt([...opening.operations, status]);
    if (unknown !== undefined) throw operationError(unknown, { hint: where });
    const flags = flagsAfter(flagsOfStatfs(statfsFlags(status.out.bytes)), recursive);
    const mounted = resultOf(opening.descriptor);
    const remount = onScratch(context, mounted, { flags: MS_REMOUNT | MS_BIND | flags }, attempt);
    const looks = lookForNosymfollow(mounted, flags, attempt);
    const failed = context.proxy.attempt([...remount, ...looks, close(mounted)]);
    if (failed !== undefined) {
      const flagging = remount.find(({ call }) => call === "mount");
      const tried = { failed, tree: mounted, flagging, asked: { ...asked, setFlags: 0, clearFlags: 0 } };
      throw operationError(failed, { hint: `${adviceForLocked(context.proxy, tried)}${where}` });
    }
    assertNosymfollow(looks, `"${path}"`);
  }
}
