// The rdma controller: the same file on v1 and v2 (cgroup-v1/rdma.rst, cgroup-v2.rst "RDMA"). Pure.

import type { Resources } from "../../spec/types.ts";
import type { CgroupWrite } from "../writes.ts";

/** v1 and v2. */
export function rdmaWrites(rdma: NonNullable<Resources["rdma"]>): CgroupWrite[] {
  return Object.entries(rdma).map(([device, { hcaHandles, hcaObjects }]) => {
    const handles = hcaHandles === undefined ? "" : ` hca_handle=${hcaHandles}`;
    const objects = hcaObjects === undefined ? "" : ` hca_object=${hcaObjects}`;
    return { file: "rdma.max", value: `${device}${handles}${objects}` };
  });
}
