// The hooks of a container: in which order they come, what they are told. Pure. runtime-spec
// config.md#posix-platform-hooks, runtime.md#lifecycle.

import { TsrunError } from "../errors.ts";
import type { Hook, Hooks } from "../spec/types.ts";

export type HookKind = keyof Hooks & string;

/** All kinds, in the order in which they come in a container's life. */
export const HOOK_KINDS = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
] as const satisfies readonly HookKind[];

/** What a hook reads on its standard input. */
export interface HookState {
  readonly ociVersion: string;
  readonly id: string;
  readonly status: "creating" | "created" | "running" | "stopped";
  readonly pid: number;
  readonly bundle: string;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** Whether any hook runs inside the container's namespaces. */
export function hasInnerHooks(hooks: Hooks | undefined): boolean {
  return (hooks?.createContainer?.length ?? 0) > 0;
}

/** Whether later commands have hooks to run. */
export function hasHooksAfter(hooks: Hooks | undefined): boolean {
  return (hooks?.poststart?.length ?? 0) + (hooks?.poststop?.length ?? 0) > 0;
}

/** Throws for what is not built in: a hook must never be passed over without a word. */
export function checkHooks(hooks: Hooks | undefined): void {
  if ((hooks?.startContainer?.length ?? 0) === 0) return;
  throw new TsrunError(
    "E_UNSUPPORTED",
    "cannot run /hooks/startContainer: these hooks are not built in yet",
    {
      hint: "createContainer hooks run in the container's namespaces too, before its root is entered",
    },
  );
}

export interface HookEnd {
  readonly status: number;
  readonly signal: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The error of a hook that did not exit with 0: runc's words, with what it printed. */
export function hookError(kind: HookKind, index: number, hook: Hook, end: HookEnd): TsrunError {
  const how = end.signal === 0 ? `exit status ${end.status}` : `signal: ${end.signal}`;
  const said = `stdout: ${end.stdout}, stderr: ${end.stderr}`;
  const message = `error running ${kind} hook #${index}: ${how}, ${said}`;
  return new TsrunError("E_EXEC", message, { hint: `the hook is ${commandOf(hook)}` });
}

/** The error of a hook that was killed at its time limit. */
export function hookTimeout(kind: HookKind, index: number, hook: Hook): TsrunError {
  const seconds = (hook.timeout ?? 0).toFixed(1);
  const message = `error running ${kind} hook #${index}: hook ran past specified timeout of ${seconds}s`;
  return new TsrunError("E_EXEC", message, { hint: `the hook is ${commandOf(hook)}` });
}

/** The error of a hook that could not be executed. */
export function hookNotExecuted(kind: HookKind, index: number, hook: Hook, words: string): TsrunError {
  return new TsrunError("E_EXEC", `error running ${kind} hook #${index}: fork/exec ${hook.path}: ${words}`);
}

/** argv: AS RUNC, `args` as given, argv[0] included; the path alone where there are none. */
export function argumentsOf(hook: Hook): readonly string[] {
  return hook.args === undefined || hook.args.length === 0 ? [hook.path] : hook.args;
}

function commandOf(hook: Hook): string {
  return [hook.path, ...argumentsOf(hook).slice(1)].map((word) => JSON.stringify(word)).join(" ");
}
