// `mounts add` and `mounts remove`: add mounts to an existing container, and remove them (crun has them, runc
// does not). Added mounts are recorded in the state: no others are ever removed.

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
import { holdInit, notRunning, statusWith } from "./status.ts";
import { getStateDirectory, type StateDirectory } from "./store.ts";

export interface MountsOptions {
  readonly id: string;
  /** A file with a list in the form of config.json's `mounts`, or `-` for standard input. */
  readonly file: string;
}

/** Makes all mounts in the file, or none. */
export function addMounts(globals: GlobalOptions, options: MountsOptions): void {
  // Read it first: standard input may be slow, and the container must not be locked meanwhile.
  const text = readDocument(options.file);
  withContainer(globals, options.id, ({ directory, record, init, spec }) => {
    const mounts = listed(text, options, { spec, log: globals.log });
    if (mounts.length === 0) return;
    // Forget mounts that the container has unmounted itself.
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

/** Removes the added mounts at the destinations in the file; the other members of its entries are ignored. */
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

/**
 * Corrects the pointers in errors: the mounts are handled like those of a configuration, but are in a
 * separate list.
 */
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

/** DIFFERS: crun mounts again, over the other mount. */
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
  /** The first process's directory of /proc. */
  readonly init: Descriptor;
  readonly spec: Spec;
}

/**
 * Acts with the container locked, and its first process's /proc directory open: it is created, running or
 * paused.
 */
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
