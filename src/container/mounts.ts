// `mounts add` and `mounts remove`: mounts that come to a container that is there, and go again (crun has
// them, runc has not). What was added is kept with the state: nothing else is ever removed.

import { TsrunError } from "../errors.ts";
import type { Descriptor } from "../linux/files/files.ts";
import { effectiveUid } from "../linux/process/process.ts";
import { hasSelinux } from "../process/host-side.ts";
import { AddedMounts, liveMountsThere, removeLiveMounts } from "../rootfs/live/mounts.ts";
import { mapsUsers } from "../rootfs/live/process.ts";
import { planLiveMounts } from "../rootfs/plan/live.ts";
import { cleanPath } from "../rootfs/plan/paths.ts";
import { loadMounts } from "../spec/load.ts";
import type { LiveMount, Mount, Spec } from "../spec/types.ts";
import { readDocument } from "./document.ts";
import type { GlobalOptions } from "./options.ts";
import type { StateRecord } from "./record.ts";
import { holdInit, statusWith } from "./status.ts";
import { getStateDirectory, type StateDirectory } from "./store.ts";

export interface MountsOptions {
  readonly id: string;
  /** A file with a list such as `mounts` of config.json has, or `-` for standard input. */
  readonly file: string;
}

/** Mounts all that the file lists, or nothing. */
export function addMounts(globals: GlobalOptions, options: MountsOptions): void {
  // Read first: standard input may take its time, and the container must not be locked meanwhile.
  const text = readDocument(options.file);
  withContainer(globals, options.id, ({ directory, record, init, spec }) => {
    const mounts = listed(text, options, { spec, log: globals.log });
    if (mounts.length === 0) return;
    // One that the container has unmounted itself is forgotten.
    const before = liveMountsThere(record.liveMounts ?? [], init);
    const destinations = mounts.map(({ destination }) => cleanPath(destination));
    checkFree(destinations, before);
    using added = withOwnPlaces(() => {
      const plan = planLiveMounts({
        mounts,
        spec,
        rootfs: record.rootfs,
        bundle: record.bundle,
        userNamespace: mapsUsers(init),
        labels: hasSelinux(),
      });
      return AddedMounts.make(plan, { init, trace: globals.trace });
    });
    try {
      const made = added
        .places()
        .map((place, index) => ({ destination: destinations[index] ?? "", ...place }));
      directory.save({ ...record, liveMounts: [...before, ...made] });
    } catch (error) {
      added.undo();
      throw error;
    }
  });
}

/** Unmounts what was added at the destinations that the file lists; nothing else of its entries counts. */
export function removeMounts(globals: GlobalOptions, options: MountsOptions): void {
  const text = readDocument(options.file);
  withContainer(globals, options.id, ({ directory, record, init, spec }) => {
    const known = record.liveMounts ?? [];
    const entries = listed(text, options, { spec, log: globals.log });
    const asked = new Set(entries.map(({ destination }) => cleanPath(destination)));
    for (const destination of asked) {
      if (known.some((one) => one.destination === destination)) continue;
      throw new TsrunError("E_NOT_FOUND", `cannot unmount "${destination}": nothing was added there`, {
        hint: hintOf(known),
      });
    }
    const removed = known.filter(({ destination }) => asked.has(destination));
    if (removed.length === 0) return;
    const gone = removeLiveMounts(removed, { init, trace: globals.trace });
    for (const { destination } of gone) {
      globals.log.warning(`the container had unmounted "${destination}" already`);
    }
    directory.save({ ...record, liveMounts: known.filter((one) => !removed.includes(one)) });
  });
}

/** Mounts are planned and made as those of a configuration are; these stand in a list of their own. */
function withOwnPlaces<Result>(act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof TsrunError) || error.hint === undefined) throw error;
    const hint = error.hint.replace(/mounts\[(\d+)\] of config\.json/, "entry $1 of the list");
    throw new TsrunError(error.code, error.message, { errno: error.errno, cause: error, hint });
  }
}

function hintOf(known: readonly LiveMount[]): string {
  if (known.length === 0) return 'only what "mounts add" has mounted can be removed';
  return `"mounts add" has mounted ${known.map(({ destination }) => `"${destination}"`).join(", ")}`;
}

/** DIFFERS: crun mounts it once more, over the other. */
function checkFree(destinations: readonly string[], known: readonly LiveMount[]): void {
  const taken = new Set(known.map(({ destination }) => destination));
  for (const destination of destinations) {
    if (!taken.has(destination)) {
      taken.add(destination);
      continue;
    }
    throw new TsrunError("E_EXISTS", `cannot mount on "${destination}": a mount was added there already`, {
      hint: '"mounts remove" takes it away',
    });
  }
}

function listed(
  text: string,
  { file }: MountsOptions,
  { spec, log }: { spec: Spec; log: GlobalOptions["log"] },
): readonly Mount[] {
  const name = file === "-" ? "standard input" : file;
  const { document, oddKeys } = loadMounts(text, name, spec, { euid: effectiveUid() });
  for (const warning of oddKeys) log.warning(warning);
  return document;
}

interface Held {
  readonly directory: StateDirectory;
  readonly record: StateRecord;
  /** The first process' directory of /proc. */
  readonly init: Descriptor;
  readonly spec: Spec;
}

/** With the container locked, and its first process held: it waits for `start`, runs or is paused. */
function withContainer(globals: GlobalOptions, id: string, act: (held: Held) => void): void {
  using directory = getStateDirectory(globals.root, id);
  directory.lock();
  const record = directory.load();
  const held = holdInit(record);
  if (held === undefined) throw notRunning(id, "stopped");
  using init = held;
  const status = statusWith(init, record, directory);
  if (status === "creating" || status === "stopped") throw notRunning(id, status);
  act({ directory, record, init, spec: directory.loadConfig() });
}

function notRunning(id: string, status: string): TsrunError {
  return new TsrunError("E_STATE", "container not running", { hint: `container "${id}" is ${status}` });
}
