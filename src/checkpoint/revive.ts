// Starting criu where a container can be restored, and having it done. Called by the restore story.

import type { JoinFiles } from "../cgroups/join.ts";
import { TsrunError, wrapError } from "../errors.ts";
import { makeDirectory, openDirectory, readLink, readText, removeDirectory } from "../linux/files/files.ts";
import type { NamespacePlan } from "../namespaces/plan.ts";
import type { Trace } from "../proxy/proxy.ts";
import type { RootfsPlan } from "../rootfs/plan/plan.ts";
import { criuConfigFile, WorkingDirectories } from "./images.ts";
import { launch } from "./launch.ts";
import { REQUEST } from "./messages.ts";
import { makeMountPoints } from "./mount-points.ts";
import type { RevivalOptions } from "./options.ts";
import {
  cgroupRoots,
  DESCRIPTORS_FILE,
  inheritedNamespaces,
  RESTORE_LOG,
  revivalOptions,
  SINCE,
} from "./plan.ts";
import { ask, type Notified } from "./service.ts";
import { requireVersion } from "./version.ts";

export interface Revived {
  /** The program. */
  readonly criu: string;
  readonly version: number;
  readonly options: RevivalOptions;
  readonly annotations: Readonly<Record<string, string>> | undefined;
  readonly rootfs: RootfsPlan;
  readonly namespaces: NamespacePlan;
  /** How criu gets into the container's cgroup, in which its children then are. */
  readonly cgroup: JoinFiles;
  /** Sets the limits of that cgroup, once criu is in it. */
  readonly limit: () => void;
  /** An empty directory on which the root is mounted, for criu only. */
  readonly root: string;
  /** Whether 0 to 2 are ours, for the container to have; a terminal of its own comes from the images. */
  readonly givesStandardStreams: boolean;
  readonly trace: Trace | undefined;
  readonly debug: (message: string) => void;
  /** Called at each point of the way; see restore.ts. */
  readonly notified: Notified;
}

/** Has criu restore a container. Its first process is then a child of tsrun, and runs. */
export function revive(revived: Revived): void {
  const { options, namespaces, rootfs, version } = revived;
  checkVersion(revived);
  using directories = new WorkingDirectories(options);
  const descriptors = readDescriptors(options.imagePath, directories.images);
  const locate = makeMountPoints(rootfs, revived.trace);
  makeDirectory(revived.root, 0o755);
  try {
    const root = realPath(revived.root);
    const { service: criu, ...numbers } = launch({
      ...revived,
      namespaces: inheritedNamespaces(namespaces),
      paths: options,
      rootfs: rootfs.rootfs,
      root,
    });
    using service = criu;
    revived.limit();
    const asked = revivalOptions({
      ...numbers,
      options,
      rootfs,
      root,
      configFile: criuConfigFile(revived.annotations),
      namespaces,
      descriptors,
      cgroups: cgroupRoots(readText(`/proc/${service.pid}/cgroup`)),
      locate,
    });
    revived.debug(`criu ${version}: ${JSON.stringify(asked)}`);
    directories.explaining(RESTORE_LOG, () =>
      ask(service, { type: REQUEST.RESTORE, opts: asked }, (notice) => {
        revived.debug(`criu: ${notice.script}`);
        revived.notified(notice);
      }),
    );
  } finally {
    removeDirectory(revived.root);
  }
}

function checkVersion({ version, options, namespaces }: Revived): void {
  for (const { kind } of inheritedNamespaces(namespaces)) {
    const since = kind === "pid" ? SINCE.externalPid : SINCE.externalNetwork;
    requireVersion(version, since, `restore a container in a ${kind} namespace of somebody else's`);
  }
  if (version >= SINCE.lsm) return;
  for (const [flag, value] of [
    ["--lsm-profile", options.lsmProfile],
    ["--lsm-mount-context", options.lsmMountContext],
  ]) {
    if (value !== undefined) throw new TsrunError("E_UNSUPPORTED", `${flag} requires at least CRIU 3.16`);
  }
}

/** What stood at 0 to 2 of the container. */
function readDescriptors(imagePath: string, images: number): string[] {
  try {
    const names: unknown = JSON.parse(readText(DESCRIPTORS_FILE, { at: images }));
    return Array.isArray(names) ? names.map(String) : [];
  } catch (error) {
    const { code, message } = wrapError(`cannot read the images in "${imagePath}"`, error);
    throw new TsrunError(code, message, {
      cause: error,
      hint: "--image-path names the directory that a checkpoint was written to",
    });
  }
}

/** criu looks its root up among the mounts, by the path that they have. */
function realPath(path: string): string {
  using directory = openDirectory(path);
  return readLink(`/proc/self/fd/${directory.number}`) ?? path;
}
