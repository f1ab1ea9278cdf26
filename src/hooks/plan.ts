// A container's hooks: their order, their state, and the errors about them. Pure. runtime-spec
// config.md#posix-platform-hooks, runtime.md#lifecycle.

import { TsrunError } from "../errors.ts";
import { signalWords } from "../linux/numbers/signal-words.ts";
import type { Hook, Hooks } from "../spec/types.ts";

export type HookKind = keyof Hooks & string;

/** All kinds, in the order of a container's life. */
export const HOOK_KINDS = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const satisfies readonly HookKind[];

/** The state that a hook reads on its standard input. */
export interface HookState {
  readonly ociVersion: string;
  readonly id: string;
  readonly status: "creating" | "created" | "running" | "stopped";
  readonly pid: number;
  readonly bundle: string;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** The state as text. AS RUNC: no pid after the process has ended, and no empty map of annotations. */
export function stateText({ pid, annotations, ...rest }: HookState): string {
  const hasAnnotations = Object.keys(annotations ?? {}).length > 0;
  const { ociVersion, id, status, bundle } = rest;
  return JSON.stringify({
    ociVersion,
    id,
    status,
    pid: pid === 0 ? undefined : pid,
    bundle,
    annotations: hasAnnotations ? annotations : undefined,
  });
}

/** Whether later commands will have to run hooks on the host. */
export function hasHooksAfter(hooks: Hooks | undefined): boolean {
  return (hooks?.poststart?.length ?? 0) + (hooks?.poststop?.length ?? 0) > 0;
}

/** How a hook ended, and what it printed. */
export interface HookEnd {
  /** As wait4(2) gives it. */
  readonly word: number;
  readonly stdout: string;
  readonly stderr: string;
  /** How long it ran. */
  readonly ms: number;
}

/** The error of a hook that did not exit with 0, in runc's words, with the hook's output. */
export function hookError(kind: HookKind, index: number, hook: Hook, end: HookEnd): TsrunError {
  const how = `${endOf(end.word)}, stdout: ${end.stdout}, stderr: ${end.stderr}`;
  return failed(kind, index, hook, { how, ms: end.ms });
}

/** The error of a hook that was killed at its time limit, with its output so far. */
export function hookTimeout(kind: HookKind, index: number, hook: Hook, end: HookEnd): TsrunError {
  const limit = `hook ran past specified timeout of ${(hook.timeout ?? 0).toFixed(1)}s`;
  const said = end.stdout === "" && end.stderr === "" ? "" : `, stdout: ${end.stdout}, stderr: ${end.stderr}`;
  return failed(kind, index, hook, { how: limit + said, ms: end.ms });
}

/** The error of a hook that could not be executed. */
export function hookNotExecuted(kind: HookKind, index: number, hook: Hook, words: string): TsrunError {
  return failed(kind, index, hook, { how: `fork/exec ${hook.path}: ${words}` });
}

/** argv. AS RUNC: `args` as given, including argv[0]; without `args`, only the path. */
export function argumentsOf(hook: Hook): readonly string[] {
  return hook.args === undefined || hook.args.length === 0 ? [hook.path] : hook.args;
}

/** How long a hook may run; `undefined` means without limit. */
export function timeoutMs({ timeout = 0 }: Hook): number | undefined {
  return timeout <= 0 ? undefined : timeout * 1000;
}

/** The text that replaces a hook's output, if it went to a file. */
export function printedTo(path: string): string {
  return `in ${JSON.stringify(path)}`;
}

interface Failure {
  readonly how: string;
  readonly ms?: number;
}

function failed(kind: HookKind, index: number, hook: Hook, { how, ms }: Failure): TsrunError {
  const ran = ms === undefined ? "" : `, and ran for ${(ms / 1000).toFixed(2)} s`;
  const command = [hook.path, ...argumentsOf(hook)].map((word) => JSON.stringify(word));
  return new TsrunError("E_EXEC", `error running ${kind} hook #${index}: ${how}`, {
    hint: `the hook is ${command[0]}, called as [${command.slice(1).join(", ")}]${ran}`,
  });
}

function endOf(word: number): string {
  const signal = word & 0x7f;
  if (signal === 0) return `exit status ${(word >> 8) & 0xff}`;
  return `signal: ${signalWords(signal)}${(word & 0x80) === 0 ? "" : " (core dumped)"}`;
}
