// What test/support/host.ts finds on machines that mount more than this one.

import { test } from "tap";
import { cgroupHierarchies, parseMountinfo } from "../../support/host.ts";

const mounts = parseMountinfo(`30 20 0:26 / /elsewhere/memory rw - cgroup memory rw,memory
31 20 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct
32 20 0:26 / /sys/fs/cgroup/memory rw shared:10 - cgroup cgroup rw,memory
33 20 0:27 / /elsewhere/cpu ro - cgroup cgroup rw,cpu,cpuacct
34 20 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
35 20 0:29 / /none/unified rw - cgroup2 cgroup2 rw
36 20 0:29 / /none/again rw - cgroup2 cgroup2 rw
`);

test("a hierarchy that is mounted twice counts once, with its mount at the usual place", async (t) => {
  const found = cgroupHierarchies(mounts).map(({ mountpoint, controllers }) => [mountpoint, controllers]);
  t.strictSame(found, [
    ["/sys/fs/cgroup/cpu,cpuacct", ["cpu", "cpuacct"]],
    ["/sys/fs/cgroup/memory", ["memory"]],
    ["/sys/fs/cgroup/systemd", ["xattr", "name=systemd"]],
    ["/none/unified", []],
  ]);
});
