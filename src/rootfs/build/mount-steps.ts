// The plan's mounts as steps, each with the tmpfs that it can make its mount point in. Called by rootfs.ts.

import { assertNever } from "../../errors.ts";
import type { Operation } from "../../proxy/calls/operation.ts";
import type { Step } from "../../proxy/step.ts";
import type { HostView } from "../host/view.ts";
import type { FreshTmpfs, RootContext } from "../place/context.ts";
import type { MountPlan } from "../plan/mounts.ts";
import { MountsSoFar } from "../plan/mounts-so-far.ts";
import { parentOf } from "../plan/paths.ts";
import type { RootfsPlan } from "../plan/plan.ts";
import { copyLinkStep } from "./copy-link.ts";
import { bindStep, remountStep, symlinkStep } from "./mount-bind.ts";
import { FilesystemStep } from "./mount-filesystem.ts";

export interface MountSteps {
  readonly steps: readonly Step[];
  /** The tmpfs whose root is the directory of a path. */
  readonly tmpfsFor: (path: string) => FreshTmpfs | undefined;
  /** Closes what only these steps, and the steps that make further files, needed. */
  readonly letGo: () => Operation[];
  /** The mounts that become read-only when everything is in place, once all steps have been carried out. */
  readonly readonlyLater: () => number[];
}

export interface MountStepsOptions {
  /** Paths of the files that will be made after the mounts. */
  readonly further: readonly string[];
  readonly host: HostView;
}

/**
 * First come the steps that look at what will be covered, if tsrun could not look itself; all in one round
 * trip.
 */
export function mountSteps(
  context: RootContext,
  plan: RootfsPlan,
  { further, host }: MountStepsOptions,
): MountSteps {
  const { mounts } = plan;
  const { soFar, positions, changed, parents } = surroundings(mounts, further);
  const made = new Map<number, FilesystemStep>();
  const early: FilesystemStep[] = [];
  const steps: Step[] = [];
  const readonlyLater: FilesystemStep[] = [];
  for (let index = 0; index < mounts.length; index++) {
    const mount = mounts[index] as MountPlan;
    const position = positions[index];
    const parentTmpfs = position === undefined ? undefined : made.get(position);
    switch (mount.kind) {
      case "filesystem": {
        const keep = parents.has(index) || mount.readonlyLater;
        const step = new FilesystemStep({ context, mount, parentTmpfs, keep });
        made.set(index, step);
        if (mount.readonlyLater) readonlyLater.push(step);
        const looks = mount.inheritsMode && parentTmpfs === undefined;
        if (looks && changed[index] === true) steps.push(waitedFor(step.look()));
        else if (looks) {
          const seen = plan.joinsMounts ? undefined : host.modeOf(mount.destination);
          if (seen === undefined) early.push(step);
          else step.inherit(seen.mode);
        }
        steps.push(step);
        break;
      }
      case "bind":
        if (mount.parsed.sourceLink === "copied") steps.push(copyLinkStep({ context, mount, parentTmpfs }));
        else steps.push(bindStep({ context, mount, parentTmpfs }));
        break;
      case "remount":
        steps.push(remountStep({ context, mount }));
        break;
      case "symlink":
        steps.push(symlinkStep({ context, link: mount, parentTmpfs }));
        break;
      default:
        assertNever(mount);
    }
  }
  const looks: Step[] = early.map((step) => step.lookEarly());
  const last = looks.at(-1);
  if (last !== undefined) looks[looks.length - 1] = waitedFor(last);
  return {
    steps: looks.concat(steps),
    tmpfsFor: (path) => {
      const position = soFar.tmpfsAbove(path);
      return position === undefined ? undefined : made.get(position);
    },
    letGo: () => {
      const steps = [...made.values()].filter((step) => !readonlyLater.includes(step));
      return steps.flatMap((step) => step.letGo());
    },
    readonlyLater: () => readonlyLater.map((step) => step.descriptor),
  };
}

/** A look whose result must be known before the next step. */
export function waitedFor({ operations, finish }: Step): Step {
  return { operations, next: () => finish?.() };
}

/** For each mount point, the position of the tmpfs above it, and whether an earlier mount changes it. */
function surroundings(mounts: readonly MountPlan[], further: readonly string[]) {
  const soFar = new MountsSoFar();
  const positions: (number | undefined)[] = [];
  /** Only for mounts that take over the mode of what they cover. */
  const changed: boolean[] = [];
  const parents = new Set<number | undefined>();
  for (let index = 0; index < mounts.length; index++) {
    const mount = mounts[index] as MountPlan;
    const parent = parentOf(mount.destination);
    const position = soFar.tmpfsAt(parent);
    positions.push(position);
    changed.push(mount.kind === "filesystem" && mount.inheritsMode && soFar.changes(mount.destination));
    if (position !== undefined) parents.add(position);
    soFar.add(mount, parent);
  }
  for (const path of further) parents.add(soFar.tmpfsAbove(path));
  return { soFar, positions, changed, parents };
}
