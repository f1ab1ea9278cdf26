// The error of a command that needs a cgroup, for a container without one. Pure.

import { TsrunError } from "../errors.ts";

/** @param attempt the words after "cannot" */
export function noCgroup(attempt: string): TsrunError {
  return new TsrunError("E_CGROUP", `cannot ${attempt}: the container was made without a cgroup`, {
    hint: "it was created with --cgroup-manager disabled",
  });
}
