// The other end of runner.c: asks it to start commands in namespaces of their own, and reads their times.

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { createInterface } from "node:readline";
import type { Cgroups } from "./results.ts";

/** Milliseconds, of the clock and of processors. */
export interface Times {
  readonly wall: number;
  readonly processor: number;
}

export interface Arena {
  /** The folder with the compiled runner, and with `state`, on which a tmpfs is mounted. */
  readonly folder: string;
  readonly cgroups: Cgroups;
  readonly libraries: string;
  readonly mark: string;
}

/** A command that takes so long counts as failed. */
const LIMIT_MS = 60_000;

/** Compiled as tests compile their programs, so that starting a process costs the same everywhere. */
export function compileRunner(folder: string): void {
  const command = ["-static", "-O2", "-Wall", "-Wextra", "-Werror", "-o", `${folder}/runner`];
  const { status, stderr } = spawnSync("musl-gcc", [...command, "test/bench/runner.c"], { encoding: "utf8" });
  if (status !== 0) throw new Error(`cannot compile runner.c: ${stderr}`);
}

/** The command line that runs a command as the first process of an arena. */
function enter({ folder, cgroups, libraries, mark }: Arena, command: readonly string[]): readonly string[] {
  const inside = ["sh", "test/bench/namespaces.sh", folder, cgroups, libraries, mark, ...command];
  return ["--mount", "--propagation", "private", ...inside];
}

/** What a command prints in an arena. */
export function outputOf(arena: Arena, command: readonly string[]): string {
  return spawnSync("unshare", enter(arena, command), { encoding: "utf8" }).stdout;
}

export class Runner {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #answers: AsyncIterator<string>;
  #said = "";

  constructor(arena: Arena) {
    this.#process = spawn("unshare", enter(arena, [`${arena.folder}/runner`]));
    this.#answers = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
    // A runner that has ended reads no more; its missing answer tells that it has ended.
    this.#process.stdin.on("error", () => undefined);
    this.#process.stderr.on("data", (chunk) => {
      this.#said += chunk;
    });
  }

  /** The times of a command. Throws if it fails, since times of failures mean nothing. */
  async call(command: readonly string[], atOnce = 1): Promise<Times> {
    return only(await this.#ask(["calls", String(atOnce), ...command]));
  }

  /** The times of create, start and delete, and of the whole life from create to the end of delete. */
  async live(...words: [folder: string, program: string, state: string, bundle: string, id: string]) {
    const [create, start, remove, all] = await this.#ask(["lives", "1", ...words]);
    if (!create || !start || !remove || !all) throw new Error("the runner tells too little of a life");
    return { create, start, delete: remove, all };
  }

  async liveAtOnce(
    count: number,
    ...words: [folder: string, program: string, state: string, bundle: string, id: string]
  ): Promise<Times> {
    return only(await this.#ask(["lives", String(count), ...words]));
  }

  /** Waits until the process whose pid is in the file has ended. */
  async wait(pidFile: string): Promise<void> {
    await this.#ask(["wait", pidFile]);
  }

  async keepBusy(loops: number): Promise<void> {
    await this.#ask(["busy", String(loops)]);
  }

  /** Ends everything that was started. */
  async end(): Promise<void> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode !== null || signalCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once("close", resolve));
    this.#process.stdin.end();
    await ended;
  }

  async #ask(words: readonly string[]): Promise<Times[]> {
    this.#process.stdin.write(`${words.join("\t")}\n`);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#process.kill("SIGTERM");
        reject(new Error(`${words.join(" ")}: no end after ${LIMIT_MS / 1000} s`));
      }, LIMIT_MS);
    });
    const { value, done } = await Promise.race([this.#answers.next(), late]);
    clearTimeout(timer);
    if (done === true) throw new Error(`the runner has ended: ${this.#said.trim()}`);
    const [verdict = "", ...figures] = String(value).split(" ");
    if (verdict !== "ok") throw new Error(figures.join(" "));
    return figures.flatMap((wall, index) =>
      index % 2 === 0 ? [{ wall: Number(wall), processor: Number(figures[index + 1]) }] : [],
    );
  }
}

function only([times]: readonly Times[]): Times {
  if (times === undefined) throw new Error("the runner tells no times");
  return times;
}
