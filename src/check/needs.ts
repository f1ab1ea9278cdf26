// What a bundle needs from the host, as the ids of lines. Pure.

import { FORBIDDING } from "../namespaces/forbidding.ts";
import type { Resources, Spec } from "../spec/types.ts";

/** Every container needs these. */
export const ALWAYS = ["namespaces.mount", "files.proc", "files.state"] as const;

export interface NeedsOptions {
  readonly rootless: boolean;
  readonly systemdCgroup: boolean;
}

export function needsOf(spec: Spec, { rootless, systemdCgroup }: NeedsOptions): Set<string> {
  const linux = spec.linux ?? {};
  const needs = new Set<string>(ALWAYS);
  for (const { type, path = "" } of linux.namespaces ?? []) if (path === "") needs.add(`namespaces.${type}`);
  for (const id of limitsOf(linux.resources ?? {}, rootless)) needs.add(id);
  if (linux.seccomp !== undefined) needs.add("security.seccomp");
  if ((spec.process?.apparmorProfile ?? "") !== "") needs.add("security.apparmor");
  if ((spec.process?.selinuxLabel ?? "") !== "") needs.add("security.selinux");
  if (systemdCgroup) needs.add("programs.systemd");
  if ((spec.mounts ?? []).some(({ options = [], uidMappings }) => isMapped(options) || uidMappings)) {
    needs.add("kernel.mount_setattr");
  }
  if (rootless) {
    for (const { name } of FORBIDDING) needs.add(`namespaces.${name}`);
    if (mapsMore(linux.uidMappings)) needs.add("ids.subuid").add("ids.newuidmap");
    if (mapsMore(linux.gidMappings)) needs.add("ids.subgid").add("ids.newgidmap");
  }
  return needs;
}

const isMapped = (options: readonly string[]): boolean =>
  options.some((option) => /^r?idmap(=|$)/.test(option));

/** Whether more ids are mapped than the user's own. */
function mapsMore(mappings: readonly { readonly size: number }[] = []): boolean {
  return mappings.reduce((sum, { size }) => sum + size, 0) > 1;
}

/** An ordinary user's device rules are ignored: root of a user namespace cannot make devices. */
function* limitsOf(resources: Resources, rootless: boolean): Generator<string> {
  const { cpu, memory, pids, blockIO, hugepageLimits = [], rdma, devices = [], network = {} } = resources;
  const { cpus = "", mems = "", ...shares } = cpu ?? {};
  if (Object.keys(shares).length > 0) yield "cgroups.cpu";
  if (cpus !== "" || mems !== "") yield "cgroups.cpuset";
  if (memory !== undefined && Object.keys(memory).length > 0) yield "cgroups.memory";
  if (pids !== undefined) yield "cgroups.pids";
  if (blockIO !== undefined && Object.keys(blockIO).length > 0) yield "cgroups.io";
  if (hugepageLimits.length > 0) yield "cgroups.hugetlb";
  if (rdma !== undefined && Object.keys(rdma).length > 0) yield "cgroups.rdma";
  if ((network.classID ?? 0) !== 0) yield "cgroups.net_cls";
  if ((network.priorities ?? []).length > 0) yield "cgroups.net_prio";
  if (devices.length > 0 && !rootless) yield "cgroups.devices";
}
