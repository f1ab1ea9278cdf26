// The net_cls and net_prio controllers of v1 (cgroup-v1/net_cls.rst, net_prio.rst); v2 has neither. Pure.

import type { Resources } from "../../spec/types.ts";
import { type CgroupWrite, decimal, isSet } from "../writes.ts";

type Network = NonNullable<Resources["network"]>;

export function netClsV1({ classID }: Network): CgroupWrite[] {
  return isSet(classID) ? [{ file: "net_cls.classid", value: decimal(classID) }] : [];
}

export function netPrioV1({ priorities = [] }: Network): CgroupWrite[] {
  return priorities.map(({ name, priority }) => ({
    file: "net_prio.ifpriomap",
    value: `${name} ${priority}`,
  }));
}
