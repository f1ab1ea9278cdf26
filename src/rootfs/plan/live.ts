// Plans the mounts that are added to an existing container: entries like those of `mounts`, planned in the
// same way. Pure; called by the story of `mounts`.

import { TsrunError } from "../../errors.ts";
import { readAnnotations } from "../../spec/annotations.ts";
import type { Mount, Spec } from "../../spec/types.ts";
import { withLabel } from "./label.ts";
import {
  type BindMount,
  describeMount,
  type FilesystemMount,
  type MountPlan,
  nameMount,
  planMount,
} from "./mounts.ts";
import { refusedTarget } from "./paths.ts";
import { treePropagationOf } from "./plan.ts";

export type LiveMountPlan = BindMount | FilesystemMount;

export interface LivePlan {
  readonly mounts: readonly LiveMountPlan[];
  /** The propagation to set, as for the container's tree; `undefined` keeps the host's. */
  readonly treePropagation: number | undefined;
}

export interface LiveRequest {
  readonly mounts: readonly Mount[];
  /** The container's configuration. */
  readonly spec: Spec;
  readonly rootfs: string;
  readonly bundle: string;
  readonly userNamespace: boolean;
  /** False without SELinux, where a mount label has no effect and is ignored. */
  readonly labels: boolean;
}

/**
 * The most mounts at once: the source of each is held open until all are attached, with descriptor numbers
 * below those through which mount(2) and umount2(2) reach a file.
 */
export const MOST_LIVE_MOUNTS = 500;

export function planLiveMounts(request: LiveRequest): LivePlan {
  const count = request.mounts.length;
  if (count > MOST_LIVE_MOUNTS) {
    throw new TsrunError("E_CONFIG", `cannot add ${count} mounts at once`, {
      hint: `a list has up to ${MOST_LIVE_MOUNTS}: make several of it`,
    });
  }
  const { spec, rootfs, bundle, userNamespace } = request;
  const label = request.labels ? (spec.linux?.mountLabel ?? "") : "";
  const { mountContext } = readAnnotations(spec);
  return {
    treePropagation: treePropagationOf(spec),
    mounts: request.mounts.map((mount, index) => {
      checkInside(mount, index);
      const plan = liveOnly(planMount({ mount, index, rootfs, bundle, userNamespace }));
      if (plan.kind === "bind" && !mount.source) throw refuse({ ...mount, index }, "it has no source");
      return label === "" ? plan : (withLabel(plan, label, mountContext) as LiveMountPlan);
    }),
  };
}

/**
 * Accepts only bind mounts and tmpfs: other file systems would show the namespaces of the process that mounts
 * them. No files are copied while programs run.
 */
function liveOnly(plan: MountPlan): LiveMountPlan {
  if (plan.kind === "bind") {
    // Not even a procfs may cover /proc while programs that use it are running.
    const refused = refusedTarget(plan.destination, "other");
    if (refused !== undefined) throw refuse(plan, refused);
    if (plan.parsed.sourceLink === "copied") throw refuse(plan, '"copy-symlink" is for new containers');
    return plan;
  }
  if (plan.kind === "filesystem" && plan.type === "tmpfs") {
    if (plan.copyUp) throw refuse(plan, '"tmpcopyup" is for new containers');
    return plan;
  }
  const what = plan.kind === "filesystem" ? `a file system of type "${plan.type}"` : `a ${plan.kind}`;
  throw refuse(plan, `${what} cannot be added to a container that is there`);
}

/**
 * Refuses a destination that leaves the root. For a new container `..` is dropped there; for an existing one
 * it is a mistake.
 */
function checkInside({ source = "", destination, options = [] }: Mount, index: number): void {
  let depth = 0;
  for (const part of destination.split("/")) {
    if (part === "..") depth -= 1;
    else if (part !== "" && part !== ".") depth += 1;
    if (depth < 0)
      throw refuse({ index, source, destination, options }, "the destination leads out of the root");
  }
}

interface Named {
  readonly index: number;
  readonly source?: string;
  readonly destination: string;
  readonly options?: readonly string[];
}

function refuse({ index, source = "", destination, options = [] }: Named, reason: string): TsrunError {
  return new TsrunError("E_CONFIG", `cannot mount ${nameMount({ source, destination })}: ${reason}`, {
    hint: `only bind mounts and tmpfs can be added; ${describeMount({ index, options })}`,
  });
}
