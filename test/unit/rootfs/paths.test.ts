// Paths inside a root, and what may be mounted on.

import t from "tap";
import {
  cleanPath,
  componentsOf,
  isInside,
  nameOf,
  parentOf,
  refusedTarget,
  stripRoot,
} from "../../../src/rootfs/plan/paths.ts";

t.test("a path is cleaned lexically, and never climbs above the root", async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    ["/a/b", "/a/b"],
    ["a/b/", "/a/b"],
    ["//a//./b/.", "/a/b"],
    ["/../../a", "/a"],
    ["/a/../b", "/b"],
    ["..", "/"],
    ["", "/"],
  ];
  for (const [path, clean] of cases) t.equal(cleanPath(path), clean, path);
});

t.test("a destination below the root's own path is meant inside it", async (t) => {
  t.equal(stripRoot("/b/rootfs", "/b/rootfs/mnt"), "/mnt");
  t.equal(stripRoot("/b/rootfs", "/b/rootfs"), "/");
  t.equal(stripRoot("/b/rootfs", "/b/rootfs2/mnt"), "/b/rootfs2/mnt");
  t.equal(stripRoot("/b/rootfs", "mnt"), "/mnt");
  t.equal(stripRoot("/", "/mnt"), "/mnt");
});

t.test("names and directories are taken apart", async (t) => {
  t.same(componentsOf("/a/b"), ["a", "b"]);
  t.equal(parentOf("/a/b"), "/a");
  t.equal(parentOf("/a"), "/");
  t.equal(nameOf("/a/b"), "b");
  t.ok(isInside("/a", "/a"));
  t.ok(isInside("/a", "/a/b"));
  t.ok(isInside("/", "/a"));
  t.notOk(isInside("/a", "/ab"));
});

t.test("nothing is mounted into /proc but what lxcfs and CRIU emulate", async (t) => {
  t.equal(refusedTarget("/mnt", "other"), undefined);
  t.equal(refusedTarget("/proc", "proc"), undefined);
  t.equal(refusedTarget("/proc", "bind"), undefined, "its source is looked at once it is open");
  t.equal(refusedTarget("/proc", "other"), '"/proc" cannot be mounted because it is not of type proc');
  t.equal(refusedTarget("/proc/sys", "bind"), '"/proc/sys" cannot be mounted because it is inside /proc');
  t.equal(
    refusedTarget("/proc/net/dev", "bind"),
    '"/proc/net/dev" cannot be mounted because it is inside /proc',
  );
  const emulated = ["cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo"];
  for (const name of [...emulated, "sys/kernel/ns_last_pid", "sys/crypto/fips_enabled"]) {
    t.equal(refusedTarget(`/proc/${name}`, "bind"), undefined, name);
  }
  t.equal(refusedTarget("/processes", "other"), undefined);
  t.match(refusedTarget("/", "other"), /root file system itself/);
});
