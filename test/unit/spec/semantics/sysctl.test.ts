// Which kernel parameters a container may set.

import t from "tap";
import { sysctlParts } from "../../../../src/spec/semantics/sysctl.ts";
import type { NamespaceType } from "../../../../src/spec/types.ts";
import { linuxFaults } from "./findings.ts";

function check(name: string, ...kinds: NamespaceType[]): string[] {
  return linuxFaults({ sysctl: { [name]: "1" }, namespaces: kinds.map((type) => ({ type })) });
}

t.test("each parameter needs the namespace that keeps it apart", async (t) => {
  const cases: [name: string, kind: NamespaceType, without: string][] = [
    ["kernel.msgmax", "ipc", 'sysctl "kernel.msgmax" is not allowed in the hosts ipc namespace'],
    [
      "kernel.shm_rmid_forced",
      "ipc",
      'sysctl "kernel.shm_rmid_forced" is not allowed in the hosts ipc namespace',
    ],
    ["fs.mqueue.msg_max", "ipc", 'sysctl "fs.mqueue.msg_max" is not allowed in the hosts ipc namespace'],
    ["net.ipv4.ip_forward", "network", 'sysctl "net.ipv4.ip_forward" not allowed in host network namespace'],
    ["net/ipv4/ip_forward", "network", 'sysctl "net/ipv4/ip_forward" not allowed in host network namespace'],
    ["kernel.domainname", "uts", 'sysctl "kernel.domainname" is not in a separate kernel namespace'],
  ];
  for (const [name, kind, without] of cases) {
    t.strictSame(check(name, kind), [], `${name} with a ${kind} namespace`);
    t.strictSame(check(name), [`/linux/sysctl/${name.replaceAll("/", "~1")}: ${without}`], `${name} without`);
  }
});

/** Mappings are missed as well. */
const isOfSysctl = (fault: string): boolean => fault.startsWith("/linux/sysctl/");

t.test("user.* are those of the user namespace", async (t) => {
  for (const name of ["user.max_net_namespaces", "user/max_inotify_watches"]) {
    t.strictSame(check(name, "user").filter(isOfSysctl), [], name);
    t.match(check(name, "network"), [/is not in a separate kernel namespace$/], `${name} without`);
  }
  t.match(check("user", "user").filter(isOfSysctl), [/is not in a separate kernel namespace$/]);
});

t.test("kernel.hostname has a field of its own", async (t) => {
  t.strictSame(check("kernel.hostname", "uts"), [
    '/linux/sysctl/kernel.hostname: sysctl "kernel.hostname" is not allowed as it conflicts with ' +
      'the OCI "hostname" field',
  ]);
});

t.test("what no namespace keeps apart cannot be set", async (t) => {
  for (const name of [
    "kernel.core_pattern",
    "vm.swappiness",
    "net",
    "fs.mqueue",
    "kernel/modprobe",
    "user.max_net_namespaces",
  ]) {
    t.match(
      check(name, "ipc", "network", "uts", "mount", "cgroup"),
      [/is not in a separate kernel namespace$/],
      name,
    );
  }
});

t.test("no name leads out of the part of /proc/sys that it begins with", async (t) => {
  const names = [
    "net/../kernel/core_pattern",
    "net/ipv4/../../kernel/core_pattern",
    "net.//.kernel.core_pattern",
    "net..kernel",
    "net/./x",
    "net/ipv4/",
    "/net/ipv4/ip_forward",
    "net.ipv4\0.x",
    ".",
    "",
  ];
  for (const name of names)
    t.match(check(name, "network", "ipc", "uts"), [/: is no name of a kernel parameter$/], name);
});

t.test("a slash in a dotted name stands for a dot", async (t) => {
  t.strictSame(sysctlParts("net.ipv4.conf.eth0/1.forwarding"), [
    "net",
    "ipv4",
    "conf",
    "eth0.1",
    "forwarding",
  ]);
  t.strictSame(sysctlParts("net/ipv4/conf/eth0.1/forwarding"), [
    "net",
    "ipv4",
    "conf",
    "eth0.1",
    "forwarding",
  ]);
  t.strictSame(sysctlParts("vm"), ["vm"]);
  t.strictSame(check("net.ipv4.conf.eth0/1.forwarding", "network"), []);
});

t.test("a value has no NUL", async (t) => {
  t.strictSame(linuxFaults({ sysctl: { "net.x": "1\0" } }), [
    "/linux/sysctl/net.x: must not contain a NUL character",
  ]);
});
