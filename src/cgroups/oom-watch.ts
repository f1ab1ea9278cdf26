// Waits for a container to run out of memory, or to end. v1 signals an eventfd (cgroup-v1/memory.rst, "OOM
// Control"); v2 changes memory.events and cgroup.events, which inotify(7) reports. Called by `events` and the
// shim.
//
// systemd removes a scope's cgroup as soon as it is empty, and the kernel may report a change of
// memory.events 10 ms late (CGROUP_FILE_NOTIFY_MIN_INTV in kernel/cgroup/cgroup.c). So the slice above is
// watched as well.

import { TsrunError } from "../errors.ts";
import { mustCall, tryCall } from "../linux/call/call.ts";
import { Descriptor, open, readTextIfThere, writeFile } from "../linux/files/files.ts";
import { poll } from "../linux/files/poll.ts";
import { O_CLOEXEC, O_RDONLY } from "../linux/numbers/fcntl.ts";
import { POLLIN } from "../linux/numbers/sched.ts";
import { KillsInV2, memoryCgroup, sliceDirectory } from "./oom-kills.ts";
import type { CgroupRecord } from "./record.ts";
import { exists } from "./tree.ts";

/** `time`: nothing has happened within the time limit. */
export type CgroupEvent = "oom" | "end" | "time";

interface Looks {
  /** Whether memory has run out since the last look. */
  readonly hasRunOut: (isSignalled: boolean) => boolean;
  readonly hasEnded: () => boolean;
}

const IN_MODIFY = 2;
const IN_CLOEXEC = O_CLOEXEC;

export class OomWatch implements Disposable {
  readonly #queue: Descriptor;
  readonly #looks: Looks;

  private constructor(queue: Descriptor, looks: Looks) {
    this.#queue = queue;
    this.#looks = looks;
  }

  /** Begins to watch. Throws when the container has no memory controller. */
  static of(record: CgroupRecord): OomWatch {
    const directory = memoryCgroup(record);
    if (directory === undefined) {
      throw new TsrunError("E_CGROUP", "cannot watch for lack of memory: memory controller missing");
    }
    return record.driver === "v2" ? OomWatch.#v2(directory, sliceDirectory(record)) : OomWatch.#v1(directory);
  }

  static #v1(directory: string): OomWatch {
    const queue = new Descriptor(mustCall("make an eventfd", "eventfd2", 0, O_CLOEXEC));
    // The kernel keeps its own reference to the file, so it may be closed afterwards.
    using control = open(`${directory}/memory.oom_control`, O_RDONLY);
    writeFile(`${directory}/cgroup.event_control`, `${queue.number} ${control.number}`);
    return new OomWatch(queue, {
      // The removal of the cgroup is signalled as well.
      hasRunOut: (isSignalled) => isSignalled && exists(directory),
      hasEnded: () => !exists(directory),
    });
  }

  static #v2(directory: string, slice: string | undefined): OomWatch {
    const queue = new Descriptor(mustCall("make an inotify queue", "inotify_init1", IN_CLOEXEC));
    for (const file of ["memory.events", "cgroup.events"]) {
      const path = `${directory}/${file}`;
      mustCall(`watch "${path}"`, "inotify_add_watch", queue.number, path, IN_MODIFY);
    }
    if (slice !== undefined) {
      // Without it, a kill just before the end may be missed: the root cgroup has no such file.
      tryCall("inotify_add_watch", queue.number, `${slice}/memory.events`, IN_MODIFY);
    }
    const kills = new KillsInV2(directory, slice);
    return new OomWatch(queue, {
      // inotify may report a kill after the end of what was killed.
      hasRunOut: () => kills.haveGrown(),
      // An empty cgroup may stay until `delete`; it counts as ended.
      hasEnded: () => readTextIfThere(`${directory}/cgroup.events`)?.includes("populated 0") ?? true,
    });
  }

  /** Waits for the next event, up to the time limit. A lack of memory that led to the end comes before it. */
  wait(limitMs: number): CgroupEvent {
    const limit = this.#looks.hasEnded() ? 0 : limitMs;
    const [ready = 0] = poll([{ fd: this.#queue.number, events: POLLIN }], limit);
    const buffer = new Uint8Array(4096);
    if (ready !== 0) tryCall("read", this.#queue.number, buffer, buffer.length);
    if (this.#looks.hasRunOut(ready !== 0)) return "oom";
    return this.#looks.hasEnded() ? "end" : "time";
  }

  /** What becomes readable when there is something to tell. */
  get descriptor(): Descriptor {
    return this.#queue;
  }

  [Symbol.dispose](): void {
    this.#queue.close();
  }
}
