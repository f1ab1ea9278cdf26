// Rules about namespaces, id mappings, and what needs a namespace.

import t from "tap";
import { checkNamespaces } from "../../../../src/spec/semantics.ts";
import { faults, linuxFaults, loads, NAMESPACES, PROCESS, warnings } from "./findings.ts";

const ROOT_ONLY = [{ containerID: 0, hostID: 1000, size: 1 }];
const USER = [...NAMESPACES, { type: "user" as const }];
const MAPPED = { namespaces: USER, uidMappings: ROOT_ONLY, gidMappings: ROOT_ONLY };

t.test("a kind of namespace comes once, joined by an absolute path", async (t) => {
  t.strictSame(
    linuxFaults({ namespaces: [{ type: "pid" }, { type: "ipc" }, { type: "pid", path: "/proc/1/ns/pid" }] }),
    ['/linux/namespaces/2: duplicate namespace "pid", see /linux/namespaces/0'],
  );
  t.strictSame(
    linuxFaults({
      namespaces: [
        { type: "pid", path: "" },
        { type: "ipc", path: "ns/ipc" },
      ],
    }),
    ['/linux/namespaces/1/path: must be an absolute path, is "ns/ipc"'],
  );
});

t.test("id mappings are ignored without a user namespace", async (t) => {
  t.strictSame(linuxFaults({ uidMappings: ROOT_ONLY, gidMappings: ROOT_ONLY }), []);
  t.strictSame(
    warnings({ linux: { namespaces: NAMESPACES, uidMappings: ROOT_ONLY, gidMappings: ROOT_ONLY } }),
    [
      '/linux/uidMappings: is ignored without a "user" namespace in /linux/namespaces',
      '/linux/gidMappings: is ignored without a "user" namespace in /linux/namespaces',
    ],
  );
  t.strictSame(linuxFaults({ uidMappings: [], gidMappings: [] }), []);
});

t.test(
  "a new user namespace needs mappings of both kinds, with the container's root among them",
  async (t) => {
    t.strictSame(linuxFaults(MAPPED), []);
    t.strictSame(linuxFaults({ namespaces: USER, uidMappings: ROOT_ONLY }), [
      "/linux/gidMappings: missing, and a new user namespace has no ids without it",
    ]);
    t.strictSame(linuxFaults({ ...MAPPED, uidMappings: [{ containerID: 1, hostID: 1, size: 5 }] }), [
      "/linux/uidMappings: must map id 0, the container's root",
    ]);
  },
);

t.test("mappings beside a user namespace to join are ignored, with a warning", async (t) => {
  const namespaces = [...NAMESPACES, { type: "user" as const, path: "/proc/7/ns/user" }];
  const linux = { ...MAPPED, namespaces };
  t.strictSame(linuxFaults(linux), []);
  t.match(warnings({ linux }), [
    '/linux/uidMappings: the user namespace "/proc/7/ns/user" has mappings of its own, ignoring these',
    /^\/linux\/gidMappings/,
  ]);
});

t.test("the kernel's rules for id mappings", async (t) => {
  const check = (uidMappings: typeof ROOT_ONLY): string[] => linuxFaults({ ...MAPPED, uidMappings });
  const root = { containerID: 0, hostID: 1000, size: 10 };
  t.strictSame(check([root, { containerID: 10, hostID: 1010, size: 10 }]), []);
  t.strictSame(
    check([
      { ...root, size: 1 },
      { containerID: 5, hostID: 5, size: 0 },
    ]),
    ["/linux/uidMappings/1/size: must be at least 1, is 0"],
  );
  t.strictSame(check([root, { containerID: 9, hostID: 0, size: 2 }]), [
    "/linux/uidMappings/1/containerID: overlaps with /linux/uidMappings/0",
  ]);
  t.strictSame(check([root, { containerID: 10, hostID: 999, size: 2 }]), [
    "/linux/uidMappings/1/hostID: overlaps with /linux/uidMappings/0",
  ]);
  t.strictSame(check([{ containerID: 0, hostID: 1, size: 4294967295 }]), [
    "/linux/uidMappings/0/size: leads beyond the last id, 4294967294, from hostID 1",
  ]);
  t.strictSame(check([{ containerID: 0, hostID: 0, size: 4294967295 }]), []);
  const many = Array.from({ length: 341 }, (_, id) => ({ containerID: id, hostID: id, size: 1 }));
  t.strictSame(check(many), ["/linux/uidMappings: must have at most 340 entries, has 341"]);
});

t.test("user and groups of the process are mapped", async (t) => {
  const user = { uid: 5, gid: 6, additionalGids: [0, 7] };
  t.strictSame(faults({ process: { ...PROCESS, user }, linux: MAPPED }), [
    "/process/user/uid: 5 is not mapped in /linux/uidMappings",
    "/process/user/gid: 6 is not mapped in /linux/gidMappings",
    "/process/user/additionalGids/1: 7 is not mapped in /linux/gidMappings",
  ]);
});

t.test("time offsets need a new time namespace, and a clock that has one", async (t) => {
  const timeOffsets = { monotonic: { secs: 5 } };
  t.strictSame(linuxFaults({ timeOffsets }), [
    '/linux/timeOffsets: needs a "time" namespace in /linux/namespaces',
  ]);
  t.strictSame(linuxFaults({ timeOffsets: {} }), []);
  t.strictSame(linuxFaults({ timeOffsets, namespaces: [{ type: "time" }] }), []);
  t.strictSame(linuxFaults({ timeOffsets, namespaces: [{ type: "time", path: "/proc/1/ns/time" }] }), [
    '/linux/timeOffsets: cannot be set for a time namespace that is joined, "/proc/1/ns/time"',
  ]);
  const misspelt = { monotnic: { secs: 1 } } as typeof timeOffsets | object;
  t.strictSame(linuxFaults({ timeOffsets: misspelt, namespaces: [{ type: "time" }] }), [
    '/linux/timeOffsets/monotnic: must be of the clock "monotonic" or "boottime", did you mean "monotonic"?',
  ]);
});

t.test("hostname and domainname need a uts namespace and fit into the kernel's 64 bytes", async (t) => {
  const linux = { namespaces: [{ type: "mount" as const }] };
  t.strictSame(faults({ hostname: "h", domainname: "d", linux }), [
    "/hostname: unable to set hostname without a private UTS namespace",
    "/domainname: unable to set domainname without a private UTS namespace",
  ]);
  t.strictSame(faults({ hostname: "", domainname: "", linux }), []);
  t.strictSame(
    faults({ hostname: "h", linux: { namespaces: [{ type: "uts", path: "/proc/1/ns/uts" }] } }),
    [],
  );
  t.strictSame(faults({ hostname: "h".repeat(64), domainname: "\u00e9".repeat(33) }), [
    "/domainname: must have at most 64 bytes, has 66",
  ]);
});

t.test("masked and read-only paths need a mount namespace and are absolute", async (t) => {
  t.strictSame(linuxFaults({ namespaces: [], maskedPaths: ["/x"], readonlyPaths: ["/y"] }), [
    "/linux/maskedPaths: unable to restrict sys entries without a private MNT namespace",
    "/linux/readonlyPaths: unable to restrict sys entries without a private MNT namespace",
  ]);
  t.strictSame(linuxFaults({ maskedPaths: ["/x", "proc/kcore"] }), [
    '/linux/maskedPaths/1: must be an absolute path, is "proc/kcore"',
  ]);
});

t.test("network devices need a network namespace and names the kernel takes", async (t) => {
  t.strictSame(linuxFaults({ netDevices: { eth0: {}, eth1: { name: "net0" } } }), []);
  t.strictSame(linuxFaults({ namespaces: [], netDevices: { eth0: {} } }), [
    "/linux/netDevices: unable to move network devices without a NET namespace",
  ]);
  t.strictSame(
    linuxFaults({ netDevices: { eth0: { name: "a b" }, "e/1": {}, eth2: { name: "sixteen-letters0" } } }),
    [
      '/linux/netDevices/eth0/name: "a b" is no name of a network device',
      '/linux/netDevices/e~11: "e/1" is no name of a network device',
      '/linux/netDevices/eth2/name: "sixteen-letters0" is no name of a network device',
    ],
  );
  t.strictSame(linuxFaults({ netDevices: { eth0: {}, eth1: { name: "eth0" } } }), [
    '/linux/netDevices/eth1: "eth0" is also the name of "eth0" in the container',
  ]);
});

t.test("what a namespace is needed for is allowed where one is joined, and told of without it", async (t) => {
  const sysctl = { "net.ipv4.ip_forward": "1", "kernel.shmmax": "1" };
  const namespaces = [
    { type: "network" as const, path: "/run/netns/x" },
    { type: "uts" as const, path: "/proc/1/ns/uts" },
    { type: "ipc" as const },
  ];
  t.equal(loads({ hostname: "box", linux: { sysctl, namespaces } }), true);
  const spec = { ociVersion: "1.3.0", hostname: "box", linux: { sysctl, namespaces: namespaces.slice(2) } };
  t.strictSame(
    checkNamespaces(spec).map(({ pointer }) => pointer),
    ["/hostname", "/linux/sysctl/net.ipv4.ip_forward"],
  );
});
