// What a configuration needs of the host.

import t from "tap";
import { ALWAYS, needsOf } from "../../../src/check/needs.ts";
import type { Spec } from "../../../src/spec/types.ts";

const ROOT = { rootless: false, systemdCgroup: false };
const needs = (more: Partial<Spec>, options = ROOT): string[] => {
  const always: readonly string[] = ALWAYS;
  const spec = { ociVersion: "1.2.0", root: { path: "rootfs" }, ...more };
  return [...needsOf(spec, options)].filter((id) => !always.includes(id)).sort();
};

t.test("a plain container needs no more than every container", async (t) => {
  t.strictSame(needs({}), []);
  t.strictSame(needs({ linux: { resources: {} } }), []);
});

t.test("namespaces that are made, not those that are joined", async (t) => {
  const namespaces = [{ type: "pid" }, { type: "network", path: "/run/netns/x" }] as const;
  t.strictSame(needs({ linux: { namespaces } }), ["namespaces.pid"]);
});

t.test("the controller of each limit", async (t) => {
  const resources = {
    cpu: { shares: 5 },
    memory: { limit: 1 },
    pids: { limit: 5 },
    blockIO: { weight: 10 },
    hugepageLimits: [{ pageSize: "2MB", limit: 0 }],
    devices: [{ allow: false }],
    network: { classID: 5, priorities: [{ name: "eth0", priority: 1 }] },
  };
  const found = needs({ linux: { resources } });
  t.strictSame(
    found,
    ["cpu", "devices", "hugetlb", "io", "memory", "net_cls", "net_prio", "pids"].map(
      (name) => `cgroups.${name}`,
    ),
  );
  t.strictSame(needs({ linux: { resources: { cpu: { cpus: "0" } } } }), ["cgroups.cpuset"]);
});

t.test("seccomp, labels, systemd and id-mapped mounts when they are asked for", async (t) => {
  t.strictSame(needs({ linux: { seccomp: { defaultAction: "SCMP_ACT_ALLOW" } } }), ["security.seccomp"]);
  t.strictSame(needs({ process: { cwd: "/", apparmorProfile: "x" } }), ["security.apparmor"]);
  t.strictSame(needs({ process: { cwd: "/", selinuxLabel: "x" } }), ["security.selinux"]);
  t.strictSame(needs({}, { ...ROOT, systemdCgroup: true }), ["programs.systemd"]);
  const mounts = [{ destination: "/x", source: "/y", options: ["bind", "idmap"] }];
  t.strictSame(needs({ mounts }), ["kernel.mount_setattr"]);
});

t.test("an ordinary user needs the programs of shadow for more ids than its own", async (t) => {
  const map = (size: number) => [{ containerID: 0, hostID: 100_000, size }];
  const user = { ...ROOT, rootless: true };
  const ids = (found: readonly string[]) => found.filter((id) => id.startsWith("ids."));
  t.strictSame(ids(needs({ linux: { uidMappings: map(1), gidMappings: map(1) } }, user)), []);
  t.strictSame(ids(needs({ linux: { uidMappings: map(2) } }, user)), ["ids.newuidmap", "ids.subuid"]);
  t.strictSame(ids(needs({ linux: { uidMappings: map(2) } })), [], "root writes the maps itself");
  t.ok(needs({}, user).some((id) => id.includes("unprivileged_userns_clone")));
  t.strictSame(needs({ linux: { resources: { devices: [{ allow: false }] } } }, user).filter(isCgroup), []);
});

const isCgroup = (id: string): boolean => id.startsWith("cgroups.");
