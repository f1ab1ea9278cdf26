// The options that criu gets for a container.

import t from "tap";
import { configFileOf } from "../../../src/checkpoint/annotation.ts";
import type { DumpOptions, RevivalOptions } from "../../../src/checkpoint/options.ts";
import {
  cgroupRoots,
  type DumpRequest,
  dumpOptions,
  errorsIn,
  externalNamespace,
  type RevivalRequest,
  revivalOptions,
} from "../../../src/checkpoint/plan.ts";
import { planNamespaces } from "../../../src/namespaces/plan.ts";
import { planRootfs } from "../../../src/rootfs/plan/plan.ts";
import type { Spec } from "../../../src/spec/types.ts";
import { specOf, V1, V2 } from "../rootfs/configurations.ts";

const images = {
  imagePath: "/i",
  workPath: undefined,
  tcpEstablished: false,
  extUnixSk: false,
  shellJob: false,
  fileLocks: false,
  autoDedup: false,
  lazyPages: false,
  manageCgroupsMode: 6,
  networkLock: undefined,
};
const dumping: DumpOptions = {
  ...images,
  parentPath: undefined,
  leaveRunning: false,
  preDump: false,
  tcpSkipInFlight: false,
  linkRemap: false,
  pageServer: undefined,
  statusFd: undefined,
};
const reviving: RevivalOptions = {
  ...images,
  tcpClose: false,
  lsmProfile: undefined,
  lsmMountContext: undefined,
};

function rootfsOf(spec: Spec, cgroups = V2) {
  return planRootfs({ spec, bundle: "/b", noPivot: false, cgroups, userNamespace: false });
}

function dumpOf(spec: Spec, more: Partial<DumpRequest> = {}) {
  return dumpOptions({
    options: dumping,
    directories: { images: 5, work: undefined },
    rootfs: rootfsOf(spec),
    pid: 42,
    configFile: "/c",
    external: [],
    freezer: "/f",
    statusFd: undefined,
    locate: (path) => path,
    isFile: () => true,
    ...more,
  });
}

function revivalOf(spec: Spec, more: Partial<RevivalRequest> = {}) {
  return revivalOptions({
    options: reviving,
    directories: { images: 5, work: undefined },
    rootfs: rootfsOf(spec),
    root: "/state/criu-root",
    configFile: "/c",
    namespaces: planNamespaces(spec),
    firstNamespaceFd: 4,
    descriptors: ["", "", ""],
    cgroups: [],
    locate: (path) => path,
    ...more,
  });
}

const BIND = { type: "bind", source: "/src", destination: "/conf", options: ["bind"] };

t.test("flags become options", async (t) => {
  const spec = specOf([]);
  t.match(dumpOf(spec), {
    pid: 42,
    root: "/b/rootfs",
    imagesDirFd: 5,
    leaveRunning: false,
    freezeCgroup: "/f",
    emptyNs: 0x40000000,
    orphanPtsMaster: true,
    notifyScripts: true,
    manageCgroupsMode: 6,
  });
  const all = {
    ...dumping,
    tcpEstablished: true,
    extUnixSk: true,
    shellJob: true,
    fileLocks: true,
    autoDedup: true,
    lazyPages: true,
    networkLock: 3,
    leaveRunning: true,
    tcpSkipInFlight: true,
    linkRemap: true,
    pageServer: { address: "10.0.0.1", port: 99 },
  };
  t.match(dumpOf(spec, { options: all, statusFd: 9, directories: { images: 5, work: 6 } }), {
    tcpEstablished: true,
    extUnixSk: true,
    shellJob: true,
    fileLocks: true,
    autoDedup: true,
    lazyPages: true,
    networkLock: 3,
    leaveRunning: true,
    tcpSkipInFlight: true,
    linkRemap: true,
    ps: { address: "10.0.0.1", port: 99 },
    statusFd: 9,
    workDirFd: 6,
  });
  t.match(revivalOf(spec), { root: "/state/criu-root", rstSibling: true, evasiveDevices: true });
  const lsm = { ...reviving, tcpClose: true, lsmProfile: "apparmor:x", lsmMountContext: "y" };
  t.match(revivalOf(spec, { options: lsm }), {
    tcpClose: true,
    lsmProfile: "apparmor:x",
    lsmMountContext: "y",
  });
});

t.test("a dump that has one before it tracks what was written since", async (t) => {
  t.match(dumpOf(specOf([]), { options: { ...dumping, parentPath: "../p" } }), {
    parentImg: "../p",
    trackMem: true,
  });
  t.equal(dumpOf(specOf([])).trackMem, undefined);
});

t.test("bind mounts have names in a dump, and sources in a restore", async (t) => {
  const locate = (path: string) => (path === "/conf" ? "/real/conf" : undefined);
  const spec = specOf([BIND, { ...BIND, source: "data", destination: "/gone" }]);
  t.strictSame(dumpOf(spec, { locate }).extMnt, [
    { key: "/real/conf", val: "/real/conf" },
    { key: "/gone", val: "/gone" },
  ]);
  t.strictSame(revivalOf(spec, { locate }).extMnt, [
    { key: "/real/conf", val: "/src" },
    { key: "/gone", val: "/b/data" },
  ]);
  t.equal(
    dumpOf(spec, { options: { ...dumping, preDump: true } }).extMnt,
    undefined,
    "of no use to a pre-dump",
  );
});

t.test("the hierarchies of cgroup v1 are bind mounts, cgroup2 is a file system", async (t) => {
  const spec = specOf([{ type: "cgroup", source: "cgroup", destination: "/sys/fs/cgroup" }]);
  t.strictSame(dumpOf(spec).extMnt, []);
  const v1 = rootfsOf(spec, { ...V1, cgroupNamespace: false });
  const names = (dumpOf(spec, { rootfs: v1 }).extMnt ?? []).map(({ key }) => key);
  t.ok(names.length > 0);
  t.ok(names.every((name) => name?.startsWith("/sys/fs/cgroup/")));
  const own = rootfsOf(spec, { ...V1, cgroupNamespace: true });
  t.strictSame(dumpOf(spec, { rootfs: own }).extMnt, []);
});

t.test(
  "masked files are /dev/null by another name, masked directories a tmpfs of the container's",
  async (t) => {
    const spec: Spec = {
      ...specOf([]),
      linux: { namespaces: [{ type: "mount" }], maskedPaths: ["/proc/keys", "/proc/gone", "/proc/acpi"] },
    };
    const more = {
      locate: (path: string) => (path === "/proc/gone" ? undefined : path),
      isFile: (path: string) => path !== "/proc/acpi",
    };
    t.strictSame(dumpOf(spec, more).extMnt, [{ key: "/proc/keys", val: "/dev/null" }]);
    t.strictSame(revivalOf(spec).extMnt, [{ key: "/dev/null", val: "/dev/null" }]);
  },
);

t.test("devices are named where they are bound, in a user namespace", async (t) => {
  const spec = specOf([]);
  const rootfs = planRootfs({ spec, bundle: "/b", noPivot: false, cgroups: V2, userNamespace: true });
  const names = (dumpOf(spec, { rootfs }).extMnt ?? []).map(({ key }) => key);
  t.ok(names.includes("/dev/null") && names.includes("/dev/urandom"));
  t.strictSame(revivalOf(spec, { rootfs }).extMnt, dumpOf(spec, { rootfs }).extMnt);
});

t.test("namespaces of others", async (t) => {
  t.equal(externalNamespace("network", 4026531840n), "net[4026531840]:extRootNetNS");
  t.equal(externalNamespace("pid", 7n), "pid[7]:extRootPidNS");
  const spec: Spec = {
    ...specOf([]),
    linux: {
      namespaces: [
        { type: "mount" },
        { type: "network", path: "/run/netns/n" },
        { type: "uts", path: "/proc/7/ns/uts" },
        { type: "pid", path: "/proc/7/ns/pid" },
      ],
    },
  };
  const options = revivalOf(spec, { descriptors: ["pipe:[1]", "/dev/null", "pipe:[2]"] });
  t.strictSame(options.joinNs, [{ ns: "uts", nsFile: "/proc/7/ns/uts" }]);
  t.strictSame(
    [...(options.inheritFd ?? [])].sort((a, b) => Number(a.fd) - Number(b.fd)),
    [
      { key: "pipe:[1]", fd: 0 },
      { key: "pipe:[2]", fd: 2 },
      { key: "extRootNetNS", fd: options.inheritFd?.find(({ key }) => key === "extRootNetNS")?.fd },
      { key: "extRootPidNS", fd: options.inheritFd?.find(({ key }) => key === "extRootPidNS")?.fd },
    ].sort((a, b) => Number(a.fd) - Number(b.fd)),
  );
  t.strictSame(
    (options.inheritFd ?? []).slice(0, 2).map(({ fd }) => fd),
    [4, 5],
    "in the order in which they are opened",
  );
  const cgroup = { ...spec, linux: { namespaces: [{ type: "cgroup" as const, path: "/x" }] } };
  t.throws(() => revivalOf(cgroup), { message: "Do not know how to handle namespace cgroup" });
});

t.test("restored processes go where criu is", async (t) => {
  t.strictSame(cgroupRoots("4:cpu,cpuacct:/a\n1:name=systemd:/b\n0::/c:d\n"), [
    { ctrl: "cpu", path: "/a" },
    { ctrl: "cpuacct", path: "/a" },
    { ctrl: "name=systemd", path: "/b" },
    { ctrl: "", path: "/c:d" },
  ]);
});

t.test("org.criu.config", async (t) => {
  t.equal(configFileOf(undefined, "/usual"), "/usual");
  t.equal(configFileOf({ other: "x" }, "/usual"), "/usual");
  t.equal(configFileOf({ "org.criu.config": "/own" }, "/usual"), "/own");
  t.equal(configFileOf({ "org.criu.config": "" }, "/usual"), undefined, "empty: none at all");
});

t.test("the errors of a log", async (t) => {
  const log = [
    "(00.001) Version: 4.2.1",
    "(00.002) Error (criu/util.c:1534): rlimit: not permitted",
    'Error (criu/util.c:642): execvp("iptables-restore", ...) failed: No such file or directory',
    "(00.003) Error (criu/util.c:657): exited, status=1",
    "(00.004)     7: Error (criu/util.c:1534): rlimit: not permitted",
    "(00.005) Error (criu/cr-dump.c:1975): Dumping FAILED.",
  ].join("\n");
  t.strictSame(errorsIn(log), [
    "rlimit: not permitted",
    'execvp("iptables-restore", ...) failed: No such file or directory',
  ]);
  t.strictSame(errorsIn(""), []);
  const many = Array.from({ length: 9 }, (_, index) => `(0) Error (a.c:1): ${index}`).join("\n");
  t.strictSame(errorsIn(many), ["4", "5", "6", "7", "8"]);
});
