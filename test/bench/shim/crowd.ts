// Many at once, for each shim: pods, and execs in one of them; and what so many execs leave in the shim's
// memory.

import { execFileSync } from "node:child_process";
import { readFileSync, writeSync } from "node:fs";
import { table } from "../../../scripts/conformance/report.ts";
import { Client } from "../../cri/client.ts";
import { processesWith } from "../../cri/host.ts";
import { Pod } from "../../cri/pod.ts";
import { CONTENDERS, type Contender } from "./contenders.ts";
import { memoryOf, Processor } from "./measure.ts";

const AT_ONCE = 100;
/** How many execs run side by side when all of them are counted. */
const SIDE_BY_SIDE = 4;
/** Until then the shim still grows to its size. */
const WARM_UP = 100;
/** Its memory is measured after as many of them, and at the end. */
const MARKS = [1_000, 4_000, 12_000];
/** An exec that takes longer has been lost. */
const EXEC_MS = 60_000;
/** Without a network of their own, whose plugins would take most of the time. */
const ON_HOST = {
  security: { namespace_options: { network: "NODE", pid: "CONTAINER", ipc: "POD" } },
};
const LIMIT_MS = 600_000;

type Add = (row: string, value: number) => void;
type Rows = Map<string, string>;

/** @param words how many pods, how many execs, and parts of the contenders' titles */
export async function measureCrowds([
  pods = "250",
  execs = "24000",
  ...titles
]: readonly string[]): Promise<void> {
  const chosen = CONTENDERS.filter(
    ({ title }) => titles.length === 0 || titles.some((word) => title.endsWith(word)),
  );
  const client = new Client(LIMIT_MS);
  const pid = Number(readFileSync("/run/containerd.pid", "utf8"));
  const processor = new Processor(pid, `${process.env.LAB_ID}-bench`);
  const columns = new Map<string, Rows>();
  for (const contender of chosen) {
    const rows: Rows = new Map();
    columns.set(contender.title, rows);
    const add: Add = (row, value) => {
      rows.set(row, value.toFixed(1));
      writeSync(2, `${contender.title}: ${row}: ${value.toFixed(1)}\n`);
    };
    await manyPods(client, processor, contender, { count: Number(pods), add });
    await manyExecs(client, processor, contender, { count: Number(execs), add });
  }
  client.close();
  const names = [...(columns.get(chosen[0]?.title ?? "")?.keys() ?? [])];
  const lines = names.map((name) => [
    name,
    ...chosen.map(({ title }) => columns.get(title)?.get(name) ?? ""),
  ]);
  writeSync(1, table(["", ...chosen.map(({ title }) => title)], lines));
}

interface Crowd {
  readonly count: number;
  readonly add: Add;
}

/** Pods with one container each, all asked for at the same time. */
async function manyPods(
  client: Client,
  processor: Processor,
  { handler }: Contender,
  { count, add }: Crowd,
): Promise<void> {
  const available = availableMiB();
  const all = Array.from({ length: count }, () => new Pod(client, handler, ON_HOST));
  const tell = (row: string, value: number): void => add(`${count} pods: ${row}`, value);
  try {
    const [began, used] = [performance.now(), processor.now()];
    await Promise.all(
      all.map(async (pod) => {
        await pod.up();
        await pod.run("main", ["sleep", "100000"], ON_HOST);
      }),
    );
    tell("s until all run", (performance.now() - began) / 1000);
    tell("s of processor, shims and runtime", (processor.now() - used) / 1000);
    const memories = processesWith("/containerd-shim-").map(memoryOf);
    tell("private MiB of all shims", sum(memories.map(({ privateMiB }) => privateMiB)));
    tell("PSS MiB of all shims", sum(memories.map(({ pssMiB }) => pssMiB)));
    tell("threads of all shims", sum(memories.map(({ threads }) => threads)));
    tell("MiB less of MemAvailable", available - availableMiB());
    tell(
      "ms of `ctr tasks ls`",
      time(() => execFileSync("ctr", ["-n", "k8s.io", "tasks", "ls"])),
    );
    const listing = performance.now();
    await client.call("ListContainerStats", {});
    tell("ms of ListContainerStats", performance.now() - listing);
  } finally {
    const ending = performance.now();
    await Promise.all(all.map((pod) => pod.down()));
    tell("s until all are removed", (performance.now() - ending) / 1000);
  }
}

async function manyExecs(
  client: Client,
  processor: Processor,
  { handler }: Contender,
  { count, add }: Crowd,
): Promise<void> {
  const pod = await new Pod(client, handler, ON_HOST).up();
  try {
    const [shim = 0] = processesWith(`-id ${pod.id}`);
    const main = await pod.run("main", ["sleep", "100000"], ON_HOST);
    const exec = async (): Promise<void> => {
      const request = { container_id: main, cmd: ["true"], timeout: EXEC_MS / 1000 };
      const { exit_code: code } = await client.call<{ exit_code: number }>("ExecSync", request, EXEC_MS);
      if (code !== 0) throw new Error(`an exec has ended with ${code}`);
    };
    for (let done = 0; done < WARM_UP; done++) await exec();
    const tellMemory = (when: string): void =>
      add(`private KiB of the shim, ${when}`, memoryOf(shim).privateMiB * 1024);
    tellMemory(`after ${WARM_UP} execs`);
    const [began, used] = [performance.now(), processor.now()];
    await Promise.all(Array.from({ length: AT_ONCE }, exec));
    add(`${AT_ONCE} execs at once: ms`, performance.now() - began);
    add(
      `${AT_ONCE} execs at once: ms of processor each, shim and runtime`,
      (processor.now() - used) / AT_ONCE,
    );
    tellMemory("after these");
    const marks = [...MARKS.filter((mark) => mark < count), count];
    const [started, usage] = [performance.now(), [processor.now(), processor.ofContainerd()] as const];
    for (const [index, mark] of marks.entries()) {
      let left = mark - (marks[index - 1] ?? 0);
      const worker = async (): Promise<void> => {
        while (left-- > 0) await exec();
      };
      await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
      tellMemory(`after ${mark} more`);
    }
    const row = `${count} ExecSync, ${SIDE_BY_SIDE} side by side`;
    add(`${row}: s`, (performance.now() - started) / 1000);
    add(`${row}: ms of processor each, shim and runtime`, (processor.now() - usage[0]) / count);
    add(`${row}: ms of processor each, containerd`, (processor.ofContainerd() - usage[1]) / count);
  } finally {
    await pod.down();
  }
}

function time(action: () => void): number {
  const began = performance.now();
  action();
  return performance.now() - began;
}

function availableMiB(): number {
  const text = readFileSync("/proc/meminfo", "utf8");
  return Number(/^MemAvailable:\s+(\d+)/m.exec(text)?.[1]) / 1024;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
