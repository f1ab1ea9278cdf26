// The mount points of a container that is to be restored. criu mounts what was mounted when it was dumped,
// and wants the places there; an image may never have been run on this machine, so they are made as a
// creation makes them. Called by the restore story.

import { textUntilNul } from "../linux/call/words.ts";
import { AT_FDCWD, O_PATH } from "../linux/numbers/fcntl.ts";
import { MS_PRIVATE, MS_REC } from "../linux/numbers/mount.ts";
import { CLONE_NEWNS } from "../linux/numbers/sched.ts";
import { openInRoot, procPath, type Reading, readlinkat, unshare } from "../proxy/calls/calls.ts";
import { type Operation, orGoOn, resultOf } from "../proxy/calls/operation.ts";
import { reap, type SyscallProxy, startProxy, type Trace } from "../proxy/proxy.ts";
import type { RootContext } from "../rootfs/place/context.ts";
import type { MountPlan } from "../rootfs/plan/mounts.ts";
import type { RootfsPlan } from "../rootfs/plan/plan.ts";
import { layOutRootfs, prepareRootfs } from "../rootfs/rootfs.ts";
import type { Locate } from "./plan.ts";

/**
 * Makes every mount of the container once, in a mount namespace that ends with the process that made them:
 * what stays is the directories and files they were mounted on. Returns where bind mounts lie once links are
 * followed, which only shows when what they lie in is mounted, too.
 */
export function makeMountPoints(plan: RootfsPlan, trace: Trace | undefined): Locate {
  const tree: RootfsPlan = {
    ...plan,
    treePropagation: MS_PRIVATE | MS_REC,
    mounts: plan.mounts.map(withoutIdMap),
  };
  const layout = layOutRootfs(tree);
  const proxy = startProxy({ control: 3, trace });
  try {
    proxy.run([unshare(CLONE_NEWNS, "create a mount namespace for the mount points")]);
    const { context } = prepareRootfs(proxy, tree, layout);
    const places = placesOf(proxy, context, bindDestinations(plan));
    return (path) => places.get(path);
  } finally {
    proxy.close();
    reap(proxy);
  }
}

/**
 * There is no user namespace here that ids could be mapped to, and to a mount point it makes no difference.
 */
function withoutIdMap(mount: MountPlan): MountPlan {
  return mount.kind === "bind" ? { ...mount, idMap: undefined } : mount;
}

function bindDestinations({ mounts }: RootfsPlan): string[] {
  return mounts.flatMap((mount) => (mount.kind === "bind" ? [mount.destination] : []));
}

/** Opens them all, the root with them, and asks what is open: the kernel's answer has the links followed. */
function placesOf(
  proxy: SyscallProxy,
  context: RootContext,
  paths: readonly string[],
): ReadonlyMap<string, string> {
  const openings = ["/", ...paths].map((path) =>
    orGoOn(openInRoot(context.root, path, O_PATH, `look for "${path}"`)),
  );
  proxy.run(openings);
  const looks = openings.map(lookAt);
  proxy.run(looks.flatMap((look) => look ?? []));
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
