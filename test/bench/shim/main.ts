// tsrun as containerd's shim beside containerd's own with runc, crun and tsrun: `node FILE ROUNDS`, called by
// scripts/shim-lab.sh in a throw-away root with a containerd. Prints medians. The contenders take turns.
// `node FILE crowd PODS EXECS [TITLE...]` measures crowds instead, see crowd.ts.

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeSync } from "node:fs";
import { table } from "../../../scripts/conformance/report.ts";
import { Client } from "../../cri/client.ts";
import { processesWith } from "../../cri/host.ts";
import { IMAGE, Pod } from "../../cri/pod.ts";
import { CONTENDERS, type Contender } from "./contenders.ts";
import { measureCrowds } from "./crowd.ts";
import { median, memoryOf, Processor } from "./measure.ts";

const EXECS = 10;
const GIB_PARTS = 4;

/** Figures by row, of one round or of all. */
type Figures = Map<string, number[]>;

let runs = 0;

async function main(rounds: number): Promise<void> {
  const client = new Client();
  const processor = new Processor(
    Number(readFileSync("/run/containerd.pid", "utf8")),
    `${process.env.LAB_ID}-bench`,
  );
  const all = new Map(CONTENDERS.map(({ title }) => [title, new Map() as Figures]));
  for (let round = 0; round < rounds; round++) {
    for (const contender of CONTENDERS) {
      const figures = all.get(contender.title) ?? new Map<string, number[]>();
      const add = (row: string, value: number): void => {
        figures.set(row, [...(figures.get(row) ?? []), value]);
      };
      await inPod(client, processor, contender, add);
      runWhole(processor, contender, add);
      copyOutput(processor, contender, add);
    }
    writeSync(2, `round ${round + 1} of ${rounds}\n`);
  }
  client.close();
  const rows = [...(all.get(CONTENDERS[0]?.title ?? "")?.keys() ?? [])];
  const lines = rows.map((row) => [
    row,
    ...CONTENDERS.map(({ title }) => median(all.get(title)?.get(row) ?? []).toFixed(2)),
  ]);
  writeSync(1, table(["median", ...CONTENDERS.map(({ title }) => title)], lines));
}

type Add = (row: string, value: number) => void;

/** The shim of a pod with one container and with five, and probes in one of them. */
async function inPod(client: Client, processor: Processor, { handler }: Contender, add: Add): Promise<void> {
  const pod = await new Pod(client, handler).up();
  try {
    const [shim = 0] = processesWith(`-id ${pod.id}`);
    const tell = (containers: string): void => {
      const { privateMiB, pssMiB, threads } = memoryOf(shim);
      add(`${containers}: private MiB`, privateMiB);
      add(`${containers}: PSS MiB`, pssMiB);
      add(`${containers}: threads`, threads);
    };
    const first = await pod.run("c1", ["sleep", "1000"]);
    tell("pod of 1");
    await pod.exec(first, ["true"]);
    const [began, used] = [performance.now(), processor.now()];
    for (let count = 0; count < EXECS; count++) await pod.exec(first, ["true"]);
    add("ExecSync: ms", (performance.now() - began) / EXECS);
    add("ExecSync: ms of processor, shim and runtime", (processor.now() - used) / EXECS);
    for (const name of ["c2", "c3", "c4", "c5"]) await pod.run(name, ["sleep", "1000"]);
    tell("pod of 5");
  } finally {
    await pod.down();
  }
}

function runWhole(processor: Processor, { flags }: Contender, add: Add): void {
  const [began, used] = [performance.now(), processor.now()];
  ctrRun(flags, ["true"]);
  add("ctr run --rm: ms", performance.now() - began);
  add("ctr run --rm: ms of processor, shim and runtime", processor.now() - used);
}

/** What a container prints, on its way to ctr. */
function copyOutput(processor: Processor, { flags }: Contender, add: Add): void {
  const [began, used] = [performance.now(), processor.now()];
  ctrRun(flags, ["dd", "if=/dev/zero", "bs=1M", `count=${1024 / GIB_PARTS}`]);
  add("output: GiB/s", 1000 / GIB_PARTS / (performance.now() - began));
  add("output: s of processor for each GiB, shim and runtime", ((processor.now() - used) * GIB_PARTS) / 1000);
}

function ctrRun(flags: readonly string[], command: readonly string[]): void {
  runs += 1;
  const cgroup = `/${process.env.LAB_ID}/run-${runs}`;
  const words = [
    "-n",
    "k8s.io",
    "run",
    "--rm",
    ...flags,
    "--cgroup",
    cgroup,
    IMAGE,
    `run-${runs}`,
    ...command,
  ];
  const { status, stderr } = spawnSync("ctr", words, { stdio: ["ignore", "ignore", "pipe"] });
  if (status !== 0) throw new Error(`ctr ${words.join(" ")}: ${stderr}`);
}

execFileSync("ctr", ["version"], { stdio: "ignore" });
const [mode = "10", ...words] = process.argv.slice(2);
if (mode === "crowd") await measureCrowds(words);
else await main(Number(mode));
process.exit(0);
