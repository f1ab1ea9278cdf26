// A container of a test: its bundle, and the runtime's commands on it. Made by a Lab, which also cleans it
// up.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { baseConfig, type Config } from "./config.ts";
import type { Lab } from "./lab.ts";
import { nameOf } from "./proc.ts";
import { makeRootfs } from "./rootfs.ts";
import type { InvokeOptions, Result } from "./runtime.ts";
import { until } from "./wait.ts";

export type CallOptions = Partial<Omit<InvokeOptions, "scratch">> & {
  /** Flags between the command and the id. */
  readonly flags?: readonly string[];
  /** Flags before the command. */
  readonly globals?: readonly string[];
};

export interface StateDocument {
  readonly ociVersion: string;
  readonly id: string;
  readonly pid: number;
  readonly status: string;
  readonly bundle: string;
  readonly rootfs: string;
  readonly created: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

export class Container {
  readonly lab: Lab;
  readonly id: string;
  readonly bundle: string;
  readonly rootfs: string;
  readonly config: Config;
  #created: Result | undefined;

  constructor(lab: Lab, id: string, edit?: (config: Config) => void) {
    this.lab = lab;
    this.id = id;
    this.bundle = join(lab.folder, `bundle-${id}`);
    this.rootfs = join(this.bundle, "rootfs");
    mkdirSync(this.bundle, { mode: 0o755 });
    makeRootfs(this.rootfs, lab.store);
    this.config = baseConfig(id);
    edit?.(this.config);
    this.writeConfig();
  }

  writeConfig(text = JSON.stringify(this.config, null, 2)): void {
    writeFileSync(join(this.bundle, "config.json"), text);
  }

  /** Makes a shell script the program; most cases observe the container through one. */
  static script(text: string): (config: Config) => void {
    return (config) => {
      config.process.args = ["/bin/sh", "-c", text];
    };
  }

  async create(options: CallOptions = {}): Promise<Result> {
    const result = await this.#call("create", {
      ...options,
      flags: ["--bundle", this.bundle, ...(options.flags ?? [])],
    });
    this.#created = result;
    return result;
  }

  async run(options: CallOptions = {}): Promise<Result> {
    const result = await this.#call("run", {
      ...options,
      flags: ["--bundle", this.bundle, ...(options.flags ?? [])],
    });
    this.#created = result;
    return result;
  }

  start(options: CallOptions = {}): Promise<Result> {
    return this.#call("start", options);
  }

  kill(signal: string, options: CallOptions = {}): Promise<Result> {
    return this.#call("kill", options, [signal]);
  }

  delete(options: CallOptions = {}): Promise<Result> {
    return this.#call("delete", options);
  }

  state(options: CallOptions = {}): Promise<Result> {
    return this.#call("state", options);
  }

  async stateDocument(): Promise<StateDocument> {
    const result = await this.state();
    if (result.code !== 0) throw new Error(`state of ${this.id} failed: ${result.stderr}`);
    return JSON.parse(result.stdout) as StateDocument;
  }

  /** Also waits for a container that is still being made. */
  async waitForStatus(status: string): Promise<StateDocument> {
    return until(`${this.id} to be ${status}`, async () => {
      const { code, stdout } = await this.state();
      const document = code === 0 ? (JSON.parse(stdout) as StateDocument) : undefined;
      return document?.status === status ? document : undefined;
    });
  }

  /**
   * Waits until the first process has executed the program of this name. State says "running" before that,
   * and whoever ends the process then ends none of the program's.
   */
  async waitForProgram(name: string): Promise<StateDocument> {
    const state = await this.waitForStatus("running");
    await until(`${this.id} to run ${name}`, () => nameOf(state.pid) === name);
    return state;
  }

  /** The container's output on the stdout that it got from `create` or `run`. */
  output(): string {
    return this.#created === undefined ? "" : readFileSync(this.#created.stdoutPath, "utf8");
  }

  errorOutput(): string {
    return this.#created === undefined ? "" : readFileSync(this.#created.stderrPath, "utf8");
  }

  /**
   * Create, start, wait for the end, delete, all by the same caller; the container's output is the result.
   */
  async live(options: CallOptions = {}): Promise<string> {
    const { flags: _flags, ...caller } = options;
    mustSucceed(await this.create(options));
    mustSucceed(await this.start(caller));
    await this.waitForStatus("stopped");
    mustSucceed(await this.delete(caller));
    return this.output();
  }

  #call(command: string, options: CallOptions, after: readonly string[] = []): Promise<Result> {
    const { flags = [], globals = [], ...rest } = options;
    return this.lab.invoke([...globals, command, ...flags, this.id, ...after], rest);
  }
}

/**
 * For steps that the test is not about: if one fails, the test ends with the runtime's error.
 */
export function mustSucceed(result: Result): Result {
  if (result.code !== 0)
    throw new Error(`the runtime exited with ${result.code}: ${result.stderr}${result.stdout}`);
  return result;
}
