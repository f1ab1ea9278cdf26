// The suites that `make conformance` runs: how each is called, and how its results are parsed. The first and
// some scenarios of the CRI are in this repository, the others are in the folder LAB.

import { joinId, type Outcome, type Outcomes } from "./outcomes.ts";

export interface Part {
  readonly name: string;
  /** The suite of which it is one mode; reasons for all modes are written under this name. */
  readonly suite?: string;
  /** Its name on the page. */
  readonly title: string;
  /** Runs if no parts are given. */
  readonly standard: boolean;
  call(request: CallRequest): Call;
  /** Parses the results of the run, from the file that `call` has named. */
  read(text: string): Outcomes;
}

export interface CallRequest {
  /** A path, or the name of a program of the lab's tree. */
  readonly runtime: string;
  readonly lab: string;
  /** Where the lab's tree is entered. */
  readonly tree: string;
  /** A directory for results. */
  readonly out: string;
  /** The parts of the suite to run; if empty, all of it. */
  readonly only: readonly string[];
}

export interface Call {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The file with its results. */
  readonly results: string;
}

/** The suites' words for outcomes. */
const WORDS: Readonly<Record<string, Outcome>> = {
  ok: "pass",
  pass: "pass",
  "not ok": "fail",
  fail: "fail",
  lost: "fail",
  skip: "skip",
};

/** A scenario's line: its name, the runtime, the time and the outcome; there are other lines. */
const SCENARIO = /^(\w+) +[\w.-]+ +\d+ms (\w+)/;

const runtimeTools: Part = {
  name: "runtime-tools",
  title: "OCI runtime-tools validation",
  standard: true,
  call: ({ runtime, lab, tree, out, only }) => ({
    command: ["scripts/conformance/runtime-tools.sh", runtime, ...only],
    env: { LAB: lab, TREE: tree, OUT: out },
    results: `${out}/results.tsv`,
  }),
  read: (text) => outcomesOf(text, ([name = "", word]) => [name, word]),
};

/** The runtime is the shim, too, as this type. */
const AS_SHIM = { LAB_SHIM: "io.containerd.tsrun.v2" };

const docker = [
  { suffix: "", title: "Docker, containerd, BuildKit, compose", env: {} },
  { suffix: "-shim", title: "Docker, containerd, BuildKit, compose: tsrun as the shim", env: AS_SHIM },
].map(
  ({ suffix, title, env }): Part => ({
    name: `docker-e2e${suffix}`,
    suite: "docker-e2e",
    title,
    standard: suffix === "",
    call: ({ runtime, lab, tree, only }) => ({
      command: [`${lab}/docker-e2e.sh`, runtime, ...(only.length === 0 ? [] : [`^(${only.join("|")})$`])],
      // It is written in the throw-away root, in which little of this machine but the lab is visible.
      env: { LAB_RESULTS: `${tree}/docker-e2e-${process.pid}.tsv`, ...env },
      results: `${tree}/docker-e2e-${process.pid}.tsv`,
    }),
    read: (text) => outcomesOf(text, ([name = "", word]) => [name, word]),
  }),
);

interface Mode {
  readonly suffix: string;
  readonly title: string;
  readonly env: Readonly<Record<string, string>>;
}

const MODES: readonly Mode[] = [
  { suffix: "", title: "root", env: {} },
  { suffix: "-rootless", title: "rootless", env: { ROOTLESS: "1" } },
  ...["idmap", "cgroup", "idmap+cgroup"].map((features) => ({
    suffix: `-rootless-${features.replace("+", "-")}`,
    title: `rootless, ${features.replace("+", " and ")}`,
    env: { ROOTLESS: "1", ROOTLESS_FEATURES: features },
  })),
  { suffix: "-cgroup2", title: "cgroup v2 without controllers", env: { CGROUP2: "1" } },
];

const bats = MODES.map(
  ({ suffix, title, env }): Part => ({
    name: `runc-bats${suffix}`,
    suite: "runc-bats",
    title: `runc's suite: ${title}`,
    standard: suffix === "",
    call: ({ runtime, lab, tree, out, only }) => ({
      command: [`${lab}/runc-bats.sh`, runtime, ...only],
      // Its LAB is the tree.
      env: { LAB: tree, OUT: out, ...env },
      results: `${out}/results.tsv`,
    }),
    read: (text) => outcomesOf(text, ([file = "", number = "", word]) => [joinId(file, number), word]),
  }),
);

const CRI_MODES: readonly Mode[] = [
  { suffix: "", title: "as containerd is set up", env: {} },
  ...["0700", "0711"].map((mode) => ({
    suffix: `-${mode}`,
    title: `containerd's folders with mode ${mode}`,
    env: { DIRS: mode },
  })),
  { suffix: "-unified", title: "cgroup v2 beside v1", env: { UNIFIED: "keep" } },
  { suffix: "-shim", title: "tsrun as the shim", env: AS_SHIM },
];

const cri = CRI_MODES.map(
  ({ suffix, title, env }): Part => ({
    name: `cri${suffix}`,
    suite: "cri",
    title: `CRI: ${title}`,
    standard: suffix === "",
    call: ({ runtime, lab, tree, out, only }) => ({
      command: ["scripts/conformance/cri.sh", runtime, ...only],
      env: { LAB: lab, TREE: tree, OUT: out, ...env },
      results: `${out}/results.txt`,
    }),
    read: readScenarios,
  }),
);

/** In the order of the page. */
export const PARTS: readonly Part[] = [runtimeTools, ...bats, ...docker, ...cri];

/** The parts that these words name; without words, the standard ones. */
export function chooseParts(words: readonly string[]): readonly Part[] {
  if (words.length === 0) return PARTS.filter(({ standard }) => standard);
  if (words.includes("all")) return PARTS;
  const unknown = words.find((word) => !PARTS.some(({ name }) => name === word));
  if (unknown !== undefined) {
    throw new Error(
      `no part is called "${unknown}"; there are: all ${PARTS.map(({ name }) => name).join(" ")}`,
    );
  }
  return PARTS.filter(({ name }) => words.includes(name));
}

function readScenarios(text: string): Outcomes {
  const lines = text.split("\n").flatMap((line) => {
    const [, name = "", word = ""] = SCENARIO.exec(line) ?? [];
    return name === "" ? [] : [[name, WORDS[word.toLowerCase()] ?? "other"] as const];
  });
  return new Map(lines);
}

type Columns = readonly string[];

function outcomesOf(
  text: string,
  read: (columns: Columns) => readonly [string, string | undefined],
): Outcomes {
  const rows = text.split("\n").filter((line) => line !== "");
  return new Map(
    rows.map((row) => {
      const [id, word = ""] = read(row.split("\t"));
      return [id, WORDS[word] ?? "other"];
    }),
  );
}
