// Names what keeps a bind mount in a user namespace from getting its flags: the source's mount has some that
// are locked there (mount_namespaces(7)). Called by the steps of bind mounts when one has failed.

import { EPERM } from "../../linux/numbers/errno.ts";
import { fstatfs } from "../../proxy/calls/calls.ts";
import { type Operation, resultOf } from "../../proxy/calls/operation.ts";
import type { Executor } from "../place/context.ts";
import { flagsOfStatfs, lockedWords, statfsFlags } from "../plan/attributes.ts";
import type { Flagged } from "../plan/mounts.ts";

export interface FailedBind {
  readonly failed: Operation;
  /** The mount: its descriptor, or the operation that has opened it, if it was reached. */
  readonly tree?: Operation | number | undefined;
  /** The operation that changes the flags of the mount alone. */
  readonly flagging?: Operation | undefined;
  /** The operation that maps its ids, which fails with EPERM for other reasons. */
  readonly mapping?: Operation | undefined;
  readonly asked: Flagged;
}

/** The text of runc, for those who search for it. */
const RUNC =
  "runc run failed: unable to start container process: error during container init: error mounting: " +
  "operation not permitted";

/** Ends in `; `, or is empty. */
export function adviceForLocked(
  proxy: Executor,
  { failed, tree, flagging, mapping, asked }: FailedBind,
): string {
  const sets = failed === flagging || (failed.call === "mount_setattr" && failed !== mapping);
  if (!sets || failed.result !== -EPERM || tree === undefined) return "";
  const look = fstatfs(typeof tree === "number" ? tree : resultOf(tree), failed.attempt);
  const isSeen = proxy.attempt([look]) === undefined;
  const words = isSeen ? lockedWords(asked, flagsOfStatfs(statfsFlags(look.out.bytes))) : [];
  const has =
    words.length === 0
      ? "the source's mount, or one below it, has flags that"
      : `the source's mount has the flags ${JSON.stringify(words.join())}, which`;
  return `${has} a user namespace may not take back: leave out the options that do (${RUNC}); `;
}
