// Watches a container from its creation to its end: system calls, capabilities, and at the end the paths that
// it wrote. Called by record.ts, through `run`.

import type { StateRecord } from "../container/record.ts";
import type { Spectator } from "../container/run.ts";
import { TsrunError } from "../errors.ts";
import type { Descriptor } from "../linux/files/files.ts";
import { openDirectory } from "../linux/files/files.ts";
import type { PollEntry } from "../linux/files/poll.ts";
import { SIGKILL, SIGTERM } from "../linux/numbers/sched.ts";
import { machine } from "../linux/numbers/syscalls.ts";
import { signalChild } from "../linux/process/process-handle.ts";
import { callAddresses } from "../proxy/machine/elf.ts";
import type { CompiledFilter } from "../seccomp/filter.ts";
import { kernelKnowsFlags } from "../seccomp/kernel.ts";
import { type Observed, observe } from "../seccomp/observe.ts";
import {
  SECCOMP_FILTER_FLAG_NEW_LISTENER,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
} from "../seccomp/tables.ts";
import { CallWatch } from "./calls.ts";
import { CapabilityWatch } from "./capabilities.ts";
import { PathWatch, type Written } from "./paths.ts";
import type { WritablePlace } from "./places.ts";
import { type CountedCall, Tally } from "./tally.ts";

/** How often the kernel's trace is read at least, in milliseconds. */
const PATIENCE_MS = 100;
/** How long a program may take to end after SIGTERM, in milliseconds. */
const GRACE_MS = 10_000;

/** What was seen. */
export interface Seen {
  readonly calls: readonly CountedCall[];
  /** The capabilities that were used; or the reason why they are not known. */
  readonly capabilities: readonly string[] | string;
  readonly lostChecks: number;
  readonly written: Written | undefined;
  readonly seconds: number;
  readonly notified: number;
  readonly answeringSeconds: number;
}

export class Recorder implements Spectator, Disposable {
  readonly #places: readonly WritablePlace[];
  readonly #endAfterMs: number | undefined;
  #observed: Observed | undefined;
  #calls: CallWatch | undefined;
  #tally: Tally | undefined;
  #capabilities: CapabilityWatch | string = "the container was not started";
  #paths: PathWatch | undefined;
  #pid = 0;
  #begunMs = 0;
  #endedMs = 0;
  #signals: number[] = [];

  /** @param endAfterMs when to end the program, in milliseconds after its start */
  constructor(places: readonly WritablePlace[], endAfterMs: number | undefined) {
    this.#places = places;
    this.#endAfterMs = endAfterMs;
    this.#signals = endAfterMs === undefined ? [] : [SIGTERM, SIGKILL];
  }

  filterFor(own: CompiledFilter | undefined): CompiledFilter {
    const flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    this.#observed = observe(own, { exempt: callAddresses(machine), waitsKillable: kernelKnowsFlags(flags) });
    return this.#observed.filter;
  }

  keep(listener: Descriptor): void {
    this.#tally = new Tally(this.#observed?.own ?? []);
    this.#calls = new CallWatch(listener, this.#tally);
  }

  begin({ init_process_pid: pid }: StateRecord): void {
    this.#pid = pid;
    using root = openRoot(pid);
    this.#paths = PathWatch.begin(this.#places, root);
    this.#capabilities = CapabilityWatch.follow([pid]);
    this.#begunMs = performance.now();
  }

  /** Called while hooks run, as `attend` is. */
  wanted(): PollEntry {
    return this.#calls?.wanted() ?? { fd: -1, events: 0 };
  }

  attend(events: number): void {
    // The program waits for the answer to its first call, so all checks before this were tsrun's.
    if (events !== 0 && this.#tally?.total === 0 && typeof this.#capabilities !== "string") {
      this.#capabilities.programRuns();
    }
    if (events !== 0) this.#calls?.attend(events);
  }

  readonly attendant = {
    patienceMs: PATIENCE_MS,
    wanted: () => [this.wanted(), this.#traceWanted()],
    attend: ([calls = 0]: readonly number[]) => {
      this.attend(calls);
      if (typeof this.#capabilities !== "string" && this.#tally?.total !== 0) this.#capabilities.attend();
      this.#endInTime();
    },
  };

  /** Call it when the container has ended. */
  end(): Seen {
    const capabilities = this.#capabilities;
    const traced = typeof capabilities === "string" ? undefined : capabilities.end();
    this.#endedMs = performance.now();
    return {
      calls: this.#tally?.calls() ?? [],
      capabilities: traced?.used ?? (capabilities as string),
      lostChecks: traced?.lost ?? 0,
      written: this.#paths?.end(),
      seconds: (this.#endedMs - this.#begunMs) / 1000,
      notified: this.#tally?.total ?? 0,
      answeringSeconds: (this.#calls?.answeringMs ?? 0) / 1000,
    };
  }

  [Symbol.dispose](): void {
    this.#calls?.[Symbol.dispose]();
    if (typeof this.#capabilities !== "string") this.#capabilities[Symbol.dispose]();
    this.#paths?.[Symbol.dispose]();
  }

  #traceWanted(): PollEntry {
    const isReady = typeof this.#capabilities !== "string" && this.#tally?.total !== 0;
    return isReady ? (this.#capabilities as CapabilityWatch).wanted() : { fd: -1, events: 0 };
  }

  #endInTime(): void {
    const [signal] = this.#signals;
    if (signal === undefined || this.#endAfterMs === undefined) return;
    const grace = signal === SIGKILL ? GRACE_MS : 0;
    if (performance.now() - this.#begunMs < this.#endAfterMs + grace) return;
    this.#signals.shift();
    signalChild(this.#pid, signal);
  }
}

/** The root of the container's first process; `undefined` if tsrun may not open it. */
function openRoot(pid: number): Descriptor | undefined {
  try {
    return openDirectory(`/proc/${pid}/root`);
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    return undefined;
  }
}
