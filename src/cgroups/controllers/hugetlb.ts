// The hugetlb controller (cgroup-v1/hugetlb.rst, cgroup-v2.rst "HugeTLB"). Pure.

import type { Resources } from "../../spec/types.ts";
import { type CgroupWrite, decimal } from "../writes.ts";

type HugepageLimits = NonNullable<Resources["hugepageLimits"]>;

/** v1. */
export function hugetlbV1(limits: HugepageLimits): CgroupWrite[] {
  return hugetlbWrites(limits, "limit_in_bytes");
}

/** v2. */
export function hugetlbV2(limits: HugepageLimits): CgroupWrite[] {
  return hugetlbWrites(limits, "max");
}

/** Reservations are limited since Linux 5.7; before that a page is only counted when it is first used. */
function hugetlbWrites(limits: HugepageLimits, suffix: string): CgroupWrite[] {
  const writes: CgroupWrite[] = [];
  for (const { pageSize, limit } of limits) {
    const value = decimal(limit, "unsigned");
    writes.push({ file: `hugetlb.${pageSize}.${suffix}`, value });
    writes.push({ file: `hugetlb.${pageSize}.rsvd.${suffix}`, value, tolerate: ["ENOENT"] });
  }
  return writes;
}
