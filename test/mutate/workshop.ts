// A copy of the tree in which sources are changed, compiled, built and tested. The checked-out files are
// never touched.

import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { effectiveUid } from "../support/host.ts";
import { removeCgroups } from "./cgroups.ts";
import { applied, type Change } from "./change.ts";
import { run } from "./command.ts";
import type { Suite } from "./topics.ts";
import type { FileResult } from "./trial.ts";

/** Not copied from the top level. */
const LEFT_OUT = [".git", ".tap", "build", "node_modules"];

const TSC = ["node_modules/.bin/tsc", "-p", ".", "--incremental", "--tsBuildInfoFile", "build/.tsbuildinfo"];

export type Outcome =
  | { readonly kind: "compiler"; readonly by: string }
  | { readonly kind: "killed"; readonly by: string; readonly ran: readonly string[] }
  | { readonly kind: "survived"; readonly ran: readonly string[] }
  | { readonly kind: "elsewhere"; readonly needs: string; readonly ran: readonly string[] };

/** Whether a test passes on the unchanged tree; otherwise it proves nothing. */
export type Proof = (name: string) => Promise<boolean>;

/** The time limit of a file: longer than any file takes, even on a busy machine. */
const LIMIT_SECONDS = { unit: 60, endToEnd: 240 };

const ENDED = { passed: false, ms: 0, failure: "the tests themselves were ended", waited: false };

function limitOf(name: string): number {
  return name.startsWith("unit/") ? LIMIT_SECONDS.unit : LIMIT_SECONDS.endToEnd;
}

export interface Attempt {
  readonly proof: Proof;
  /** The test that noticed this change last time; it runs first. */
  readonly likely: string | undefined;
  /** Called as soon as it is known whether the change compiles. */
  readonly decided: (compiles: boolean) => void;
}

interface Part {
  readonly names: readonly string[];
  /** These tests need the executable. */
  readonly isBuilt: boolean;
}

export class Workshop {
  readonly #folder: string;
  readonly #cgroup: string;
  readonly #report: string;

  constructor(number: number) {
    this.#folder = resolve("build/mutate", `${process.pid}-${number}`);
    this.#cgroup = `tsrun-mutate-${process.pid}-${number}`;
    this.#report = join(this.#folder, "build/trial.json");
  }

  /** Copies the tree, and compiles and builds it unchanged. */
  async prepare(): Promise<void> {
    mkdirSync(this.#folder, { recursive: true });
    for (const name of readdirSync(".").filter((one) => !LEFT_OUT.includes(one))) {
      cpSync(name, join(this.#folder, name), {
        recursive: true,
        verbatimSymlinks: true,
        preserveTimestamps: true,
      });
    }
    symlinkSync(resolve("node_modules"), join(this.#folder, "node_modules"));
    for (const step of [await this.#compile(), await this.#build()]) {
      if (step !== "") throw new Error(`the tree as it is does not compile or build: ${step}`);
    }
  }

  async #compile(): Promise<string> {
    const { code, output } = await run(TSC, { cwd: this.#folder });
    return code === 0 ? "" : (/error TS\d+: .*/.exec(output)?.[0] ?? output);
  }

  async #build(): Promise<string> {
    const { code, output } = await run(["node_modules/.bin/bun", "scripts/build.ts"], { cwd: this.#folder });
    return code === 0 ? "" : output.slice(0, 200);
  }

  /** Runs one file on the unchanged tree. */
  async measure(name: string): Promise<FileResult> {
    const [result] = await this.#trial([name]);
    return result ?? { name, ...ENDED };
  }

  /** Makes the change, and finds out which test notices it. */
  async attempt(change: Change, suite: Suite, { proof, likely, decided }: Attempt): Promise<Outcome> {
    const path = join(this.#folder, change.path);
    const source = readFileSync(path, "utf8");
    writeFileSync(path, applied(source, change));
    try {
      const error = await this.#compile();
      decided(error === "");
      if (error !== "") return { kind: "compiler", by: error };
      const isRoot = effectiveUid === 0;
      const needs = isRoot ? suite.lacking : "root";
      const unit = { names: suite.unit, isBuilt: false };
      const reached = needs === undefined ? suite.endToEnd : suite.anyway;
      const endToEnd = { names: isRoot ? reached : [], isBuilt: true };
      const first = [unit, endToEnd].map((part) => ({
        ...part,
        names: part.names.filter((name) => name === likely),
      }));
      return await this.#runParts([...first, unit, endToEnd], proof, needs);
    } finally {
      writeFileSync(path, source);
    }
  }

  async #runParts(parts: readonly Part[], proof: Proof, needs: string | undefined): Promise<Outcome> {
    const ran: string[] = [];
    let isBuilt = false;
    for (const part of parts) {
      for (;;) {
        const names = part.names.filter((name) => !ran.includes(name));
        if (names.length === 0) break;
        if (part.isBuilt && !isBuilt) {
          const fault = await this.#build();
          if (fault !== "") return { kind: "killed", by: `the build: ${fault}`, ran };
          isBuilt = true;
        }
        const results = await this.#trial(names);
        ran.push(...results.map(({ name }) => name));
        const failed = results.find(({ passed }) => !passed);
        if (failed !== undefined && (await proof(failed.name))) {
          return { kind: "killed", by: `${failed.name}: ${failed.failure}`, ran };
        }
      }
    }
    return needs === undefined ? { kind: "survived", ran } : { kind: "elsewhere", needs, ran };
  }

  /** Runs files up to the first that fails. */
  async #trial(names: readonly string[]): Promise<FileResult[]> {
    const files = names.map((name) => `${name}=${limitOf(name)}`);
    rmSync(this.#report, { force: true });
    const trial = [process.execPath, "build/test/mutate/trial.js", this.#report, ...files];
    const confined =
      effectiveUid === 0
        ? ["sh", resolve("test/mutate/confine.sh"), "--aside", this.#cgroup, ...trial]
        : trial;
    const limitSeconds = names.reduce((sum, name) => sum + 2 * limitOf(name), 60);
    const env = { RUNTIME: join(this.#folder, "dist/tsrun"), TMPDIR: "/tmp" };
    await run(confined, { cwd: this.#folder, env, limitSeconds });
    if (effectiveUid === 0) await removeCgroups(this.#cgroup);
    if (existsSync(this.#report)) return JSON.parse(readFileSync(this.#report, "utf8"));
    return [{ name: names[0] ?? "", ...ENDED }];
  }

  async close(): Promise<void> {
    if (effectiveUid === 0) await removeCgroups(this.#cgroup);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
