// One system call for the proxy, with its purpose, and its text in a trace or an error. Pure.

import { TsrunError } from "../../errors.ts";
import { viewOf } from "../../linux/call/words.ts";
import { errnoName, errnoWords } from "../../linux/numbers/errno.ts";
import { AT_FDCWD } from "../../linux/numbers/fcntl.ts";
import type { SyscallName } from "../../linux/numbers/syscalls.ts";
import { type Argument, type Out, quote, type Result } from "./arguments.ts";

export interface Operation extends Result {
  readonly args: readonly Argument[];
  /** What a failure prevents, in words that follow "cannot": `mount "proc" on "/proc"`. */
  readonly attempt: string;
  /** Carried out in one of the two processes only, after a clone. */
  readonly only?: "child" | "parent" | undefined;
  readonly clones?: true | undefined;
  /** The memory that the call fills. */
  readonly out?: Out | undefined;
  /** A failure does not stop the batch. */
  readonly goOn?: true | undefined;
  /** The kernel returns EAGAIN when a retry may succeed: the interpreter then tries a few times more. */
  readonly retries?: true | undefined;
}

/** An operation that stops its batch if it fails. */
export function operation(call: SyscallName, args: readonly Argument[], attempt: string): Operation {
  return { kind: "operation", call, args, attempt, result: undefined, place: -1 };
}

/** The same operation, whose failure does not stop the batch. */
export function orGoOn<T extends Operation>(of: T): T {
  return { ...of, goOn: true };
}

export function inChild(of: Operation): Operation {
  return { ...of, only: "child" };
}

export function inParent(of: Operation): Operation {
  return { ...of, only: "parent" };
}

/** The result of an operation that has succeeded. */
export function resultOf(of: Result): number {
  if (of.result === undefined || of.result < 0) throw new Error(`${of.call} has no result`);
  return of.result;
}

/** `openat2(5, "etc", {…}, 24) = 7`, or `= ENOENT`. */
export function render(of: Operation): string {
  const call = `${of.call}(${of.args.map(renderArgument).join(", ")})`;
  if (of.result === undefined) return call;
  return `${call} = ${of.result < 0 ? errnoName(-of.result) : of.result}`;
}

export interface FailureDetails {
  /** What the kernel's file system context says: `tmpfs: Unknown parameter 'x'`. */
  readonly log?: string | undefined;
  readonly hint?: string | undefined;
}

/** `cannot mount "proc" on "/proc": mount(…) = EPERM (operation not permitted)` */
export function operationError(failed: Operation, { log, hint }: FailureDetails = {}): TsrunError {
  const errno = -(failed.result ?? 0);
  const said = log === undefined || log === "" ? "" : `: ${log}`;
  const message = `cannot ${failed.attempt}: ${render(failed)} (${errnoWords(errno)})${said}`;
  const subject = { kind: "call", call: failed.call, attempt: failed.attempt } as const;
  return new TsrunError("E_SYSCALL", message, { errno: errnoName(errno), hint, subject });
}

function renderArgument(argument: Argument): string {
  if (typeof argument === "string") return quote(argument);
  if (argument === AT_FDCWD) return "AT_FDCWD";
  if (typeof argument !== "object") return argument.toString();
  switch (argument.kind) {
    case "data":
    case "shown":
      return argument.show();
    case "out":
      return argument.bytes.length === 4 ? `[${viewOf(argument.bytes).getInt32(0, true)}]` : "{…}";
    case "operation":
      return argument.result === undefined ? `<${argument.call}>` : argument.result.toString();
  }
}
