// Makes the mount points of a container before it is restored. criu makes the mounts that were dumped, and
// requires that their mount points exist; the image may never have run on this machine, so they are made as
// `create` makes them. Called by the restore story.

import { textUntilNul } from "../linux/call/words.ts";
import { AT_FDCWD, O_PATH } from "../linux/numbers/fcntl.ts";
import { MS_PRIVATE, MS_REC } from "../linux/numbers/mount.ts";
import { CLONE_NEWNS } from "../linux/numbers/sched.ts";
import { openInRoot, procPath, type Reading, readlinkat, unshare } from "../proxy/calls/calls.ts";
import { type Operation, orGoOn, resultOf } from "../proxy/calls/operation.ts";
import type { Conversation } from "../proxy/conversation.ts";
import { startProxy, type Trace } from "../proxy/proxy.ts";
import { HostHelper } from "../rootfs/host/helper.ts";
import { HostFiles } from "../rootfs/host/view.ts";
import type { RootContext } from "../rootfs/place/context.ts";
import type { MountPlan } from "../rootfs/plan/mounts.ts";
import type { RootfsPlan } from "../rootfs/plan/plan.ts";
import { buildRootfs } from "../rootfs/rootfs.ts";
import type { Locate } from "./plan.ts";

/**
 * Makes all mounts of the container once, in a mount namespace that ends with the process that made them:
 * only the mount points stay. Returns the paths of bind mounts with all links followed, which can be found
 * only while the mounts around them exist.
 */
export function makeMountPoints(plan: RootfsPlan, trace: Trace | undefined): Locate {
  const tree: RootfsPlan = {
    ...plan,
    treePropagation: MS_PRIVATE | MS_REC,
    mounts: plan.mounts.map(withoutIdMap),
  };
  const proxy = startProxy({ control: 3, trace });
  try {
    using helper = new HostHelper(proxy, tree.rootfs);
    using host = new HostFiles(tree.rootfs);
    proxy.say(unshare(CLONE_NEWNS, "create a mount namespace for the mount points"));
    const { context } = buildRootfs(proxy, tree, { helper, host });
    proxy.settle();
    const places = placesOf(proxy, context, bindDestinations(plan));
    return (path) => places.get(path);
  } finally {
    proxy.close();
    proxy.reap();
  }
}

/**
 * Here is no user namespace to map ids to, and it makes no difference for a mount point.
 */
function withoutIdMap(mount: MountPlan): MountPlan {
  return mount.kind === "bind" ? { ...mount, idMap: undefined } : mount;
}

function bindDestinations({ mounts }: RootfsPlan): string[] {
  return mounts.flatMap((mount) => (mount.kind === "bind" ? [mount.destination] : []));
}

/**
 * Opens the root and all mount points, and reads their paths from the kernel, which has followed the links.
 */
function placesOf(
  proxy: Conversation,
  context: RootContext,
  paths: readonly string[],
): ReadonlyMap<string, string> {
  const openings = ["/", ...paths].map((path) =>
    orGoOn(openInRoot(context.root, path, O_PATH, `look for "${path}"`)),
  );
  proxy.ask(openings);
  const looks = openings.map(lookAt);
  proxy.ask(looks.flatMap((look) => look ?? []));
  const [root = "", ...places] = looks.map((look) => (look === undefined ? undefined : linkOf(look)));
  return new Map(
    paths.flatMap((path, index) => {
      const place = places[index];
      return place?.startsWith(`${root}/`) === true ? [[path, place.slice(root.length)] as const] : [];
    }),
  );
}

function lookAt(opening: Operation): Reading | undefined {
  if ((opening.result ?? -1) < 0) return undefined;
  return readlinkat(AT_FDCWD, procPath(resultOf(opening)));
}

function linkOf(look: Reading): string {
  return textUntilNul(look.out.bytes.subarray(0, resultOf(look)));
}
