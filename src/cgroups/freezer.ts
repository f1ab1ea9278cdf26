// Stopping and resuming every process of a cgroup: freezer.state on v1 (cgroup-v1/freezer-subsystem.rst),
// cgroup.freeze on v2 (cgroup-v2.rst).

import { TsrunError } from "../errors.ts";
import { readTextIfThere, status, tryWriteFile } from "../linux/files/files.ts";
import { poll } from "../linux/files/poll.ts";
import { ENODEV, ENOENT } from "../linux/numbers/errno.ts";
import type { CgroupRecord, FreezeState } from "./record.ts";
import { noCgroup } from "./refusal.ts";
import { walkCgroups } from "./walk.ts";
import { readKey, writeError } from "./writer.ts";

const FREEZE_LIMIT_MS = 10_000;
/** As many as runc makes, in some 0.3 s. */
const QUICK_ATTEMPTS = 1000;

/** The state of the container's own cgroup; a frozen parent does not count. */
export function freezeState({ driver, paths }: CgroupRecord): FreezeState {
  if (driver === "v2") return isFrozenV2(`${paths[""]}`) ? "frozen" : "thawed";
  const directory = paths.freezer;
  return directory !== undefined && isFrozenV1(directory) ? "frozen" : "thawed";
}

/** v2: whether the cgroup itself is frozen, or is to be. */
export function isFrozenV2(directory: string): boolean {
  return readTextIfThere(`${directory}/cgroup.freeze`, { isShort: true })?.trim() === "1";
}

/** v1: whether the cgroup itself is frozen or about to be, not only one above it. */
export function isFrozenV1(directory: string): boolean {
  if ((readTextIfThere(`${directory}/freezer.state`, { isShort: true }) ?? "THAWED").trim() === "THAWED")
    return false;
  return readTextIfThere(`${directory}/freezer.self_freezing`)?.trim() !== "0";
}

/**
 * Returns when every process is stopped.
 * @param limitMs on v1, how long that may take if the quick attempts, some 0.3 s, do not suffice
 */
export function freeze(record: CgroupRecord, { limitMs = FREEZE_LIMIT_MS } = {}): void {
  const directory = freezerDirectory(record);
  if (record.driver === "v2") freezeV2(directory);
  else freezeV1(directory, limitMs);
}

/** Lets the processes run again. Does nothing if the cgroup is gone. */
export function thaw(record: CgroupRecord): void {
  const directory = freezerDirectory(record);
  const [file, value] = record.driver === "v2" ? ["cgroup.freeze", "0"] : ["freezer.state", "THAWED"];
  const result = tryWriteFile(`${directory}/${file}`, value);
  if (result < 0 && result !== -ENOENT && result !== -ENODEV) {
    throw writeError(directory, { file, value }, -result);
  }
}

/** v1: whether there are cgroups below the container's own, which a program inside may freeze itself. */
export function mayHoldBelow({ driver, paths }: CgroupRecord): boolean {
  // A directory has a link for each one in it.
  return driver === "v1" && paths.freezer !== undefined && (status(paths.freezer)?.links ?? 0) > 2;
}

/** v1: whether a cgroup below the container's own is frozen. */
export function holdsBelow({ paths }: CgroupRecord): boolean {
  let frozen = false;
  walkCgroups(paths.freezer ?? "", {
    enter: (at) => {
      frozen ||= readTextIfThere("freezer.self_freezing", { at })?.trim() === "1";
    },
    skip: () => frozen,
  });
  return frozen;
}

/** Like `thaw`, but with all cgroups below: killed processes must run to end. */
export function thawAll(record: CgroupRecord): void {
  thaw(record);
  if (!mayHoldBelow(record)) return;
  walkCgroups(freezerDirectory(record), {
    enter: (at) => {
      tryWriteFile("freezer.state", "THAWED", { at });
    },
  });
}

function freezerDirectory({ driver, paths, isDisabled }: CgroupRecord): string {
  const directory = paths[driver === "v2" ? "" : "freezer"];
  if (directory !== undefined) return directory;
  if (isDisabled === true) throw noCgroup("pause or resume it");
  throw new TsrunError("E_CGROUP", "cannot toggle freezer: cgroups not configured for container", {
    hint: "a container can only be paused if it has a cgroup with the freezer",
  });
}

/**
 * AS RUNC: v1 may stay in FREEZING for ever while new processes appear. What helps is to write FROZEN again,
 * with a thaw and a wait now and then. On failure the cgroup is thawed, not left half frozen.
 */
/**
 * A process has to run to stop, and others, or a limit of its own, may keep the processor from it for a
 * second. So after the quick attempts there are patient ones, in which the cgroup is thawed more seldom.
 */
function freezeV1(directory: string, limitMs: number): void {
  const state = { file: "freezer.state", value: "FROZEN" };
  const path = `${directory}/${state.file}`;
  const last = performance.now() + limitMs;
  for (let attempt = 1; attempt <= QUICK_ATTEMPTS || performance.now() < last; attempt++) {
    const isQuick = attempt <= QUICK_ATTEMPTS;
    if (attempt % (isQuick ? 50 : 150) === 0) {
      tryWriteFile(path, "THAWED");
      poll([], 10);
    }
    const result = tryWriteFile(path, state.value);
    if (result < 0) throw writeError(directory, state, -result);
    if (!isQuick) poll([], 10);
    else if (attempt % 25 === 0) poll([], 1);
    if (readTextIfThere(path)?.trim() === "FROZEN") return;
  }
  tryWriteFile(path, "THAWED");
  throw new TsrunError("E_CGROUP", `cannot freeze cgroup "${directory}": some of its processes do not stop`);
}

function freezeV2(directory: string): void {
  const write = { file: "cgroup.freeze", value: "1" };
  const result = tryWriteFile(`${directory}/${write.file}`, write.value);
  if (result < 0) throw writeError(directory, write, -result);
  for (let waited = 0, wait = 1; ; waited += wait, wait = Math.min(wait * 2, 10)) {
    if (readKey(directory, "cgroup.events", "frozen") === 1) return;
    if (waited > FREEZE_LIMIT_MS) break;
    poll([], wait);
  }
  tryWriteFile(`${directory}/${write.file}`, "0");
  throw new TsrunError("E_CGROUP", `cannot freeze cgroup "${directory}": some of its processes do not stop`);
}
