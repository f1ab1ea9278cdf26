// The cgroup of a process of `exec`: the container's, or one below it that `--cgroup` names. Pure.
// AS RUNC: getSubCgroupPaths in exec.go.

import type { CgroupRecord } from "../cgroups/record.ts";
import { TsrunError } from "../errors.ts";

/** The container's directories, with the path of `--cgroup [CONTROLLER,…:]PATH` appended. */
export function subCgroup(record: CgroupRecord, given: readonly string[]): CgroupRecord {
  if (given.length === 0) return record;
  if (Object.keys(record.paths).length === 0) {
    throw usage(
      `cannot use --cgroup ${given[0]}: the container has no cgroup`,
      "leave out --cgroup: the process is counted with the caller",
    );
  }
  const paths: Record<string, string> = { ...record.paths };
  for (const one of given) {
    const colon = one.indexOf(":");
    const path = one.slice(colon + 1);
    checkPath(path, one);
    if (colon < 0) {
      if (given.length > 1) {
        throw usage(
          `invalid --cgroup argument: ${one}`,
          "with more than one, each has to name its controllers",
        );
      }
      for (const [controller, directory] of Object.entries(record.paths))
        paths[controller] = below(directory, path);
      continue;
    }
    for (const controller of one.slice(0, colon).split(",")) {
      const directory = record.paths[controller];
      if (directory === undefined) {
        throw usage(
          `unknown controller ${controller} in --cgroup ${one}`,
          "the container has no such cgroup",
        );
      }
      paths[controller] = below(directory, path);
    }
  }
  return { ...record, paths };
}

function below(directory: string, path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  return [directory, ...parts].join("/");
}

/** A path with `..` would lead out of the container's cgroup. */
function checkPath(path: string, given: string): void {
  if (path.split("/").includes("..")) {
    throw usage(`bad sub cgroup path: ${given}`, `it goes below the container's cgroup, so it has no ".."`);
  }
}

function usage(message: string, hint: string): TsrunError {
  return new TsrunError("E_USAGE", message, { hint });
}
