// The shim's children: the commands that it runs, and processes of containers, which become its children
// because it is a subreaper (prctl(2)). SIGCHLD is read by signalfd(2).

import type { Descriptor } from "../../linux/files/files.ts";
import { SIGCHLD, SIGINT, SIGKILL, SIGTERM, WNOHANG } from "../../linux/numbers/sched.ts";
import { type Limits, openFilesLimits, setOpenFilesLimits } from "../../linux/process/limits.ts";
import { tryWaitFor, type WaitResult } from "../../linux/process/process.ts";
import { signalChild } from "../../linux/process/process-handle.ts";
import { nextSignal, receiveSignals } from "../../linux/process/signals.ts";
import { type SpawnOptions, spawn } from "../../linux/process/spawn.ts";
import { EPOLLIN, type Loop } from "./loop.ts";
import { type Once, type Routine, waitFor } from "./routine.ts";

/** How a process ended. */
export interface Exit {
  /** Its exit status, or 128 + signal. */
  readonly status: number;
  /** The signal that ended it, 0 if it exited. */
  readonly signal: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export class Children {
  readonly #loop: Loop;
  readonly #signals: Descriptor;
  readonly #awaited: Map<number, (exit: Exit) => void> = new Map();
  /**
   * How many commands and stories run now. Each may have started a process that is not known yet and must
   * not be reaped.
   */
  #commands = 0;
  /**
   * The limits of open files that containerd has set. The shim raises its soft limit to the hard one, since
   * each running exec keeps up to ten descriptors open. Its children get the limits that were set.
   */
  readonly limits: Limits = openFilesLimits();

  /** @param asked called for SIGTERM and SIGINT */
  constructor(loop: Loop, asked: () => void) {
    this.#loop = loop;
    this.#signals = receiveSignals();
    const { hard } = this.limits;
    setOpenFilesLimits({ soft: hard, hard });
    loop.watch(this.#signals.number, EPOLLIN, () => {
      let sawChild = false;
      for (let signal = nextSignal(this.#signals); signal !== undefined; signal = nextSignal(this.#signals)) {
        if (signal === SIGCHLD) sawChild = true;
        if (signal === SIGTERM || signal === SIGINT) asked();
      }
      if (sawChild) this.#reap();
    });
  }

  /** Calls `ended` when the process has ended, at once if it already has. */
  watch(pid: number, ended: (exit: Exit) => void): void {
    this.#awaited.set(pid, ended);
    this.#reapOne(pid);
  }

  /**
   * Runs a program, and returns how it ended.
   * @param over the program is killed when this happens
   */
  *run(options: SpawnOptions, over?: Once<void>): Routine<Exit> {
    this.#commands += 1;
    try {
      const pid = spawn(options);
      const forget = over?.tell(() => void signalChild(pid, SIGKILL));
      const exit = yield* waitFor<Exit>((resume) => this.watch(pid, resume));
      forget?.();
      return exit;
    } finally {
      this.#commands -= 1;
    }
  }

  /** Runs a routine that starts processes and watches them: until it ends, no other child is reaped. */
  *holdingBack<T>(routine: () => Routine<T>): Routine<T> {
    this.#commands += 1;
    try {
      return yield* routine();
    } finally {
      this.#commands -= 1;
      this.#reapOthers();
    }
  }

  /**
   * Waits for the known children one by one. Any other child is reaped only while no command runs, since a
   * running command may just have started it.
   */
  #reap(): void {
    for (const pid of [...this.#awaited.keys()]) this.#reapOne(pid);
    this.#reapOthers();
  }

  #reapOthers(): void {
    while (this.#commands === 0) {
      const ended = tryWaitFor(-1, WNOHANG);
      if (typeof ended === "number") return;
      this.#tell(ended.pid, ended);
    }
  }

  #reapOne(pid: number): void {
    const ended = tryWaitFor(pid, WNOHANG);
    if (typeof ended !== "number") this.#tell(pid, ended);
  }

  #tell(pid: number, { status, signal }: Pick<WaitResult, "status" | "signal">): void {
    const ended = this.#awaited.get(pid);
    this.#awaited.delete(pid);
    // If one handler fails, those of other children that ended as well are still called.
    if (ended !== undefined) this.#loop.attempt(() => ended({ status, signal, at: Date.now() }));
  }
}
