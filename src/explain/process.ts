// The container's process in words: its isolation, its limits, the privileges that it gives up, and the
// program that it executes. Pure.

import { CAPABILITY_NAMES } from "../linux/numbers/capabilities.ts";
import { RLIM_INFINITY } from "../linux/numbers/rlimits.ts";
import { capabilityNames } from "../process/capabilities.ts";
import type { ProcessPlan } from "../process/plan.ts";
import { childPointer } from "../spec/json-positions.ts";
import type { Capabilities } from "../spec/types.ts";
import { CAPABILITY_WORDS } from "./capabilities.ts";
import {
  counted,
  type ExplainedPlan,
  entryPointers,
  inUnits,
  type Row,
  type Section,
  shellWords,
} from "./model.ts";

/** `create` sets these while the host's /proc can still be reached. */
export function describeApart({ process, bundle, namespaces }: ExplainedPlan): Section[] {
  const sysctl = Object.entries(bundle.spec.linux?.sysctl ?? {});
  const rows: Row[] = [
    { step: "session", effect: "a new one: no terminal of the caller can send it signals" },
    ...(process.newKeyring
      ? [{ step: "keyring", effect: `a session keyring "_ses.${process.id}": the caller's keys are hidden` }]
      : [{ step: "keyring", effect: "the caller's session keyring is kept (--no-new-keyring)" }]),
    ...oomRow(process),
    ...(namespaces.created.has("network")
      ? [{ step: "loopback", effect: "switched on: 127.0.0.1, ::1" }]
      : []),
    ...sysctl.map(([name, value]) => ({
      step: `sysctl ${name}`,
      effect: `set to "${value}", for its namespaces only`,
      pointer: childPointer("/linux/sysctl", name),
    })),
  ];
  return [
    {
      topic: "apart",
      title: "Apart from the caller",
      text: ["What the first process does not inherit from the caller of tsrun."],
      table: {
        columns: [
          ["step", "WHAT"],
          ["effect", "BECOMES"],
        ],
        rows,
      },
    },
  ];
}

function oomRow({ oomScoreAdj }: ProcessPlan): Row[] {
  if (oomScoreAdj === undefined) return [];
  const tendency =
    oomScoreAdj === 0 ? "like any other" : oomScoreAdj > 0 ? "sooner than others" : "later than others";
  return [
    {
      step: "oom_score_adj",
      effect: `${oomScoreAdj}: when memory runs out, it is killed ${tendency}`,
      pointer: "/process/oomScoreAdj",
    },
  ];
}

const RLIMIT_WORDS: Readonly<Record<string, string>> = {
  RLIMIT_AS: "address space",
  RLIMIT_CORE: "size of a core dump",
  RLIMIT_CPU: "processor time, seconds",
  RLIMIT_DATA: "data of the program",
  RLIMIT_FSIZE: "size of a file that it writes",
  RLIMIT_LOCKS: "file locks",
  RLIMIT_MEMLOCK: "memory kept from being swapped out",
  RLIMIT_MSGQUEUE: "bytes in message queues",
  RLIMIT_NICE: "highest priority, 20 minus the nice value",
  RLIMIT_NOFILE: "open files",
  RLIMIT_NPROC: "processes of the user",
  RLIMIT_RSS: "memory in use; ignored by the kernel",
  RLIMIT_RTPRIO: "highest realtime priority",
  RLIMIT_RTTIME: "realtime without a pause, µs",
  RLIMIT_SIGPENDING: "signals that wait",
  RLIMIT_STACK: "stack",
};

const BYTES = new Set(
  ["AS", "CORE", "DATA", "FSIZE", "MEMLOCK", "MSGQUEUE", "RSS", "STACK"].map((name) => `RLIMIT_${name}`),
);

export function describeRlimits({ process }: ExplainedPlan): Section[] {
  if (process.rlimits.length === 0) return [];
  return [
    {
      topic: "rlimits",
      pointer: "/process/rlimits",
      title: "Limits of each process",
      text: [
        "Set with prlimit(2), and inherited by all that it starts. A process may raise the soft limit up " +
          "to the hard one.",
      ],
      table: {
        columns: [
          ["name", "LIMIT"],
          ["soft", "SOFT"],
          ["hard", "HARD"],
          ["what", "OF"],
        ],
        rows: process.rlimits.map(({ name, soft, hard }, index) => ({
          name,
          soft: rlimit(name, soft),
          hard: rlimit(name, hard),
          what: RLIMIT_WORDS[name] ?? "",
          pointer: `/process/rlimits/${index}`,
        })),
      },
    },
  ];
}

function rlimit(name: string, value: bigint): string {
  if (value === RLIM_INFINITY) return "unlimited";
  const units = BYTES.has(name) ? inUnits(Number(value)) : undefined;
  return units === undefined ? `${value}` : `${value} (${units})`;
}

/** After this no privileged action is possible. */
export function describePrivileges(plan: ExplainedPlan): Section[] {
  return [identity(plan), ...capabilities(plan)];
}

function identity({ process, bundle }: ExplainedPlan): Section {
  const { user, umask, keepsGroups, noNewPrivileges, apparmorProfile, selinuxLabel } = process;
  const set = user.additionalGids.length === 0 ? "no further groups" : user.additionalGids.join(", ");
  const groups = keepsGroups ? "those of the caller" : set;
  const at = (member: string) => ({ pointer: `/process/${member}` });
  const rows: Row[] = [
    { what: "user", becomes: `${user.uid}${user.uid === 0 ? ", root inside" : ""}`, ...at("user/uid") },
    { what: "group", becomes: `${user.gid}`, ...at("user/gid") },
    { what: "further groups", becomes: groups, ...at("user/additionalGids") },
    {
      what: "umask",
      becomes: `0${umask.toString(8)}: removed from the permissions of files that it makes`,
      ...at("user/umask"),
    },
    {
      what: "no_new_privs",
      becomes: noNewPrivileges
        ? "set: no program that it runs gives it more rights, not even a set-user-ID program"
        : "not set: set-user-ID programs can give it rights that it does not have",
      ...at("noNewPrivileges"),
    },
    ...(apparmorProfile === undefined
      ? []
      : [{ what: "AppArmor", becomes: `profile "${apparmorProfile}"`, ...at("apparmorProfile") }]),
    ...(selinuxLabel === undefined
      ? []
      : [{ what: "SELinux", becomes: `label "${selinuxLabel}"`, ...at("selinuxLabel") }]),
    ...schedulingRows(process),
  ];
  const mapped = bundle.spec.linux?.uidMappings === undefined ? "" : " The numbers are those inside.";
  return {
    topic: "identity",
    title: "Who it is",
    text: [
      `Until now the process had all rights of tsrun, so that it could be set up. Now it becomes:${mapped}`,
    ],
    table: {
      columns: [
        ["what", "WHAT"],
        ["becomes", "BECOMES"],
      ],
      rows,
    },
  };
}

function schedulingRows({ scheduling }: ProcessPlan): Row[] {
  const { scheduler, ioPriority, personality, memoryPolicy } = scheduling;
  const rows: Row[] = [];
  if (scheduler !== undefined) {
    const { policy, nice = 0, priority = 0 } = scheduler;
    const becomes = `${policy}, nice ${nice}, priority ${priority}`;
    rows.push({ what: "scheduler", becomes, pointer: "/process/scheduler" });
  }
  if (ioPriority !== undefined) {
    const { class: name, priority = 0 } = ioPriority;
    rows.push({
      what: "disk priority",
      becomes: `${name} ${priority}`,
      pointer: "/process/ioPriority",
    });
  }
  if (personality !== undefined) {
    rows.push({ what: "personality", becomes: personality.domain, pointer: "/linux/personality" });
  }
  if (memoryPolicy !== undefined) {
    const becomes = `${memoryPolicy.mode} ${memoryPolicy.nodes ?? ""}`.trim();
    rows.push({ what: "memory policy", becomes, pointer: "/linux/memoryPolicy" });
  }
  return rows;
}

/** Two sections: the capabilities that it keeps, with their sets, and those that it loses. */
function capabilities({ process, bundle }: ExplainedPlan): Section[] {
  const { capabilities: masks } = process;
  const asked = bundle.spec.process?.capabilities ?? {};
  const sets = Object.entries(masks).map(([set, mask]) => [set, new Set(capabilityNames(mask))] as const);
  const kept = CAPABILITY_NAMES.filter((name) => sets.some(([, names]) => names.has(name)));
  const dropped = CAPABILITY_NAMES.filter((name) => !kept.includes(name));
  return [
    {
      topic: "capabilities",
      pointer: CAPABILITIES,
      title: `Capabilities: ${kept.length} of root's ${CAPABILITY_NAMES.length} rights are kept`,
      text: [
        "What root may do is divided into capabilities. Effective ones can be used, permitted ones made " +
          "effective; the bounding set is the most that any program can get back; inheritable and ambient " +
          "ones are passed on to the programs that it runs.",
      ],
      table: {
        columns: [
          ["name", "KEPT"],
          ["allows", "ALLOWS TO"],
          ["sets", "IN THE SETS"],
        ],
        rows: kept.map((name) => ({
          name,
          allows: CAPABILITY_WORDS[name],
          sets: sets.flatMap(([set, names]) => (names.has(name) ? [set] : [])).join(", "),
          pointer: capabilityPointer(asked, name),
        })),
      },
    },
    {
      topic: "dropped-capabilities",
      pointer: CAPABILITIES,
      title: `Capabilities: ${dropped.length} are dropped`,
      text: [
        dropped.length === 0
          ? "None: it has every privilege there is."
          : "process.capabilities of config.json does not list them. They are gone for good, also for " +
            "programs that it runs, whatever user it becomes.",
      ],
      table: {
        columns: [
          ["name", "DROPPED"],
          ["allows", "SO IT CANNOT"],
        ],
        rows: dropped.map((name) => ({ name, allows: CAPABILITY_WORDS[name], pointer: CAPABILITIES })),
      },
    },
  ];
}

const CAPABILITIES = "/process/capabilities";

/** Points to the entry in the first set that has the capability. */
function capabilityPointer(asked: Capabilities, name: string): string {
  const [set, names] = Object.entries(asked).find(([, entries]) => entries.includes(name)) ?? [];
  return set === undefined ? CAPABILITIES : `${CAPABILITIES}/${set}/${names?.indexOf(name as never)}`;
}

/** The last step: the program that `start` executes. */
export function describeCommand({ process, bundle, options }: ExplainedPlan): Section[] {
  const [program = ""] = process.args;
  const found = program.includes("/") ? "" : " It is looked up in PATH, inside the container.";
  const home = process.environment.needsHome ? " HOME is added from the container's /etc/passwd." : "";
  const terminal =
    bundle.spec.process?.terminal === true
      ? "Its standard streams are a new terminal in its own /dev/pts."
      : "Its standard streams are those that tsrun was called with.";
  const inherited =
    options.preserveFds === 0
      ? "Every other descriptor is closed."
      : `It also keeps ${counted(options.preserveFds, "descriptor")} from 3 on; every other one is closed.`;
  return [
    {
      topic: "command",
      title: "The command",
      text: [
        `The process now waits for "start". Then it becomes, by execve(2): ${shellWords(process.args)}`,
        `It starts in "${process.cwd}".${found} ${terminal} ${inherited}${home}`,
      ],
      pointer: "/process",
      facts: [
        { name: "program", value: shellWords(process.args), pointer: "/process/args" },
        { name: "directory", value: process.cwd, pointer: "/process/cwd" },
        {
          name: "terminal",
          value: bundle.spec.process?.terminal === true ? "a new one" : "none of its own",
          pointer: "/process/terminal",
        },
      ],
      ...environmentTable(process.environment.entries, bundle.spec.process?.env),
    },
  ];
}

function environmentTable(entries: readonly string[], asked: readonly string[] = []): Pick<Section, "table"> {
  if (entries.length === 0) return {};
  const pointerOf = entryPointers("/process/env", asked);
  const rows = entries.map((entry) => {
    const equals = entry.indexOf("=");
    return {
      name: entry.slice(0, equals),
      value: entry.slice(equals + 1),
      pointer: pointerOf(entry),
    };
  });
  return {
    table: {
      columns: [
        ["name", "VARIABLE"],
        ["value", "VALUE"],
      ],
      rows,
    },
  };
}
