// A process that containerd knows: the first one of a container, or one that was exec'd into it. States and
// error texts are those of containerd's own shim, since callers match the texts.

import type { Exit } from "./loop/children.ts";
import { Once, Turn } from "./loop/routine.ts";
import type { Stdio, Streams } from "./streams/streams.ts";

export type State = "created" | "running" | "paused" | "stopped" | "deleted";

/** What is refused in which state, in containerd's words (cmd/containerd-shim-runc-v2/process). */
const REFUSALS: Readonly<Record<string, Partial<Record<State, string>>>> = {
  start: {
    running: "cannot start a running process",
    paused: "cannot start a paused process",
    stopped: "cannot start a stopped process",
    deleted: "cannot start a deleted process",
  },
  delete: {
    running: "cannot delete a running process",
    paused: "cannot delete a paused process",
    deleted: "cannot delete a deleted process",
  },
  exec: {
    paused: "cannot exec in a paused state",
    stopped: "cannot exec in a stopped state",
    deleted: "cannot exec in a deleted state",
  },
  pause: {
    created: "cannot pause task in created state",
    paused: "cannot pause a paused container",
    stopped: "cannot pause a stopped container",
    deleted: "cannot pause a deleted process",
  },
  resume: {
    created: "cannot resume task in created state",
    running: "cannot resume a running process",
    stopped: "cannot resume a stopped container",
    deleted: "cannot resume a deleted process",
  },
  update: { stopped: "cannot update a stopped container", deleted: "cannot update a deleted process" },
  checkpoint: {
    created: "cannot checkpoint a task in created state",
    stopped: "cannot checkpoint a stopped container",
    deleted: "cannot checkpoint a deleted process",
  },
  resize: { stopped: "cannot resize a stopped container", deleted: "cannot resize a deleted process" },
};

export class TaskProcess {
  readonly id: string;
  readonly stdio: Stdio;
  /** Set once they have been opened. */
  streams: Streams | undefined;
  /** For an exec: the process that was asked for, as JSON. */
  document: Uint8Array | undefined;
  pid = 0;
  state: State = "created";
  /** Lets only one change of its state happen at a time. */
  readonly turn = new Turn();
  /**
   * Set while it is being created or started. containerd learns of its end only after it has learned of
   * that.
   */
  telling: Once<void> | undefined;
  /** Happens when it has ended. */
  exited: Once<Exit> = new Once();
  /** Of an exec: happens when containerd has been told of its end, or when it could not be started. */
  over: Once<void> = new Once();

  constructor(id: string, stdio: Stdio) {
    this.id = id;
    this.stdio = stdio;
  }

  /** Throws if the action is not possible in the process's state. */
  allow(action: keyof typeof REFUSALS): void {
    const refusal = REFUSALS[action]?.[this.state];
    if (refusal !== undefined) throw new Error(refusal);
  }

  /** Calls `tell` once containerd knows that the process was created or started. */
  afterTelling(tell: () => void): void {
    if (this.telling === undefined) tell();
    else this.telling.tell(tell);
  }

  /** Forgets a start that failed. */
  beginAgain(): void {
    if (!this.exited.happened) return;
    this.exited = new Once();
    this.over = new Once();
  }

  /** Notes its end. */
  end(exit: Exit): void {
    if (this.state !== "deleted") this.state = "stopped";
    this.streams?.finish();
    this.exited.happen(exit);
  }
}
