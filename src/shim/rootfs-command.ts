// Makes and removes the mounts of a container's root in a child of the shim. A mount waits for the file
// systems of its layers, such as one in user space, and an unmount writes to the disk what an overlay has
// changed: that may take minutes, in which the shim of a pod has others to answer.

import { utf8 } from "../linux/call/words.ts";
import { readText, writeFile } from "../linux/files/files.ts";
import { DOCUMENT, LOG, runApart } from "./commands.ts";
import type { Children } from "./loop/children.ts";
import type { Once, Routine } from "./loop/routine.ts";
import type { MountMessage } from "./messages/well-known.ts";
import { hasMounts, mountRootfs, unmountRootfs } from "./rootfs-mounts.ts";
import { type Code, codeOf, RequestError } from "./ttrpc/status.ts";

const ACTION = "rootfs";

interface Work {
  readonly target: string;
  /** Without any, those that are there are removed. */
  readonly mounts: readonly MountMessage[];
}

interface Failure {
  readonly code: Code;
  readonly message: string;
}

/** @param over the child is killed when this happens; what it has mounted stays */
export function* mountApart(children: Children, work: Work, over: Once<void>): Routine<void> {
  if (work.mounts.length > 0) yield* doApart(children, work, over);
}

export function* unmountApart(children: Children, target: string): Routine<void> {
  if (hasMounts(target)) yield* doApart(children, { target, mounts: [] });
}

function* doApart(children: Children, work: Work, over?: Once<void>): Routine<void> {
  const document = utf8(JSON.stringify(work));
  const { exit, log } = yield* runApart(children, { words: [ACTION], document, over });
  if (exit.status === 0) return;
  if (log === "") throw new Error(`the mounts on "${work.target}": ended by signal ${exit.signal}`);
  const { code, message } = JSON.parse(log) as Failure;
  throw new RequestError(code, message);
}

/** In the child. `undefined` if it was started for something else. */
export function runRootfsCommand([action]: readonly string[]): number | undefined {
  if (action !== ACTION) return undefined;
  try {
    const { target, mounts } = JSON.parse(readText(DOCUMENT)) as Work;
    if (mounts.length > 0) mountRootfs(mounts, target);
    else unmountRootfs(target);
    return 0;
  } catch (error) {
    const failure: Failure = { code: codeOf(error), message: String((error as Error).message) };
    writeFile(LOG, JSON.stringify(failure));
    return 1;
  }
}
