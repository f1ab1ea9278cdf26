// Which mounts are added to a container that is there: entries like those of `mounts`, planned alike. Pure;
// called by the story of `mounts`.

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
  /** What becomes of the host's propagation, as of that of the container's tree; `undefined`: it stays. */
  readonly treePropagation: number | undefined;
}

export interface LiveRequest {
  readonly mounts: readonly Mount[];
  /** The container's configuration. */
  readonly spec: Spec;
  readonly rootfs: string;
  readonly bundle: string;
  readonly userNamespace: boolean;
  /** Without SELinux a label of mounts is gone without. */
  readonly labels: boolean;
}

/**
 * So many at once: the source of each is held open until all are in place, by numbers below those that
 * mount(2) and umount2(2) reach a file by.
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
      return label === "" ? plan : (withLabel(plan, label, mountContext) as LiveMountPlan);
    }),
  };
}

/** Other file systems show the namespaces that they are mounted in; nothing is copied while programs run. */
function liveOnly(plan: MountPlan): LiveMountPlan {
  if (plan.kind === "bind") {
    // Not even a procfs covers /proc while programs run that go by it.
    const refused = refusedTarget(plan.destination, "other");
    if (refused !== undefined) throw refuse(plan, refused);
    if (plan.manner.sourceLink === "copied") throw refuse(plan, '"copy-symlink" is for new containers');
    return plan;
  }
  if (plan.kind === "filesystem" && plan.type === "tmpfs") {
    if (plan.copyUp) throw refuse(plan, '"tmpcopyup" is for new containers');
    return plan;
  }
  const what = plan.kind === "filesystem" ? `a file system of type "${plan.type}"` : `a ${plan.kind}`;
  throw refuse(plan, `${what} cannot be added to a container that is there`);
}

/** Of a new container it would be cut at the root; whoever writes it for this one is mistaken. */
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
