// The plan for a configuration's root, mounts and paths.

import t from "tap";
import {
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_STRICTATIME,
  MS_PRIVATE,
  MS_REC,
  MS_SHARED,
  MS_SLAVE,
  MS_UNBINDABLE,
} from "../../../src/linux/numbers/mount.ts";
import type { MountPlan } from "../../../src/rootfs/plan/mounts.ts";
import { MountsSoFar } from "../../../src/rootfs/plan/mounts-so-far.ts";
import { planRootfs, type RootfsPlan, type RootfsRequest } from "../../../src/rootfs/plan/plan.ts";
import type { Linux, Spec } from "../../../src/spec/types.ts";
import { DOCKER_MOUNTS, PODMAN_MOUNTS, specOf, V1, V2 } from "./configurations.ts";

const MAPPED = [{ containerID: 0, hostID: 1000, size: 1 }];
const NO_MORE = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

function plan(spec: Spec, request: Partial<RootfsRequest> = {}): RootfsPlan {
  return planRootfs({ spec, bundle: "/b", noPivot: false, cgroups: V2, userNamespace: false, ...request });
}

function mountsOf(mounts: Spec["mounts"], request: Partial<RootfsRequest> = {}): readonly MountPlan[] {
  return plan(specOf(mounts ?? []), request).mounts;
}

function one(mount: NonNullable<Spec["mounts"]>[number], request: Partial<RootfsRequest> = {}): MountPlan {
  const [first] = mountsOf([mount], request);
  if (first === undefined) throw new Error("no mount");
  return first;
}

t.test("Docker's mounts", async (t) => {
  const mounts = mountsOf(DOCKER_MOUNTS);
  t.match(mounts[0], {
    kind: "filesystem",
    type: "proc",
    attributes: NO_MORE,
    plainDirectory: true,
    data: [],
  });
  t.match(mounts[1], {
    destination: "/dev",
    attributes: MOUNT_ATTR_NOSUID | MOUNT_ATTR_STRICTATIME,
    data: ["mode=755", "size=65536k"],
    inheritsMode: false,
    readonlyLater: false,
  });
  t.match(mounts[2], { data: ["newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] });
  t.match(mounts[3], { superblock: ["ro"], attributes: NO_MORE | MOUNT_ATTR_RDONLY, plainDirectory: true });
  t.match(mounts[7], {
    kind: "bind",
    source: "/var/lib/hosts",
    parsed: { withSubmounts: true, change: undefined, propagation: [MS_PRIVATE | MS_REC] },
  });
});

t.test("Podman's mounts", async (t) => {
  const { mounts, setsUpDev, devices } = plan(specOf(PODMAN_MOUNTS));
  t.match(mounts[4], { kind: "bind", parsed: { change: { set: NO_MORE } } });
  t.match(mounts[5], { kind: "bind", destination: "/run/.containerenv", parsed: { change: undefined } });
  t.ok(setsUpDev);
  t.equal(devices.length, 6);
});

t.test("a file below a new tmpfs is made by the tmpfs' own descriptor", async (t) => {
  const mounts = mountsOf(DOCKER_MOUNTS);
  const first = (count: number): MountsSoFar => {
    const soFar = new MountsSoFar();
    for (const mount of mounts.slice(0, count)) soFar.add(mount);
    return soFar;
  };
  const all = first(mounts.length);
  t.equal(first(2).tmpfsAbove("/dev/pts"), 1);
  t.equal(all.tmpfsAbove("/dev/null"), 1);
  t.equal(all.tmpfsAbove("/dev/net/tun"), undefined, "only what stands in its root");
  t.equal(all.tmpfsAbove("/dev/shm/x"), 6);
  t.equal(first(1).tmpfsAbove("/dev/pts"), undefined, "not before it is mounted");
  t.equal(all.tmpfsAbove("/sys/fs"), undefined, "only a tmpfs is known to be empty");
  t.ok(first(2).changes("/dev/shm"), "what lies below a mount is another");
  t.ok(all.changes("/sys/fs"), "and what a mount lies below may have been made for it");
  t.notOk(all.changes("/mnt"));
  const over = new MountsSoFar();
  for (const mount of mountsOf([
    { destination: "/a/b", type: "tmpfs" },
    { destination: "/a", type: "proc" },
  ])) {
    over.add(mount);
  }
  t.equal(over.tmpfsAbove("/a/b/c"), undefined, "nor when something lies over it");
});

t.test("cgroup v2 is mounted, or bound where that is not allowed", async (t) => {
  const cgroup = {
    destination: "/sys/fs/cgroup",
    type: "cgroup",
    source: "cgroup",
    options: ["ro", "nosuid"],
  };
  t.match(one(cgroup), {
    kind: "filesystem",
    // A text alone would be looked for in what is there.
    type: /^cgroup2$/,
    attributes: MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID,
    otherwise: { kind: "bind", source: "/sys/fs/cgroup", parsed: { withSubmounts: false } },
  });
  const own = one(cgroup, { cgroups: { ...V2, cgroupNamespace: true } });
  t.match(own, { otherwise: { source: "/sys/fs/cgroup/box" } });
});

t.test("cgroup v1 is a tmpfs with a mount for each hierarchy", async (t) => {
  const cgroup = {
    destination: "/sys/fs/cgroup",
    type: "cgroup",
    source: "cgroup",
    options: ["ro", "nosuid"],
  };
  const bound = mountsOf([cgroup], { cgroups: V1 });
  t.match(bound, [
    { kind: "filesystem", type: "tmpfs", source: "tmpfs", attributes: NO_MORE, data: ["mode=755"] },
    {
      kind: "bind",
      source: "/cg/cpu,cpuacct/box",
      destination: "/sys/fs/cgroup/cpu,cpuacct",
      parsed: { change: { set: MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID } },
    },
    { kind: "bind", source: "/cg/systemd/own" },
    { kind: "symlink", destination: "/sys/fs/cgroup/cpu", target: "cpu,cpuacct" },
    { kind: "symlink", destination: "/sys/fs/cgroup/cpuacct" },
  ]);
  const mounted = mountsOf([cgroup], { cgroups: { ...V1, cgroupNamespace: true } });
  t.match(mounted[1], {
    kind: "filesystem",
    type: "cgroup",
    source: "cgroup",
    data: ["cpu", "cpuacct"],
    attributes: NO_MORE | MOUNT_ATTR_RDONLY,
  });
  t.match(mounted[2], { source: "systemd", data: ["name=systemd"] });
});

t.test("a tmpfs and /dev become read-only only when they are filled", async (t) => {
  t.match(one({ destination: "/mnt", type: "tmpfs", options: ["ro"] }), {
    readonlyLater: true,
    attributes: 0,
    superblock: [],
    inheritsMode: true,
  });
  t.match(one({ destination: "/dev/", type: "devtmpfs", options: ["ro"] }), { readonlyLater: true });
  t.match(one({ destination: "/mnt", type: "ext4", options: ["ro"] }), {
    readonlyLater: false,
    superblock: ["ro"],
  });
});

t.test("what fsconfig(2) cannot say goes through mount(2)", async (t) => {
  const long = `lowerdir=${"/x".repeat(200)}`;
  t.match(one({ destination: "/mnt", type: "overlay", options: [long] }), { needsMountCall: true });
  t.match(one({ destination: "/mnt", type: "overlay", options: ["lowerdir=/a\\,b"] }), {
    needsMountCall: true,
    data: ["lowerdir=/a\\,b"],
  });
  t.match(one({ destination: "/mnt", type: "tmpfs", options: ["iversion"] }), { needsMountCall: true });
  t.match(one({ destination: "/mnt", type: "tmpfs", options: ["size=1m,mode=700"] }), {
    needsMountCall: false,
    data: ["size=1m", "mode=700"],
    inheritsMode: false,
  });
});

t.test("sources are relative to the bundle, destinations to the root", async (t) => {
  t.match(one({ destination: "mnt", source: "data", options: ["bind"] }), {
    source: "/b/data",
    destination: "/mnt",
  });
  t.match(one({ destination: "/b/rootfs/mnt", source: "/data", options: ["rbind"] }), {
    destination: "/mnt",
  });
});

t.test("links at the ends of a bind mount are followed, unless an option says otherwise", async (t) => {
  const bind = (...options: string[]) =>
    one({ destination: "/mnt", source: "/x", options: ["bind", ...options] });
  t.match(bind(), { parsed: { sourceLink: "followed", onLink: false } });
  t.match(bind("src-nofollow", "dest-nofollow"), { parsed: { sourceLink: "bound", onLink: true } });
  t.match(bind("copy-symlink"), { parsed: { sourceLink: "copied" } });
});

t.test("every word for the root's propagation, and no other", async (t) => {
  const types = { shared: MS_SHARED, slave: MS_SLAVE, private: MS_PRIVATE, unbindable: MS_UNBINDABLE };
  for (const [word, flag] of Object.entries(types)) {
    t.equal(plan(specOf([], { rootfsPropagation: word } as Linux)).treePropagation, flag, word);
    const recursive = plan(specOf([], { rootfsPropagation: `r${word}` } as Linux));
    t.equal(recursive.treePropagation, flag | MS_REC, `r${word}`);
  }
  t.equal(plan(specOf([], { rootfsPropagation: "" } as unknown as Linux)).treePropagation, MS_SLAVE | MS_REC);
  for (const word of ["constructor", "Shared"]) {
    t.throws(
      () => plan(specOf([], { rootfsPropagation: word } as unknown as Linux)),
      { code: "E_CONFIG" },
      word,
    );
  }
});

t.test("the root's propagation", async (t) => {
  const slave = plan(specOf([]));
  t.same([slave.treePropagation, slave.rootPropagation], [MS_SLAVE | MS_REC, undefined]);
  const shared = plan(specOf([], { rootfsPropagation: "shared" }));
  t.same([shared.treePropagation, shared.rootPropagation], [MS_SHARED, MS_SHARED]);
  const closed = plan(specOf([], { rootfsPropagation: "rprivate" }));
  t.same([closed.treePropagation, closed.rootPropagation], [MS_PRIVATE | MS_REC, undefined]);
  const host = plan({ ...specOf([]), linux: {} });
  t.same([host.treePropagation, host.change], [undefined, "chroot"]);
  t.equal(plan(specOf([]), { noPivot: true }).change, "move");
});

t.test("paths are listed once; one with .. is left to the kernel", async (t) => {
  const spec = specOf([], {
    maskedPaths: ["/a/", "/b", "/a"],
    readonlyPaths: ["/c", "/d/../c", "/./", "//"],
  });
  t.same(plan(spec).maskedPaths, ["/a", "/b"]);
  t.same(plan(spec).readonlyPaths, ["/c", "/d/../c", "/"]);
});

t.test("the root is made read-only in the host's mount namespace, too", async (t) => {
  const host = { ...specOf([]), root: { path: "rootfs", readonly: true }, linux: {} };
  t.ok(plan(host).readonlyRoot);
});

t.test("a bind mount on /dev is left as it is", async (t) => {
  const { setsUpDev, devices } = plan(
    specOf([{ destination: "/dev", source: "/dev", type: "bind", options: ["rbind"] }]),
  );
  t.notOk(setsUpDev);
  t.equal(devices.length, 0);
});

t.test("what cannot be is refused before anything is done", async (t) => {
  const bind = { destination: "/mnt", source: "/x", type: "bind" };
  const cases: readonly (readonly [Spec, Partial<RootfsRequest>, RegExp, RegExp?])[] = [
    [
      specOf([{ ...bind, options: ["bind", "rprivat", "size=1"] }]),
      {},
      /^cannot mount "\/x" on "\/mnt": bind mounts cannot have any filesystem-specific options applied$/,
      /no option .* is called "rprivat"; mounts\[0\] of config\.json: .* options "bind,rprivat,size=1"/,
    ],
    [specOf([bind]), {}, /no file system has the type "bind"/, /say bind or rbind/],
    [specOf([{ destination: "/mnt" }]), {}, /no file system has the type ""/],
    [
      specOf([{ destination: "/proc/sys", type: "tmpfs" }]),
      {},
      /"\/proc\/sys" cannot be mounted because it is inside \/proc/,
    ],
    [specOf([{ destination: "/proc", type: "tmpfs" }]), {}, /it is not of type proc/],
    [specOf([{ destination: "/x/..", type: "tmpfs" }]), {}, /the mount point is the root file system itself/],
    [specOf([{ ...bind, options: ["bind", "idmap"] }]), {}, /must have both uid and gid mappings specified/],
    [
      specOf([{ ...bind, options: ["bind"], uidMappings: MAPPED }]),
      {},
      /must have both uid and gid mappings specified/,
    ],
    [
      specOf([{ ...bind, options: ["bind"], gidMappings: MAPPED }]),
      {},
      /must have both uid and gid mappings specified/,
    ],
    [
      specOf([{ ...bind, options: ["bind", "idmap"], uidMappings: MAPPED }]),
      { userNamespace: true },
      /must have both uid and gid mappings specified/,
    ],
    [
      specOf([{ destination: "/mnt", type: "tmpfs", uidMappings: MAPPED }]),
      {},
      /must have both uid and gid mappings specified/,
    ],
    [
      specOf([
        {
          destination: "/mnt",
          type: "tmpfs",
          uidMappings: [{ containerID: 0, hostID: 1, size: 1 }],
          gidMappings: [{ containerID: 0, hostID: 1, size: 1 }],
        },
      ]),
      {},
      /id-mapped mounts are only supported for bind-mounts/,
    ],
    [specOf([], { rootfsPropagation: "private" }), { noPivot: true }, /is not safe without pivot_root/],
    [
      { ...specOf([]), linux: { maskedPaths: ["/x"] } },
      {},
      /unable to restrict sys entries without a private MNT/,
    ],
    [{ ...specOf([]), root: { path: "/" } }, {}, /^cannot use "\/" as the root of a container$/],
  ];
  for (const [spec, request, message, hint] of cases) {
    t.throws(() => plan(spec, request), { message, ...(hint === undefined ? {} : { hint }) });
  }
});
