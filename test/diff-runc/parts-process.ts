// Parts of `process`, and of the settings that a program inherits from the caller.

import { type Maker, type Part, pick, type Random, some } from "./draft.ts";

const CAPABILITIES = [
  ..."CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT".split(
    " ",
  ),
  ..."MKNOD AUDIT_WRITE SETFCAP SYS_ADMIN SYS_PTRACE SYS_NICE SYS_RESOURCE NET_ADMIN BPF".split(" "),
].map((name) => `CAP_${name}`);

const LIMITS = [
  ...["AS", "CORE", "CPU", "DATA", "FSIZE", "LOCKS", "MEMLOCK", "MSGQUEUE", "NICE", "NOFILE", "NPROC", "RSS"],
  ...["RTPRIO", "RTTIME", "SIGPENDING", "STACK"],
];

/** The most that root may set without CAP_SYS_RESOURCE, or less if a program needs less. */
const HIGHEST: Readonly<Record<string, number>> = {
  ...{ NOFILE: 1024, NICE: 0, RTPRIO: 0, STACK: 2 ** 24, CPU: 3600, SIGPENDING: 1000, NPROC: 2000, CORE: 0 },
  ...{ MEMLOCK: 65_536, MSGQUEUE: 8192 },
};

/** Also for the process file of `exec`. */
export const USERS: readonly object[] = [
  { uid: 0, gid: 0 },
  { uid: 0, gid: 0, umask: 0o77 },
  { uid: 0, gid: 5, additionalGids: [0, 10] },
  { uid: 1000, gid: 1000 },
  { uid: 1000, gid: 1000, additionalGids: [7, 5, 7] },
  { uid: 1000, gid: 0, umask: 0o2, additionalGids: [1000] },
  { uid: 4242, gid: 4243, umask: 0 },
  { uid: 1, gid: 65_000, additionalGids: [65_001, 3] },
];

export function capabilitySets(random: Random): Record<string, string[]> {
  const bounding = some(CAPABILITIES, random, 1 + random(3));
  const permitted = some(random(4) === 0 ? CAPABILITIES : bounding, random);
  const sets = {
    bounding,
    permitted,
    effective: some(random(6) === 0 ? CAPABILITIES : permitted, random, 1 + random(2)),
    inheritable: random(3) === 0 ? some(permitted, random) : [],
    ambient: random(3) === 0 ? some(permitted, random) : [],
  };
  if (random(8) === 0) sets.bounding.push("CAP_UNKNOWN");
  // Without these capabilities a process cannot write its report to another user's directory.
  const kept = Object.entries(sets).filter(([, names]) => names.length > 0 || random(2) === 0);
  return Object.fromEntries(kept);
}

export function rlimits(random: Random): { type: string; soft: number; hard: number }[] {
  return some(LIMITS, random, 5).map((name) => {
    const most = HIGHEST[name] ?? 2 ** 33;
    const hard = random(30) === 0 ? 2 ** 40 : most - (most > 2 ? random(2) : 0);
    return { type: `RLIMIT_${name}`, soft: pick([Math.ceil(hard * 0.75), hard], random), hard };
  });
}

const ENVIRONMENTS: readonly string[][] = [
  [],
  ["A=1", "B=2", "A=3"],
  ["HOME=/tmp", "PATH=/bin"],
  ["HOME="],
  ["PATH=/bin:/usr/bin", "PATH=/bin", "EMPTY=", "EQUALS==x=y"],
  ["LANG=C", "TERM=dumb", "SPACE=a b", "UTF=é€"],
  ["X=1", "X=1", "Y=2", "X=2", "Z=", "Y="],
];

const DIRECTORIES = ["/", "/tmp", "/var/data", "/not/there", "/link-tmp", "/var/data/../data/.", "/root"];

const SCHEDULERS: readonly object[] = [
  { policy: "SCHED_OTHER", nice: 5 },
  { policy: "SCHED_OTHER", nice: -5 },
  { policy: "SCHED_BATCH", nice: 19 },
  { policy: "SCHED_IDLE" },
  { policy: "SCHED_BATCH", nice: 0, flags: ["SCHED_FLAG_RESET_ON_FORK"] },
  { policy: "SCHED_FIFO", priority: 3 },
  { policy: "SCHED_RR", priority: 10 },
];

function process(name: string, value: object): Part {
  return {
    name: `process ${name} ${JSON.stringify(value)}`,
    apply: ({ config }) => Object.assign(config.process, value),
  };
}

export const PROCESS: readonly Maker[] = [
  (random) => process("user", { user: pick(USERS, random) }),
  (random) => process("capabilities", { capabilities: capabilitySets(random) }),
  (random) => process("rlimits", { rlimits: rlimits(random) }),
  (random) => process("privileges", { noNewPrivileges: random(2) === 0 }),
  (random) => process("oom", { oomScoreAdj: pick([0, 1, -1, 500, 1000, -1000], random) }),
  (random) => process("environment", { env: pick(ENVIRONMENTS, random) }),
  (random) => process("cwd", { cwd: pick(DIRECTORIES, random) }),
  (random) => process("scheduler", { scheduler: pick(SCHEDULERS, random) }),
  (random) => {
    const name = pick(["IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE", "IOPRIO_CLASS_RT"], random);
    return process("io priority", { ioPriority: { class: name, priority: random(8) } });
  },
  (random) => process("affinity", { execCPUAffinity: pick([{ initial: "0" }, { final: "1" }], random) }),
  (random) => {
    const size = { consoleSize: { height: 20 + random(20), width: 70 + random(30) } };
    const sized = random(2) === 0;
    return {
      name: `terminal${sized ? ` ${JSON.stringify(size)}` : ""}`,
      apply: (draft) => {
        if (draft.way === "run") return;
        Object.assign(draft.config.process, { terminal: true, ...(sized ? size : {}) });
      },
    };
  },
];
