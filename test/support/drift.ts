// `diff` for tests, and hands that change a container from outside, as an administrator or another manager
// does.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { cgroupOf } from "./cgroup-driver.ts";
import type { Config } from "./config.ts";
import { type CallOptions, type Container, mustSucceed } from "./container.ts";
import { controllerHierarchy } from "./host.ts";
import type { Lab } from "./lab.ts";

export interface Difference {
  readonly topic: string;
  readonly what: string;
  readonly asked: string;
  readonly found: string;
  readonly costs: string;
  readonly next: string;
  readonly fixable?: true;
  readonly own?: true;
}

export interface DiffReport {
  readonly code: number;
  readonly differs: boolean;
  readonly differences: readonly Difference[];
  readonly unseen: readonly { readonly topic: string; readonly why: string }[];
  readonly written?: readonly string[];
}

export async function diff(box: Container, options: CallOptions = {}): Promise<DiffReport> {
  const { flags = [], globals = [], ...rest } = options;
  const words = [...globals, "diff", "--json", ...flags, box.id];
  const { code, stdout, stderr } = await box.lab.invoke(words, rest);
  if (stdout === "") throw new Error(`diff of ${box.id}: ${stderr}`);
  return { code, ...(JSON.parse(stdout) as Omit<DiffReport, "code">) };
}

/** What counts, each as `topic what: asked -> found`. */
export function told({ differences }: DiffReport): string[] {
  return differences.filter(({ own }) => own !== true).map(shown);
}

/** What the program may have done itself. */
export function toldApart({ differences }: DiffReport): string[] {
  return differences.filter(({ own }) => own === true).map(shown);
}

const shown = ({ topic, what, asked, found }: Difference) => `${topic} ${what}: ${asked} -> ${found}`;

/** A container that sleeps, with its first process's pid. */
export async function sleeping(
  lab: Lab,
  edit: (config: Config) => void = () => {},
  calls: CallOptions = {},
): Promise<{ box: Container; pid: number }> {
  const box = lab.container((config) => {
    config.process.args = ["/bin/sleep", "1000"];
    edit(config);
  });
  mustSucceed(await box.create(calls));
  mustSucceed(await box.start(calls));
  const state = mustSucceed(await box.state(calls)).stdout;
  return { box, pid: (JSON.parse(state) as { pid: number }).pid };
}

/** Changes the configuration that was saved with the container. */
export function askFor(box: Container, edit: (config: Config) => void): void {
  const path = join(box.lab.stateRoot, box.id, "config.json");
  const config = JSON.parse(readFileSync(path, "utf8")) as Config;
  edit(config);
  writeFileSync(path, JSON.stringify(config));
}

/** Runs busybox in the mount namespace of a process, as root of the host. */
export function amongMounts(pid: number, ...words: readonly string[]): void {
  execFileSync("nsenter", ["--target", String(pid), "--mount", "/bin/busybox", ...words]);
}

/** Writes to a file of the container's cgroup, as a hand does. */
export function writeCgroup(controller: string, box: Container, file: string, value: string): void {
  const place = controllerHierarchy(controller)?.mountpoint ?? "";
  writeFileSync(join(place, cgroupOf(box.id), file), value);
}

const PROGRAMS = resolve("test/support/device-programs.py");

/** What another manager does with the device programs of a cgroup. */
export function changePrograms(folder: string, action: "clear" | "add", instructions?: Uint8Array): void {
  const hex = instructions === undefined ? [] : [Buffer.from(instructions).toString("hex")];
  execFileSync("/usr/bin/python3", [PROGRAMS, folder, action, ...hex]);
}
