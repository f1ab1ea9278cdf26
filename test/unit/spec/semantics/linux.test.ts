// Rules about devices, seccomp, resource director, memory policy, personality.

import t from "tap";
import type { Device, Seccomp } from "../../../../src/spec/types.ts";
import { linuxFaults, warnings } from "./findings.ts";

t.test("a device has an absolute path and numbers the kernel can keep", async (t) => {
  const check = (device: Device): string[] => linuxFaults({ devices: [device] });
  t.strictSame(check({ type: "c", path: "/dev/x", major: 1, minor: 3 }), []);
  t.strictSame(check({ type: "p", path: "/dev/x" }), []);
  t.strictSame(check({ type: "p", path: "dev/x" }), [
    '/linux/devices/0/path: must be an absolute path, is "dev/x"',
  ]);
  t.strictSame(check({ type: "b", path: "/dev/x" }), [
    '/linux/devices/0/major: missing, and required for type "b"',
    '/linux/devices/0/minor: missing, and required for type "b"',
  ]);
  t.strictSame(check({ type: "u", path: "/dev/x", major: 4096, minor: -1 }), [
    "/linux/devices/0/major: must be from 0 to 4095, is 4096",
    "/linux/devices/0/minor: must be from 0 to 1048575, is -1",
  ]);
});

t.test("a seccomp profile with an agent says where it listens, and can still reach it", async (t) => {
  const check = (seccomp: Seccomp): string[] => linuxFaults({ seccomp });
  const notify: Seccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_NOTIFY" }],
  };
  t.strictSame(check({ ...notify, listenerPath: "/s" }), []);
  t.strictSame(check(notify), ["/linux/seccomp/listenerPath: missing, and SCMP_ACT_NOTIFY needs it"]);
  t.strictSame(check({ defaultAction: "SCMP_ACT_NOTIFY", listenerPath: "/s" }), [
    "/linux/seccomp/defaultAction: SCMP_ACT_NOTIFY cannot be used as default action",
  ]);
  t.strictSame(check({ defaultAction: "SCMP_ACT_ALLOW", listenerMetadata: "x" }), [
    "/linux/seccomp/listenerMetadata: has no effect without listenerPath",
  ]);
  const write: Seccomp = { ...notify, syscalls: [{ names: ["read", "write"], action: "SCMP_ACT_NOTIFY" }] };
  t.strictSame(check({ ...write, listenerPath: "/s" }), [
    "/linux/seccomp/syscalls/0/names: SCMP_ACT_NOTIFY cannot be used for the write syscall",
  ]);
});

t.test("a seccomp rule has names, and a system call six arguments", async (t) => {
  const syscalls: Seccomp["syscalls"] = [
    {
      names: ["read", ""],
      action: "SCMP_ACT_ERRNO",
      args: [
        { index: 5, value: 0, op: "SCMP_CMP_EQ" },
        { index: 6, value: 0, op: "SCMP_CMP_EQ" },
      ],
    },
  ];
  t.strictSame(linuxFaults({ seccomp: { defaultAction: "SCMP_ACT_ALLOW", syscalls } }), [
    "/linux/seccomp/syscalls/0/names/1: must not be empty",
    "/linux/seccomp/syscalls/0/args/1/index: must be from 0 to 5, is 6",
  ]);
});

t.test("a class of service is a directory, a schema one line", async (t) => {
  for (const closID of [".", "..", "a/b", "a\nb"]) {
    t.match(linuxFaults({ intelRdt: { closID } }), [
      /^\/linux\/intelRdt\/closID: must be a name of a directory/,
    ]);
  }
  t.strictSame(linuxFaults({ intelRdt: { closID: "guaranteed", schemata: ["L3:0=f", "MB:0=1\nL3:0=1"] } }), [
    "/linux/intelRdt/schemata/1: must be one line",
  ]);
});

t.test("a memory policy names nodes by numbers, in one way", async (t) => {
  t.strictSame(linuxFaults({ memoryPolicy: { mode: "MPOL_BIND", nodes: "0-1" } }), []);
  t.strictSame(
    linuxFaults({
      memoryPolicy: {
        mode: "MPOL_BIND",
        nodes: "1-0",
        flags: ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"],
      },
    }),
    [
      '/linux/memoryPolicy/nodes: invalid memory policy nodes "1-0": must be a list such as ' +
        '"0-3,7", "1-0" is neither a number nor a range',
      "/linux/memoryPolicy/flags: cannot have both static and relative nodes: set_mempolicy(2) calls " +
        "that an invalid argument",
    ],
  );
});

t.test("flags of a personality are warned about", async (t) => {
  t.strictSame(warnings({ linux: { personality: { domain: "LINUX", flags: ["X"] } } }), [
    "/linux/personality/flags: the specification defines no flags, ignoring",
  ]);
});
