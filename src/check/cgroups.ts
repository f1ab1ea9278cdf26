// Which cgroup hierarchies the host has, and which limits can be set in them: by root anywhere, by an
// ordinary user only where controllers are delegated.

import type { Hierarchies } from "../cgroups/hierarchies.ts";
import { readHierarchies } from "../cgroups/host.ts";
import { mayUse, W_OK } from "../linux/files/access.ts";
import { readTextIfThere } from "../linux/files/files.ts";
import type { Line } from "./model.ts";

/** Controllers by their names in cgroup v2, with the names that serve the same purpose in v1. */
const CONTROLLERS: Readonly<Record<string, readonly string[]>> = {
  cpu: ["cpu"],
  cpuset: ["cpuset"],
  io: ["io", "blkio"],
  memory: ["memory"],
  pids: ["pids"],
  hugetlb: ["hugetlb"],
  rdma: ["rdma"],
  devices: ["devices"],
};

/** Controllers that few hosts have: there is only a line about one for a bundle that needs it. */
const RARE: Readonly<Record<string, readonly string[]>> = { net_cls: ["net_cls"], net_prio: ["net_prio"] };

/** Members of `linux.resources` whose name differs from the controller's. */
const MEMBERS: Readonly<Record<string, string>> = {
  io: "blockIO",
  hugetlb: "hugepageLimits",
  cpuset: "cpu.cpus",
  net_cls: "network.classID",
  net_prio: "network.priorities",
};

/** @param needs the ids of the lines that a bundle needs */
export function cgroupLines(rootless: boolean, needs: ReadonlySet<string> = new Set()): Line[] {
  const hierarchies = readHierarchies();
  const layout = layoutLine(hierarchies);
  if (hierarchies.layout === "none") return [layout];
  // cgroup v2 has none of the rare ones, which bundle.ts tells.
  const rare = hierarchies.layout === "v2" ? [] : Object.keys(RARE).filter((name) => needs.has(idOf(name)));
  const names = [...Object.keys(CONTROLLERS), ...rare];
  const known = names.map((name) => controllerLine(name, { hierarchies, rootless }));
  return [layout, ...known, ...rcuLine(hierarchies)];
}

function layoutLine({ layout }: Hierarchies): Line {
  const line = { id: "cgroups.layout", topic: "cgroups", what: "cgroups" } as const;
  switch (layout) {
    case "v2":
      return { ...line, health: "well", found: "version 2" };
    case "v1":
    case "hybrid":
      return {
        ...line,
        health: "lesser",
        found: layout === "v1" ? "version 1" : "version 1, beside an empty version 2",
        costs: "no limits for ordinary users, no memory.high, no pressure figures",
        mend: "boot with systemd.unified_cgroup_hierarchy=1",
      };
    case "none":
      return {
        ...line,
        health: "lacking",
        found: "not mounted",
        costs: "containers can neither be limited nor ended as a whole",
        mend: "mount -t cgroup2 cgroup2 /sys/fs/cgroup, or use --cgroup-manager disabled",
      };
  }
}

interface CgroupHost {
  readonly hierarchies: Hierarchies;
  readonly rootless: boolean;
}

const idOf = (controller: string): string => `cgroups.${controller}`;

function controllerLine(name: string, { hierarchies, rootless }: CgroupHost): Line {
  const line = { id: idOf(name), topic: "cgroups", what: `${name} limits` } as const;
  const place = placeOf(name, hierarchies);
  const costs = `linux.resources.${MEMBERS[name] ?? name} is refused`;
  if (place === undefined) {
    const mend = "a kernel with this controller, not switched off by cgroup_disable=";
    return { ...line, health: "lacking", found: "no controller", costs, mend };
  }
  if (rootless && !isDelegated(name, place, hierarchies)) {
    const mend =
      hierarchies.layout === "v2"
        ? "a drop-in for user@.service with Delegate=cpu cpuset io memory pids, or a unit with Delegate=yes"
        : "boot with cgroup v2: version 1 is not delegated";
    const found = `not delegated to this user in ${place}`;
    return { ...line, health: "lacking", found, costs: `${costs} or ignored`, mend };
  }
  return { ...line, health: "well", found: place };
}

/** The cgroup in which limits of this kind are set. cgroup v2 has no controller for devices: it uses eBPF. */
function placeOf(name: string, { layout, mounts }: Hierarchies): string | undefined {
  if (layout !== "v2") {
    return mounts.find(({ controllers }) =>
      controllers.some((one) => (CONTROLLERS[name] ?? RARE[name])?.includes(one)),
    )?.own;
  }
  const [unified] = mounts;
  if (unified === undefined || name === "devices") return unified?.own;
  const all = readTextIfThere(`${unified.mountpoint}/cgroup.controllers`) ?? "";
  return all.trim().split(" ").includes(name) ? unified.own : undefined;
}

function isDelegated(name: string, own: string, { layout }: Hierarchies): boolean {
  if (!mayUse(own, W_OK)) return false;
  if (layout !== "v2") return true;
  if (name === "devices") return false;
  const here = readTextIfThere(`${own}/cgroup.controllers`) ?? "";
  return here.trim().split(" ").includes(name);
}

/** favordynmods, Linux 6.0: without it, moving a process to another cgroup waits for all processors. */
function rcuLine({ layout }: Hierarchies): Line[] {
  if (layout !== "v2") return [];
  const line = { id: "cgroups.favordynmods", topic: "cgroups", what: "moves between cgroups" } as const;
  const mounts = readTextIfThere("/proc/self/mountinfo") ?? "";
  if (/ - cgroup2 \S+ \S*favordynmods/.test(mounts)) return [{ ...line, health: "well", found: "fast" }];
  return [
    {
      ...line,
      health: "lesser",
      found: "each waits for a grace period of RCU",
      costs: "some milliseconds for each process that others move; tsrun's own are born in their cgroup",
      mend: "mount -o remount,favordynmods /sys/fs/cgroup",
    },
  ];
}
