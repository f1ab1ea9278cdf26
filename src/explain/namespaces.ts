// The namespaces of a container in words: which are new, and what each hides. Pure.

import { type Join, NAMESPACE_KINDS, type NamespaceKind, type NamespacePlan } from "../namespaces/plan.ts";
import { childPointer } from "../spec/json-positions.ts";
import type { IDMapping, Spec } from "../spec/types.ts";
import type { ExplainedPlan, Row, Section } from "./model.ts";

interface Words {
  /** The text for a new namespace. */
  readonly own: string;
  /** The text without one. */
  readonly shared: string;
}

const WORDS: Readonly<Record<NamespaceKind, Words>> = {
  user: {
    own: "users and groups have other numbers outside: root inside is another user there",
    shared: "users are those of the host: root inside is root, as far as capabilities allow",
  },
  ipc: {
    own: "shared memory, semaphores and message queues of others are hidden",
    shared: "shares memory segments, semaphores and message queues with the host",
  },
  uts: {
    own: "a host name of its own; that of the host is hidden",
    shared: "has the host's name, and could change it",
  },
  network: {
    own: "the host's interfaces, addresses, routes and ports are hidden; at first there is only loopback",
    shared: "uses the host's network: its interfaces, addresses and ports",
  },
  pid: {
    own: "other processes are hidden; its first process is number 1, and when that ends all end",
    shared: "sees the processes of the host, by their numbers",
  },
  cgroup: {
    own: "its own control group looks like the topmost one; those around it are hidden",
    shared: "sees where in the host's tree of control groups it is",
  },
  time: {
    own: "clocks that count from boot are its own, and can differ from the host's",
    shared: "clocks are those of the host",
  },
  mount: {
    own: "a tree of mounts of its own: the host's files are hidden, but for what is mounted below",
    shared: "works in the host's tree of mounts: only the change of root hides the host's files",
  },
};

export function describeNamespaces({ namespaces, bundle }: ExplainedPlan): Section[] {
  return [overview(namespaces, bundle.spec), ...idMaps(namespaces), ...clocks(namespaces)];
}

const NAMESPACES = "/linux/namespaces";

function overview(plan: NamespacePlan, { linux }: Spec): Section {
  const asked = linux?.namespaces ?? [];
  return {
    topic: "namespaces",
    title: "Namespaces: what it sees",
    pointer: NAMESPACES,
    text: [
      "A namespace is a view of one part of the system. A process in a new namespace sees only what " +
        "belongs to it; without a new one, it sees what the host sees. The first process is born into " +
        "these, in this order:",
    ],
    table: {
      columns: [
        ["namespace", "NAMESPACE"],
        ["from", "FROM"],
        ["effect", "WHAT IT MEANS"],
      ],
      rows: NAMESPACE_KINDS.map((kind) => {
        const index = asked.findIndex(({ type }) => type === kind);
        const pointer = index < 0 ? NAMESPACES : childPointer(NAMESPACES, index);
        return { ...namespaceRow(plan, kind), pointer };
      }),
    },
  };
}

function namespaceRow({ created, joins }: NamespacePlan, kind: NamespaceKind): Row {
  const { own, shared } = WORDS[kind];
  if (created.has(kind)) return { namespace: kind, from: "new", effect: own };
  const join = joins.find((one) => one.kind === kind);
  if (join === undefined) return { namespace: kind, from: "host", effect: shared };
  return { namespace: kind, from: "joined", effect: joined(join) };
}

function joined({ path }: Join): string {
  return `shared with whoever else is in "${path}"`;
}

function idMaps({ uidMappings, gidMappings }: NamespacePlan): Section[] {
  if (uidMappings.length + gidMappings.length === 0) return [];
  return [
    {
      topic: "ids",
      title: "Users: who is who outside",
      text: [
        "Written to /proc/PID/uid_map and gid_map. Owners of files, and the user of the process as seen " +
          "from outside, have the number on the right. An id without a line does not exist inside.",
      ],
      table: {
        columns: [
          ["kind", "IDS OF"],
          ["inside", "INSIDE"],
          ["outside", "OUTSIDE"],
        ],
        rows: [
          ...uidMappings.map((one, index) => idRow("users", one, `/linux/uidMappings/${index}`)),
          ...gidMappings.map((one, index) => idRow("groups", one, `/linux/gidMappings/${index}`)),
        ],
      },
    },
  ];
}

function idRow(kind: string, { containerID, hostID, size }: IDMapping, pointer: string): Row {
  return { kind, inside: range(containerID, size), outside: range(hostID, size), pointer };
}

function range(first: number, size: number): string {
  return size === 1 ? `${first}` : `${first} to ${first + size - 1}`;
}

function clocks({ timeOffsets }: NamespacePlan): Section[] {
  if (timeOffsets.length === 0) return [];
  return [
    {
      topic: "clocks",
      title: "Clocks: how far apart",
      text: ["Written to /proc/PID/timens_offsets before anything runs in the new time namespace."],
      table: {
        columns: [
          ["clock", "CLOCK"],
          ["offset", "AHEAD OF THE HOST'S BY"],
        ],
        rows: timeOffsets.map((line) => {
          const [clock = "", seconds = "0", nanoseconds = "0"] = line.split(" ");
          return { clock, offset: `${seconds} s ${nanoseconds} ns`, pointer: `/linux/timeOffsets/${clock}` };
        }),
      },
    },
  ];
}
