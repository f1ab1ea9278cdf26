// Which hierarchies a host has, from the two files of proc(5) as real hosts show them.

import t from "tap";
import { parseHierarchies, unifiedPathIn } from "../../../src/cgroups/hierarchies.ts";

const HYBRID = `23 1 8:1 / / rw,relatime - ext4 /dev/vda1 rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
36 31 0:33 / /sys/fs/cgroup/devices rw,relatime - cgroup cgroup rw,devices
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
`;
const HYBRID_SELF = "4:memory:/user/a\n3:devices:/\n2:cpu,cpuacct:/\n1:name=systemd:/user/a\n0::/user/a\n";

t.test("a hybrid host has its controllers in v1 hierarchies and an empty unified one", async (t) => {
  const usual = "/sys/fs/cgroup";
  t.same(parseHierarchies(HYBRID, HYBRID_SELF), {
    layout: "hybrid",
    mounts: [
      {
        controllers: ["cpu", "cpuacct"],
        mountpoint: `${usual}/cpu,cpuacct`,
        own: `${usual}/cpu,cpuacct`,
      },
      { controllers: ["memory"], mountpoint: `${usual}/memory`, own: `${usual}/memory/user/a` },
      { controllers: ["devices"], mountpoint: `${usual}/devices`, own: `${usual}/devices` },
      { controllers: ["name=systemd"], mountpoint: `${usual}/systemd`, own: `${usual}/systemd/user/a` },
      { controllers: [""], mountpoint: `${usual}/unified`, own: `${usual}/unified/user/a` },
    ],
  });
});

t.test("without the unified hierarchy it is v1", async (t) => {
  const v1 = HYBRID.split("\n")
    .filter((line) => !line.includes("cgroup2"))
    .join("\n");
  t.equal(parseHierarchies(v1, HYBRID_SELF).layout, "v1");
});

t.test("a host of today has one mount, found among others that merely look alike", async (t) => {
  const mountinfo = `29 22 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate
30 22 0:27 / /srv/x\\040-\\040cgroup rw - ext4 /dev/sdb rw
99 22 0:26 /a /srv/cgroup\\040copy rw - cgroup2 cgroup2 rw
`;
  t.same(parseHierarchies(mountinfo, "0::/user.slice/session-1.scope\n"), {
    layout: "v2",
    mounts: [
      {
        controllers: [""],
        mountpoint: "/sys/fs/cgroup",
        own: "/sys/fs/cgroup/user.slice/session-1.scope",
      },
    ],
  });
});

t.test("what is covered by a later mount does not count", async (t) => {
  const covered = `${HYBRID}50 31 0:38 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n`;
  t.match(parseHierarchies(covered, HYBRID_SELF), {
    layout: "v2",
    mounts: [{ mountpoint: "/sys/fs/cgroup" }],
  });
  const again = `${HYBRID}50 23 0:50 / /sys/fs/cgroup rw - tmpfs tmpfs rw
51 50 0:32 / /sys/fs/cgroup/mem rw - cgroup cgroup rw,memory
52 51 0:32 /b /sys/fs/cgroup/mem rw - cgroup cgroup rw,memory
`;
  t.same(parseHierarchies(again, "4:memory:/b/c\n0::/\n"), {
    layout: "v1",
    mounts: [{ controllers: ["memory"], mountpoint: "/sys/fs/cgroup/mem", own: "/sys/fs/cgroup/mem/c" }],
  });
});

t.test("a mount at the usual place beats one that comes first elsewhere", async (t) => {
  const elsewhere = "12 1 0:32 /docker/x /var/lib/c/memory rw - cgroup cgroup rw,memory\n";
  const memory = parseHierarchies(elsewhere + HYBRID, HYBRID_SELF).mounts.find((mount) =>
    mount.controllers.includes("memory"),
  );
  t.equal(memory?.mountpoint, "/sys/fs/cgroup/memory");
});

t.test("inside a container the own cgroup is taken relative to what is mounted", async (t) => {
  const mountinfo = "9 1 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
  const own = (self: string): string | undefined => parseHierarchies(mountinfo, self).mounts[0]?.own;
  t.equal(own("4:memory:/docker/abc\n"), "/sys/fs/cgroup/memory");
  t.equal(own("4:memory:/docker/abc/inner\n"), "/sys/fs/cgroup/memory/inner");
  t.equal(own("4:memory:/docker/abcdef\n"), "/sys/fs/cgroup/memory", "a sibling is not below");
  t.equal(own("4:memory:/docker/abc/../x\n"), "/sys/fs/cgroup/memory", "outside of its namespace");
});

t.test("no cgroup mount at all", async (t) => {
  t.same(parseHierarchies("23 1 8:1 / / rw - ext4 /dev/vda1 rw\n", "0::/\n"), { layout: "none", mounts: [] });
  t.same(parseHierarchies("", ""), { layout: "none", mounts: [] });
});

t.test("five thousand other mounts are passed over quickly", async (t) => {
  const line =
    "23 1 8:1 / /var/lib/docker/overlay2/abc/merged rw,relatime - overlay overlay rw,lowerdir=/x\n";
  const started = performance.now();
  t.equal(parseHierarchies(line.repeat(5000) + HYBRID, HYBRID_SELF).mounts.length, 5);
  t.ok(performance.now() - started < 100);
});

t.test("a process' place in the unified hierarchy, by whatever name", async (t) => {
  t.equal(unifiedPathIn(HYBRID_SELF), "/user/a");
  for (const end of ["\r", "\u2028", "\udcff", ":0::/b"]) {
    t.equal(
      unifiedPathIn(`2:cpu:/x${end}0::/b\n0::/a${end}b\n`),
      `/a${end}b`,
      `U+${end.charCodeAt(0).toString(16)}`,
    );
  }
  t.equal(unifiedPathIn("4:memory:/user/a\n"), undefined);
  t.equal(unifiedPathIn(""), undefined, "it has ended");
});
