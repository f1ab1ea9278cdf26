// A bundle on disk: its config.json, checked, and its root file system. Called by the stories before anything
// is made.

import { TsrunError, wrapError } from "../errors.ts";
import { hasErrno, syscallError, tryCall } from "../linux/call/call.ts";
import { text } from "../linux/call/words.ts";
import { status } from "../linux/files/files.ts";
import { ENOENT } from "../linux/numbers/errno.ts";
import { PATH_MAX, S_IFDIR, S_IFLNK } from "../linux/numbers/fcntl.ts";
import { effectiveIds } from "../linux/process/process.ts";
import { cleanPath } from "../rootfs/plan/paths.ts";
import type { Warning } from "../spec/faults.ts";
import { loadConfig } from "../spec/load.ts";
import type { Spec } from "../spec/types.ts";
import { readDocument } from "./document.ts";

const SLASH = 0x2f;

export interface Bundle {
  /** Absolute path of the bundle directory. */
  readonly path: string;
  readonly spec: Spec;
  /** Warnings about keys that are not spelt as in the specification. */
  readonly oddKeys: readonly string[];
  readonly warnings: readonly Warning[];
  /** The text of config.json, with the keys as in the specification. */
  readonly text: string;
  /** Absolute path of the root file system. */
  readonly rootfs: string;
}

/**
 * Reads and checks a bundle, which is the working directory afterwards. `config` is the path of its
 * configuration, if that is not config.json.
 */
export function loadBundle(given: string, config?: string): Bundle {
  const path = enterBundle(given);
  const file = config ?? `${path}/config.json`;
  const written = config === undefined ? readConfig(path) : readOtherConfig(config);
  const { spec, oddKeys, warnings, ...read } = loadConfig(written, file, effectiveIds());
  return { path, spec, oddKeys, warnings, text: read.text, rootfs: checkRootfs(path, spec) };
}

/**
 * Enters the bundle, and returns its real path. AS RUNC: the path that was given is followed once. If a link
 * in it is exchanged meanwhile, the root file system is still that of the configuration.
 */
export function enterBundle(given: string): string {
  const entered = tryCall("chdir", given);
  if (entered === -ENOENT) throw withoutConfig(given);
  if (entered < 0) throw wrapError("cannot load the bundle", syscallError(`enter "${given}"`, -entered));
  const path = new Uint8Array(PATH_MAX);
  const length = tryCall("getcwd", path, path.length);
  // Behind a link such as /proc/PID/root it is in mounts of others, and has no path here (getcwd(2)).
  return length > 0 && path[0] === SLASH ? text(path.subarray(0, length - 1)) : given;
}

/** The text of a bundle's config.json. */
export function readConfig(path: string): string {
  try {
    return readDocument(`${path}/config.json`);
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw wrapError("cannot load the bundle", error);
    throw withoutConfig(path);
  }
}

function withoutConfig(path: string): TsrunError {
  return new TsrunError("E_BUNDLE", `JSON specification file config.json not found in "${path}"`, {
    hint: `"spec --bundle ${path}" writes one to begin with`,
  });
}

function readOtherConfig(path: string): string {
  try {
    return readDocument(path);
  } catch (error) {
    throw wrapError("cannot load the configuration of --config", error);
  }
}

/** The path of the root file system; throws if it is not an existing directory. */
export function checkRootfs(bundle: string, spec: Spec): string {
  const given = spec.root?.path ?? "rootfs";
  const path = cleanPath(given.startsWith("/") ? given : `${bundle}/${given}`);
  const found = status(path, { followLinks: false });
  const at = `rootfs "${path}" of /root/path`;
  if (found === undefined) {
    throw new TsrunError("E_BUNDLE", `${at} does not exist`, {
      hint: "unpack the image there, or correct root.path in config.json",
    });
  }
  if (found.type === S_IFLNK) {
    throw new TsrunError("E_BUNDLE", `${at} is a symbolic link`, {
      hint: "name the directory that it leads to: a link could be changed meanwhile",
    });
  }
  if (found.type !== S_IFDIR) throw new TsrunError("E_BUNDLE", `${at} is not a directory`);
  if (path === "/") {
    throw new TsrunError("E_BUNDLE", `${at} is the host's own root`, {
      hint: "give the container a directory of its own",
    });
  }
  return path;
}
