// Support for checkpoints: whether criu works here, a container that shows whether it continues where it was,
// and the two commands on it.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import type { Condition } from "./behaviour.ts";
import type { Config } from "./config.ts";
import { type CallOptions, Container, mustSucceed } from "./container.ts";
import { findProgram } from "./host.ts";
import type { Lab } from "./lab.ts";
import { plainEnv, type Result } from "./runtime.ts";
import { until } from "./wait.ts";

/** What criu's check finds wrong; its first error is the cause of the others. */
function fault(args: readonly string[]): string | undefined {
  const { status, stdout, stderr } = spawnSync("criu", args, { env: { ...plainEnv }, encoding: "utf8" });
  if (status === 0) return undefined;
  const lines = `${stderr}${stdout}`.trim().split("\n");
  const words = lines.find((line) => line.startsWith("Error")) ?? lines.at(-1) ?? "";
  return words.replace(/^Error \([^)]*\): /, "");
}

let checked: { readonly reason: Condition } | undefined;

/** criu itself, and a kernel that it can work with. */
export function needsCriu(): Condition {
  if (findProgram("criu") === undefined) return "needs criu (package criu)";
  const words = checked === undefined ? fault(["check"]) : undefined;
  const elsewhere = "make test-vm FILES=checkpoint has another criu";
  checked ??= {
    reason: words === undefined ? undefined : `criu does not work on this kernel (${words}); ${elsewhere}`,
  };
  return checked.reason;
}

export function needsCriuFeature(feature: string): Condition {
  const missing = needsCriu();
  if (missing !== undefined) return missing;
  const words = fault(["check", "--feature", feature]);
  return words === undefined ? undefined : `criu check --feature ${feature}: ${words}`;
}

/** criu blocks the packets of a container with a new network namespace by iptables. */
export function needsIptables(): Condition {
  return findProgram("iptables-restore") === undefined
    ? "needs iptables-restore (package iptables)"
    : undefined;
}

/**
 * Counts in a file that is dumped with the container. If it began a second time, that would show in a file of
 * its root, which stays; a file of the root that is open during the dump must have the same size at restore.
 * It waits without starting a process, which would take long on an emulated machine.
 */
export const COUNTING = `echo begun >> /begun; mkfifo /dev/shm/never; exec 3<>/dev/shm/never
  i=0; while :; do i=$((i+1)); echo $i > /dev/shm/count; read -t 0.01 x <&3; done`;

/** criu cannot dump files of the host, so all three streams must be the container's. */
export const silently = { wrapper: ["sh", "-c", 'exec "$@" </dev/null >/dev/null 2>&1', "sh"] } as const;
/** Output goes through a pipe to a file; the pipe's reader stays. */
export const throughPipe = (file: string) => ({
  wrapper: ["bash", "-c", `exec "$@" </dev/null 2>/dev/null > >(exec cat >> ${file})`, "bash"],
});

/** It uses the host's network, unless the case is about the network: see needsIptables. */
export function counter(lab: Lab, edit: (config: Config) => void = () => {}): Container {
  return lab.container((config) => {
    Container.script(COUNTING)(config);
    config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "network");
    config.mounts = config.mounts.filter(({ type }) => type !== "sysfs");
    edit(config);
  });
}

export async function countOf(box: Container): Promise<number> {
  const { pid } = await box.stateDocument();
  const file = `/proc/${pid}/root/dev/shm/count`;
  return existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
}

export async function countsOn(box: Container): Promise<void> {
  const before = await countOf(box);
  await until("the container to count on", async () => (await countOf(box)) > before + 2);
}

export const imagesOf = (box: Container) => join(box.lab.folder, `images-${box.id}`);

/** criu is slow on a busy machine. */
export const PATIENT = { timeoutMs: 60_000 };

export function checkpoint(box: Container, ...flags: string[]): Promise<Result> {
  return box.lab.invoke(["checkpoint", "--image-path", imagesOf(box), ...flags, box.id], PATIENT);
}

export function restore(box: Container, { flags = [], ...caller }: CallOptions = {}): Promise<Result> {
  const words = ["restore", "--bundle", box.bundle, "--image-path", imagesOf(box), ...flags, box.id];
  return box.lab.invoke(words, { ...PATIENT, ...caller });
}

export async function runCounting(box: Container, options: CallOptions = silently): Promise<void> {
  mustSucceed(await box.run({ ...options, flags: ["--detach", ...(options.flags ?? [])] }));
  await countsOn(box);
}

/** Checks that it is the same program: it has begun only once, and continues to count from where it was. */
export async function goesOn(t: Test, box: Container, from: number): Promise<void> {
  await until("the container to count on", async () => (await countOf(box)) > from + 2);
  t.equal(readFileSync(join(box.rootfs, "begun"), "utf8"), "begun\n", "begun once");
}

/** For a restore that stays in the foreground. */
export async function runsAgain(box: Container): Promise<void> {
  const runs = async () => {
    const { code, stdout } = await box.state();
    return code === 0 && stdout.includes('"running"');
  };
  await until("the container to run again", runs, PATIENT.timeoutMs);
}

/** The bytes of a message, for printf(1). */
const printed = (bytes: readonly number[]) => bytes.map((byte) => `\\${byte.toString(8).padStart(3, "0")}`);

/** A line of the script of `pretendedCriu` that says this. */
function say(...bytes: readonly number[]): string {
  return `printf '${printed(bytes).join("")}' >&3`;
}

/** It answers that it has done what it was asked to. */
export const SAY_DONE = { checkpoint: say(8, 1, 16, 1), restore: say(8, 2, 16, 1) } as const;

/** It tells that it has reached a point of its work, and waits for the answer. */
export function tell(point: string): string {
  const name = [...Buffer.from(point)];
  const notice = [10, name.length, ...name];
  return `${say(8, 6, 16, 1, 42, notice.length, ...notice)}; dd bs=4096 count=1 <&3 >/dev/null 2>&1`;
}

let pretended = 0;

/**
 * An environment in which a script takes criu's place. Asked for its version it says 4.2, unless
 * `beforeVersion` does something else; any other request is in the file "$request".
 */
export function pretendedCriu(lab: Lab, script: string, beforeVersion = ""): Record<string, string> {
  pretended += 1;
  const folder = join(lab.folder, `criu-${pretended}`);
  mkdirSync(folder);
  const lines = [
    "#!/bin/sh",
    `request=${join(folder, "request")}`,
    "dd bs=65536 count=1 of=$request <&3 2>/dev/null",
    'if [ "$(od -An -tu1 -N2 $request | tr -d " ")" = 810 ]; then',
    `${beforeVersion}\n${say(8, 10, 16, 1, 82, 4, 8, 4, 16, 2)}\nexit`,
    `fi\n${script}`,
  ];
  writeFileSync(join(folder, "criu"), `${lines.join("\n")}\n`, { mode: 0o755 });
  return { ...plainEnv, PATH: `${folder}:${plainEnv.PATH}` };
}
