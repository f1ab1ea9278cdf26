// Records containers of a lab, for the cases of `record`.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Body, behaviour, type Condition, needsKernel, tsrunOnly } from "./behaviour.ts";
import type { Config } from "./config.ts";
import { Container } from "./container.ts";
import { findProgram } from "./host.ts";
import type { InvokeOptions, Result } from "./runtime.ts";
import { needsCall } from "./without.ts";

interface Call {
  readonly name: string;
  readonly architecture: string;
  readonly times: number;
  readonly errno?: number;
}

export interface Recording {
  readonly runs: number;
  readonly seccomp: NonNullable<Config["linux"]["seccomp"]>;
  readonly calls: {
    readonly used: readonly Call[];
    readonly denied: readonly Call[];
    readonly runtime: readonly string[];
    readonly allowedBefore: number;
    readonly allowedNow: number;
  };
  readonly capabilities: { readonly recorded: boolean; readonly used: readonly string[] };
  readonly paths: {
    readonly written: readonly string[];
    readonly mounts: readonly { readonly destination: string; readonly written: boolean }[];
  };
  readonly limits: readonly string[];
}

export interface Recorded extends Result {
  /** The document and the configuration with what was learnt. */
  readonly recording: Recording;
  readonly file: string;
  readonly config: string;
}

const RECORDS: Condition =
  needsKernel(5, 6, "pidfd_getfd(2)") ?? needsCall("pidfd_open", "the recording of system calls");

export const SEES_PATHS: Condition = needsCall("statx", "the times of files");

export const SEES_CAPABILITIES: Condition =
  needsKernel(6, 14, "the trace event cap_capable") ?? needsCall("fsopen", "a mount of tracefs");

/** A case of `record`, which only tsrun has. */
export function recordCase(sentence: string, body: Body, ...conditions: Condition[]): void {
  behaviour(sentence, body, tsrunOnly("has no record"), RECORDS, ...conditions);
}

/** A container that runs a shell script, with an edit. */
export function script(text: string, edit?: (config: Config) => void): (config: Config) => void {
  return (config) => {
    Container.script(text)(config);
    edit?.(config);
  };
}

let recordings = 0;

export interface RecordOptions extends Partial<InvokeOptions> {
  readonly flags?: readonly string[];
}

/** Runs a container by `record`. */
export async function record(
  box: Container,
  { flags = [], ...options }: RecordOptions = {},
): Promise<Recorded> {
  recordings += 1;
  const file = join(box.lab.folder, `recording-${recordings}.json`);
  const config = join(box.bundle, `recorded-${recordings}.json`);
  const words = ["--id", box.id, "--output", file, "--write-config", config, ...flags];
  const result = await box.lab.invoke(["record", ...words, box.bundle], options);
  if (!existsSync(file)) throw new Error(`nothing was recorded: ${result.stderr}`);
  return { ...result, file, config, recording: JSON.parse(readFileSync(file, "utf8")) as Recording };
}

/** Runs a container again with the configuration that a recording has written. */
export function runAgain(box: Container, { config }: Recorded, edit?: (config: Config) => void) {
  if (edit !== undefined) {
    const changed = JSON.parse(readFileSync(config, "utf8")) as Config;
    edit(changed);
    box.writeConfig(JSON.stringify(changed));
    return box.run();
  }
  return box.run({ flags: ["--config", config] });
}

export function names(calls: readonly { readonly name: string }[]): string[] {
  return calls.map(({ name }) => name);
}

/** A static program in Go that every checkout has: the compiler of the tests. */
export function goProgram(): string | undefined {
  const machine = process.arch === "x64" ? "x64" : process.arch;
  const path = join("node_modules", "@typescript", `typescript-linux-${machine}`, "lib", "tsc");
  return existsSync(path) ? path : undefined;
}

/** The host's Python, if it is Debian's own. */
export function python(): string | undefined {
  const path = "/usr/bin/python3";
  return findProgram("ldd") !== undefined && existsSync(path) ? path : undefined;
}
