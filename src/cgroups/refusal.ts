// What needs a cgroup, of a container that was made without one. Pure.

import { TsrunError } from "../errors.ts";

/** @param attempt as it follows "cannot" */
export function noCgroup(attempt: string): TsrunError {
  return new TsrunError("E_CGROUP", `cannot ${attempt}: the container was made without a cgroup`, {
    hint: "it was created with --cgroup-manager disabled",
  });
}
