// Parts of `linux`, hooks and other members of a configuration.

import type { HookKind, SeccompRule } from "../support/config.ts";
import {
  type Draft,
  MAPPED,
  type Maker,
  NAMESPACES,
  OUT,
  type Part,
  PROBE,
  pick,
  type Random,
  some,
} from "./draft.ts";

function linux(name: string, value: object): Part {
  return {
    name: `${name} ${JSON.stringify(value)}`,
    apply: ({ config }) => Object.assign(config.linux, value),
  };
}

function without(draft: Draft, type: string): void {
  const { linux } = draft.config;
  linux.namespaces = linux.namespaces.filter((one) => one.type !== type);
}

function noNamespace(random: Random): Part {
  const type = pick(["pid", "network", "ipc", "uts", "uts", "mount"], random);
  return {
    name: `no ${type} namespace`,
    apply: (draft) => {
      without(draft, type);
      if (type === "uts") delete draft.config.hostname;
      if (type !== "ipc") return;
      // Of the host's it would need a mount of its own.
      draft.config.mounts = draft.config.mounts.filter((one) => one.type !== "mqueue");
    },
  };
}

/** The option of unshare(1), and the file in /proc. */
const KINDS = {
  network: "net",
  ipc: "ipc",
  uts: "uts",
  cgroup: "cgroup",
  time: "time",
  pid: "pid",
  user: "user",
};

/** Writes the maps itself, since newuidmap(1) gives root only the ids in /etc/subuid. */
function mappedHolder(path: string): string {
  return `unshare --user ${PROBE} pause &
until [ "$(readlink /proc/$!/exe)" = ${PROBE} ]; do :; done
for kind in uid gid; do echo "0 ${MAPPED} 65536" >"/proc/$!/$kind"_map; done
mount --bind /proc/$!/ns/user "${path}"`;
}

function joined(random: Random): Part {
  const type = pick(Object.keys(KINDS) as (keyof typeof KINDS)[], random);
  const kind = KINDS[type];
  const own = random(5) === 0 && type !== "user";
  const path = own ? `/proc/1/ns/${kind}` : `${NAMESPACES}/${type}`;
  const holder =
    type === "pid"
      ? `unshare --fork --kill-child --pid="${path}" ${PROBE} pause &
while kill -0 $! && ! mountpoint -q "${path}"; do :; done`
      : type === "user"
        ? mappedHolder(path)
        : `unshare --${kind}="${path}" true`;
  return {
    name: `join ${path}`,
    apply: (draft) => {
      without(draft, type);
      draft.config.linux.namespaces.push({ type, path });
      if (!own) draft.host.push(`touch "${path}"`, holder);
    },
  };
}

function user(random: Random): Part {
  const size = pick([65_536, 2000, 70_000], random);
  const split = random(4) === 0;
  const owned = random(6) !== 0;
  return {
    name: `user namespace of ${size}${split ? " in two ranges" : ""}${owned ? "" : ", rootfs not its own"}`,
    apply: (draft) => {
      without(draft, "user");
      draft.config.linux.namespaces.push({ type: "user" });
      const whole = [{ containerID: 0, hostID: MAPPED, size }];
      const ranges = [
        { containerID: 0, hostID: MAPPED, size: 1 },
        { containerID: 1, hostID: MAPPED + 1, size: size - 1 },
      ];
      draft.config.linux.uidMappings = split ? ranges : whole;
      draft.config.linux.gidMappings = whole;
      if (owned) draft.host.push(`chown -hR ${MAPPED}:${MAPPED} "$BUNDLE/rootfs"`);
    },
  };
}

function more(random: Random): Part {
  const type = pick(["cgroup", "time"], random);
  const timeOffsets = { monotonic: { secs: 1000 + random(5), nanosecs: random(3) }, boottime: { secs: 42 } };
  return {
    name: `${type} namespace`,
    apply: (draft) => {
      without(draft, type);
      draft.config.linux.namespaces.push({ type });
      if (type === "time") draft.config.linux.timeOffsets = timeOffsets;
    },
  };
}

export const NAMESPACE_PARTS: readonly Maker[] = [noNamespace, noNamespace, joined, user, user, more];

const HIDDEN = [
  ..."/proc/kcore /proc/keys /proc/timer_list /proc/scsi /sys/firmware /proc/acpi /tmp /target-file".split(
    " ",
  ),
  ..."/not/there /var/data /link-tmp /link-file /dev/null /proc/sysrq-trigger /var/../tmp /proc/bus".split(
    " ",
  ),
];

const DEVICES = [
  { type: "c", path: "/dev/fuse", major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0 },
  { type: "c", path: "/dev/kmsg", major: 1, minor: 11 },
  { type: "b", path: "/dev/loop9", major: 7, minor: 9, fileMode: 0o660, uid: 1000, gid: 6 },
  { type: "p", path: "/dev/pipe", fileMode: 0o600 },
  { type: "c", path: "/dev/sub/tun", major: 10, minor: 200, fileMode: 0o600, uid: 5 },
  { type: "u", path: "/dev/unbuffered", major: 1, minor: 5, fileMode: 0o4755 },
  { type: "c", path: "/dev/null", major: 1, minor: 3, fileMode: 0o600, uid: 7, gid: 7 },
  { type: "c", path: "/tmp/zero", major: 1, minor: 5, fileMode: 0o444 },
];

const SYSCTLS: readonly Record<string, string>[] = [
  { "net.ipv4.ip_unprivileged_port_start": "0", "net.core.somaxconn": "128" },
  { "kernel.msgmax": "4096", "kernel.sem": "250 32000 32 128" },
  { "fs.mqueue.msg_max": "20" },
  { "kernel.domainname": "by-sysctl" },
  { "net/ipv4/ip_forward": "1", "net.ipv4.ping_group_range": "0 10" },
  { "kernel.shm_rmid_forced": "1" },
];

/** Only calls that every libseccomp knows. */
const CALLS = [
  ..."mkdir chmod personality sethostname mount unshare socket getpriority times sysinfo clone3 bpf".split(
    " ",
  ),
  ..."openat2 keyctl ptrace chroot io_uring_setup kcmp pivot_root not_a_call".split(" "),
];

/**
 * Calls that runc's init does not make: if one of its threads is killed, the others stay, and runc waits for
 * ever.
 */
const CALLS_OF_NOBODY = "times kcmp pivot_root io_uring_setup ptrace".split(" ");

function rule(random: Random): SeccompRule {
  const action = pick(
    ["ERRNO", "ERRNO", "KILL_THREAD", "KILL_PROCESS", "TRAP", "LOG", "ALLOW", "TRACE", "KILL"],
    random,
  );
  const ofThread = action === "KILL" || action === "KILL_THREAD";
  const names = some(ofThread ? CALLS_OF_NOBODY : CALLS, random, ofThread ? 2 : 6);
  if (names.length === 0) names.push("pivot_root");
  const errnoRet = random(2) === 0 ? { errnoRet: pick([0, 1, 38, 99], random) } : {};
  const value = pick([0, 1, 2, 8, 40], random);
  const op = pick(["EQ", "NE", "LE", "LT", "GE", "GT", "MASKED_EQ"], random);
  const args =
    random(3) === 0 ? { args: [{ index: random(3), value, valueTwo: random(9), op: `SCMP_CMP_${op}` }] } : {};
  return {
    names,
    action: `SCMP_ACT_${action}`,
    ...(action === "ERRNO" || action === "TRACE" ? errnoRet : {}),
    ...args,
  };
}

function seccomp(random: Random): Part {
  const architectures = pick(
    [undefined, ["SCMP_ARCH_X86_64"], ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]],
    random,
  );
  const flags = pick(
    [undefined, [], ["SECCOMP_FILTER_FLAG_LOG"], ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]],
    random,
  );
  const value = {
    defaultAction: pick(["SCMP_ACT_ALLOW", "SCMP_ACT_ALLOW", "SCMP_ACT_LOG"], random),
    ...(architectures === undefined ? {} : { architectures }),
    ...(flags === undefined ? {} : { flags }),
    syscalls: Array.from({ length: 1 + random(3) }, () => rule(random)),
  };
  return linux("seccomp", { seccomp: value });
}

const RESOURCES: readonly object[] = [
  { memory: { limit: 67_108_864 } },
  { memory: { limit: 67_108_864, swap: 134_217_728, reservation: 33_554_432 } },
  { memory: { limit: 134_217_728, swap: -1, swappiness: 10, disableOOMKiller: true } },
  { memory: { limit: -1, reservation: 33_554_432 } },
  { cpu: { shares: 512, quota: 50_000, period: 100_000 } },
  { cpu: { shares: 2, cpus: "0", mems: "0" } },
  { cpu: { quota: -1, period: 50_000 } },
  { cpu: { cpus: "0-1", burst: 1000, quota: 10_000, period: 20_000 } },
  { cpu: { idle: 1 } },
  { pids: { limit: 200 } },
  { pids: { limit: -1 } },
  { blockIO: { throttleReadBpsDevice: [{ major: 7, minor: 0, rate: 1_048_576 }] } },
  { blockIO: { throttleWriteIOPSDevice: [{ major: 7, minor: 1, rate: 100 }] } },
  { devices: [{ allow: false, access: "rwm" }] },
  {
    devices: [
      { allow: false, access: "rwm" },
      { allow: true, type: "c", major: 10, minor: 229, access: "rw" },
    ],
  },
  {
    devices: [
      { allow: false, access: "rwm" },
      { allow: true, type: "b", access: "m" },
    ],
  },
  { devices: [{ allow: true, access: "rwm" }] },
  {
    devices: [
      { allow: true, type: "c", major: 1, minor: 11, access: "r" },
      { allow: true, type: "b", major: 7, access: "rwm" },
    ],
  },
  {
    devices: [
      { allow: true, access: "rwm" },
      { allow: false, type: "b", major: 7, minor: 1, access: "w" },
    ],
  },
  { unified: { "cgroup.max.depth": "5" } },
  {},
];

const PATHS = ["/box", "/deep/er/box", "box", "relative/box", "/deep//er/./box/", "", "/../box"];

const HOOKS: readonly HookKind[] = [
  ...(["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"] as const),
];

function hook(random: Random): Part {
  const kind = pick(HOOKS, random);
  const inside = kind === "startContainer";
  const mark = random(1000);
  // The two runtimes treat a failure after the start differently.
  const failing = random(12) === 0 && kind !== "poststart" ? ["exit", "3"] : [];
  const env = pick([undefined, [], ["A=1", "A=2", "B=3"], ["PATH=/x", "HOME=/h"]], random);
  const name = `hook-${kind}-${mark}`;
  const args = [
    pick(["probe", "other"], random),
    "report",
    `${inside ? "/out" : OUT}/${name}`,
    "stdin",
    ...failing,
  ];
  const timeout = random(3) === 0 ? { timeout: 20 } : {};
  const value = {
    path: inside ? "/bin/probe" : PROBE,
    args,
    ...(env === undefined ? {} : { env }),
    ...timeout,
  };
  return {
    name: `hook ${kind} ${JSON.stringify(value)}`,
    apply: ({ config }) => {
      config.hooks ??= {};
      config.hooks[kind] = [...(config.hooks[kind] ?? []), value];
    },
  };
}

export const LINUX: readonly Maker[] = [
  ...[hook, hook, hook, seccomp, seccomp],
  (random) => linux("masked", { maskedPaths: some(HIDDEN, random, 3) }),
  (random) => linux("readonly", { readonlyPaths: some(HIDDEN, random, 3) }),
  (random) => linux("devices", { devices: some(DEVICES, random, 3) }),
  (random) => linux("sysctl", { sysctl: pick(SYSCTLS, random) }),
  (random) => linux("personality", { personality: { domain: pick(["LINUX", "LINUX32"], random) } }),
  (random) => linux("cgroup", { cgroupsPath: pick(PATHS, random) }),
  (random) => {
    const resources = Object.assign(
      {},
      ...Array.from({ length: 1 + random(3) }, () => pick(RESOURCES, random)),
    );
    return linux("resources", { resources });
  },
  (random) => {
    const names = pick(
      [{ hostname: "other" }, { domainname: "domain" }, { hostname: "" }, { domainname: "a.b" }],
      random,
    );
    return { name: JSON.stringify(names), apply: ({ config }) => Object.assign(config, names) };
  },
  (random) => {
    const annotations = pick([{}, { a: "1", "b.c": "" }, { "org.example/x": "é" }], random);
    return {
      name: `annotations ${JSON.stringify(annotations)}`,
      apply: ({ config }) => Object.assign(config, { annotations }),
    };
  },
];
