// Starts criu and has it restore a container. Called by the restore story.

import type { JoinFiles } from "../cgroups/join.ts";
import { TsrunError, wrapError } from "../errors.ts";
import { makeDirectory, openDirectory, readLink, readText, removeDirectory } from "../linux/files/files.ts";
import type { NamespacePlan } from "../namespaces/plan.ts";
import type { Hindrance, Trace } from "../proxy/proxy.ts";
import type { RootfsPlan } from "../rootfs/plan/plan.ts";
import { syntaxError } from "../spec/faults.ts";
import { criuConfigFile, readWarily, WorkingDirectories } from "./images.ts";
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
import { ask, type Notified, notDone } from "./service.ts";
import { requireVersion } from "./version.ts";
import type { Limits } from "./wait.ts";

export interface Revived {
  /** The program. */
  readonly criu: string;
  readonly version: number;
  readonly options: RevivalOptions;
  readonly annotations: Readonly<Record<string, string>> | undefined;
  readonly rootfs: RootfsPlan;
  readonly namespaces: NamespacePlan;
  /** As for `launch`, which see. */
  readonly cgroup: JoinFiles;
  readonly limit: () => void;
  /** An empty directory on which the root is mounted, visible only to criu. */
  readonly root: string;
  /** Whether the container gets our descriptors 0 to 2; a container's own terminal comes from the images. */
  readonly givesStandardStreams: boolean;
  readonly trace: Trace | undefined;
  readonly hindrance: Hindrance;
  /** When criu is ended that does not answer. */
  readonly limits: Limits;
  readonly debug: (message: string) => void;
  /** Called at each of criu's notifications; see restore.ts. */
  readonly notified: Notified;
}

/** Has criu restore a container. Its first process is then a child of tsrun, and runs. */
export function revive(revived: Revived): void {
  const { options, namespaces, rootfs, version } = revived;
  checkVersion(revived);
  using directories = new WorkingDirectories(options, RESTORE_LOG);
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
    let isRestored = false;
    directories.explaining(() =>
      ask(service, { type: REQUEST.RESTORE, opts: asked }, (notice) => {
        revived.debug(`criu: ${notice.script}`);
        revived.notified(notice);
        isRestored ||= notice.script === "post-restore" && notice.pid > 0;
      }),
    );
    if (!isRestored) throw notDone("RESTORE", "has not told of a process");
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

/** Of descriptors.json, in bytes: three names, each as /proc shows it, are shorter. */
const MOST_DESCRIPTORS = 64 * 1024;

/** The container's descriptors 0 to 2 at the time of the dump. */
function readDescriptors(imagePath: string, images: number): string[] {
  const file = `${imagePath}/${DESCRIPTORS_FILE}`;
  const text = readDescriptorsFile(imagePath, images);
  let names: unknown;
  try {
    names = JSON.parse(text);
  } catch (error) {
    throw syntaxError({ file, text }) ?? error;
  }
  if (!Array.isArray(names) || !names.every((name) => typeof name === "string")) {
    throw unusable(file, "it is no list of file names");
  }
  // Under the numbers that follow criu has files of its own.
  if (names.length > 3) throw unusable(file, "it has more than three names");
  return names;
}

function unusable(file: string, fault: string): TsrunError {
  return new TsrunError("E_CONFIG", `cannot use "${file}": ${fault}`, {
    hint: "it is not as a checkpoint has written it",
  });
}

function readDescriptorsFile(imagePath: string, images: number): string {
  try {
    return readWarily(DESCRIPTORS_FILE, images, MOST_DESCRIPTORS);
  } catch (error) {
    const { code, message } = wrapError(`cannot read the images in "${imagePath}"`, error);
    throw new TsrunError(code, message, {
      cause: error,
      hint: "--image-path names the directory that a checkpoint was written to",
    });
  }
}

/** criu looks up its root among the mounts, by its real path. */
function realPath(path: string): string {
  using directory = openDirectory(path);
  return readLink(`/proc/self/fd/${directory.number}`) ?? path;
}
