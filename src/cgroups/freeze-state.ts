// Whether a cgroup is frozen. Beside freezer.ts, since every command asks and few freeze.

import { readTextIfThere } from "../linux/files.ts";
import type { CgroupRecord, FreezeState } from "./record.ts";

/** How the container's own cgroup stands; a frozen parent does not count. */
export function freezeState({ driver, paths }: CgroupRecord): FreezeState {
  if (driver === "v2") {
    const asked = readTextIfThere(`${paths[""]}/cgroup.freeze`)?.trim();
    return asked === "1" ? "frozen" : "thawed";
  }
  const directory = paths.freezer;
  return directory !== undefined && isFrozenV1(directory) ? "frozen" : "thawed";
}

/** v1: whether the cgroup itself is frozen or about to be, not only one above it. */
export function isFrozenV1(directory: string): boolean {
  if ((readTextIfThere(`${directory}/freezer.state`) ?? "THAWED").trim() === "THAWED") return false;
  return readTextIfThere(`${directory}/freezer.self_freezing`)?.trim() !== "0";
}
