// All topics, in the order in which `create` does things. Pure.

import { describeAnnotations } from "./annotations.ts";
import { describeCgroup, describeLimits } from "./cgroups.ts";
import { describeDevices } from "./devices.ts";
import { describeHooks } from "./hooks.ts";
import type { ExplainedPlan, Section } from "./model.ts";
import { describeNamespaces } from "./namespaces.ts";
import { describeNetDevices } from "./network.ts";
import { describeApart, describeCommand, describePrivileges, describeRlimits } from "./process.ts";
import { describeRdt } from "./rdt.ts";
import { describeMounts, describeRoot } from "./rootfs.ts";
import { describeSeccomp } from "./seccomp.ts";

/** In the order of src/container/create.ts. */
const TOPICS: readonly ((plan: ExplainedPlan) => Section[])[] = [
  describeCgroup,
  describeNamespaces,
  describeNetDevices,
  describeRdt,
  describeApart,
  describeMounts,
  describeDevices,
  describeLimits,
  describeRlimits,
  describeHooks,
  describeRoot,
  describePrivileges,
  describeSeccomp,
  describeCommand,
  describeAnnotations,
];

export function describePlan(plan: ExplainedPlan): Section[] {
  return TOPICS.flatMap((describe) => describe(plan));
}
