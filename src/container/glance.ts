// Reads what `list` shows of a container in the ordinary case, since there may be hundreds: by names below
// the state root, without holding the container's directory and without exceptions. Returns `undefined` in
// every other case; the caller then opens the directory, as other commands do, and reports what is wrong
// (store.ts, status.ts).

import { freezeState } from "../cgroups/freezer.ts";
import { readLink } from "../linux/files/files.ts";
import { peekName, peekOwner, peekText } from "../linux/files/peek.ts";
import { ENOENT, ESRCH } from "../linux/numbers/errno.ts";
import { AT_FDCWD } from "../linux/numbers/fcntl.ts";
import { isProcOwn } from "../linux/process/own-proc.ts";
import { parseIdentity } from "../linux/process/process.ts";
import { isRunning } from "../linux/process/process-handle.ts";
import { once } from "../once.ts";
import { inThisBoot } from "./boot.ts";
import type { ContainerState, Status } from "./options.ts";
import { stateOf } from "./printed-state.ts";
import { readRecord } from "./read-record.ts";
import type { StateRecord } from "./record.ts";
import { whileWaiting } from "./status.ts";
import { FIFO, FIFO_CREATING, STATE } from "./store.ts";

/**
 * Whether the container has a state.json that begins and ends as `save` writes it. Where only ids are asked
 * for, the rest is not looked at.
 */
export function isListed(root: number, id: string): boolean {
  const json = peekText(`${id}/${STATE}`, root);
  return typeof json === "string" && json.startsWith(`{"version":1,"id":"${id}",`) && json.endsWith("}");
}

/** The record of a container with an undamaged state.json. `root` is a descriptor of the state root. */
function glanceAtRecord(root: number, id: string): StateRecord | undefined {
  const json = peekText(`${id}/${STATE}`, root);
  return typeof json === "string" ? readRecord(json) : undefined;
}

/** The state of a container. `ownerName` returns the name of the directory's owner. */
export function glance(
  root: number,
  id: string,
  ownerName: (uid: number) => string,
): ContainerState | undefined {
  const kept = glanceAtRecord(root, id);
  const uid = kept === undefined ? -1 : peekOwner(id, root);
  if (kept === undefined || uid < 0) return undefined;
  const record = inThisBoot(kept);
  const status = glanceAtStatus(root, id, record);
  return status === undefined ? undefined : stateOf(record, status, ownerName(uid));
}

/** As `statusOf`. */
function glanceAtStatus(root: number, id: string, record: StateRecord): Status | undefined {
  const { init_process_pid: pid, init_process_start: startTime } = record;
  if (pid === 0 || peekName(`${id}/${FIFO_CREATING}`, root) !== false) return undefined;
  const waits = peekName(`${id}/${FIFO}`, root);
  if (typeof waits === "number") return undefined;
  // Read first: if the process turns out to be the container's afterwards, it was so before.
  const executable = waits ? readLink(`/proc/${pid}/exe`) : undefined;
  const line = peekText(`/proc/${pid}/stat`, AT_FDCWD);
  if (line === -ENOENT || line === -ESRCH) return ended();
  if (typeof line === "number") return undefined;
  if (!isRunning(parseIdentity(line), startTime)) return ended();
  if (freezeState(record.cgroup) === "frozen") return "paused";
  return waits ? whileWaiting("created", executable) : "running";
}

/** Asked once, however many containers have stopped. */
const canTell = once(isProcOwn);

/** The status of one that /proc does not show, or not as running, if that can be believed. */
function ended(): Status | undefined {
  return canTell() ? "stopped" : undefined;
}
