// A bundle on disk: its config.json, checked, and its root file system. Called by the stories before anything
// is made.

import { TsrunError, wrapError } from "../errors.ts";
import { hasErrno } from "../linux/call/call.ts";
import { status } from "../linux/files/files.ts";
import { S_IFDIR, S_IFLNK } from "../linux/numbers/fcntl.ts";
import { effectiveIds } from "../linux/process/process.ts";
import { cleanPath } from "../rootfs/plan/paths.ts";
import type { Warning } from "../spec/faults.ts";
import { loadConfig } from "../spec/load.ts";
import type { Spec } from "../spec/types.ts";
import { readDocument } from "./document.ts";

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

/** Reads and checks a bundle. `config` is the path of its configuration, if that is not config.json. */
export function loadBundle(path: string, config?: string): Bundle {
  const file = config ?? `${path}/config.json`;
  const text = config === undefined ? readConfig(path) : readOtherConfig(config);
  const { spec, oddKeys, warnings, ...read } = loadConfig(text, file, effectiveIds());
  return { path, spec, oddKeys, warnings, text: read.text, rootfs: checkRootfs(path, spec) };
}

/** The text of a bundle's config.json. */
export function readConfig(path: string): string {
  try {
    return readDocument(`${path}/config.json`);
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw wrapError("cannot load the bundle", error);
    throw new TsrunError("E_BUNDLE", `JSON specification file config.json not found in "${path}"`, {
      hint: `"spec --bundle ${path}" writes one to begin with`,
    });
  }
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
