// Writes the file of `spec`.

import { TsrunError } from "../errors.ts";
import { hasErrno } from "../linux/call/call.ts";
import { createFile, filesystemType, openIfThere } from "../linux/files/files.ts";
import { CGROUP2_SUPER_MAGIC } from "../linux/numbers/mount.ts";
import { effectiveGid, effectiveUid } from "../linux/process/process.ts";
import { exampleSpec, rootlessExample } from "../spec/defaults.ts";
import { absolutePath } from "./paths.ts";

export interface SpecOptions {
  readonly bundle?: string | undefined;
  /** Relative to the bundle. */
  readonly file?: string | undefined;
  readonly rootless: boolean;
}

/** Writes config.json, or the file that `--file` names, into a bundle that does not have it yet. */
export function writeSpec(options: SpecOptions, cwd: () => string): void {
  const { bundle = "", file = "", rootless } = options;
  const name = file === "" ? "config.json" : file;
  const example = exampleSpec({ cgroupV2: hasCgroupV2() });
  const spec = rootless ? rootlessExample(example, { uid: effectiveUid(), gid: effectiveGid() }) : example;
  const path = absolutePath(name, () => absolutePath(bundle, cwd));
  try {
    createFile(path, JSON.stringify(spec, null, "\t"), { mode: 0o666 });
  } catch (error) {
    if (!hasErrno(error, "EEXIST")) throw error;
    throw new TsrunError("E_EXISTS", `File ${name} exists. Remove it first`, { cause: error });
  }
}

/** Whether the host has only the unified hierarchy. */
function hasCgroupV2(): boolean {
  const directory = openIfThere("/sys/fs/cgroup", 0);
  if (directory === undefined) return false;
  using held = directory;
  return filesystemType(held.number) === CGROUP2_SUPER_MAGIC;
}
