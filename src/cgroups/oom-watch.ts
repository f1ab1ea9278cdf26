// Waits for a container to run out of memory, or to end. v1 signals an eventfd (cgroup-v1/memory.rst, "OOM
// Control"); v2 changes memory.events and cgroup.events, which inotify(7) reports. Called by `events`.

import { TsrunError } from "../errors.ts";
import { mustCall, tryCall } from "../linux/call/call.ts";
import { Descriptor, open, readTextIfThere, writeFile } from "../linux/files/files.ts";
import { poll } from "../linux/files/poll.ts";
import { O_CLOEXEC, O_RDONLY } from "../linux/numbers/fcntl.ts";
import { POLLIN } from "../linux/numbers/sched.ts";
import type { CgroupRecord } from "./record.ts";
import { exists } from "./tree.ts";
import { readKey } from "./writer.ts";

/** `time`: nothing has happened within the time limit. */
export type CgroupEvent = "oom" | "end" | "time";

const IN_MODIFY = 2;
const IN_CLOEXEC = O_CLOEXEC;

export class OomWatch implements Disposable {
  readonly #directory: string;
  readonly #queue: Descriptor;
  readonly #next: () => CgroupEvent;

  private constructor(directory: string, queue: Descriptor, next: (watch: OomWatch) => CgroupEvent) {
    this.#directory = directory;
    this.#queue = queue;
    this.#next = () => next(this);
  }

  /** Begins to watch. Throws when the container has no memory controller. */
  static of({ driver, paths }: CgroupRecord): OomWatch {
    const directory = paths[driver === "v2" ? "" : "memory"];
    if (directory === undefined) {
      throw new TsrunError("E_CGROUP", "cannot watch for lack of memory: memory controller missing");
    }
    return driver === "v2" ? OomWatch.#v2(directory) : OomWatch.#v1(directory);
  }

  static #v1(directory: string): OomWatch {
    const queue = new Descriptor(mustCall("make an eventfd", "eventfd2", 0, O_CLOEXEC));
    // The kernel keeps its own reference to the file, so it may be closed afterwards.
    using control = open(`${directory}/memory.oom_control`, O_RDONLY);
    writeFile(`${directory}/cgroup.event_control`, `${queue.number} ${control.number}`);
    return new OomWatch(directory, queue, () =>
      // The removal of the cgroup is signalled as well.
      exists(`${directory}/cgroup.event_control`) ? "oom" : "end",
    );
  }

  static #v2(directory: string): OomWatch {
    const queue = new Descriptor(mustCall("make an inotify queue", "inotify_init1", IN_CLOEXEC));
    for (const file of ["memory.events", "cgroup.events"]) {
      const path = `${directory}/${file}`;
      mustCall(`watch "${path}"`, "inotify_add_watch", queue.number, path, IN_MODIFY);
    }
    let known = readKey(directory, "memory.events", "oom_kill");
    return new OomWatch(directory, queue, () => {
      const kills = readKey(directory, "memory.events", "oom_kill");
      const more = kills > known;
      known = kills;
      return more ? "oom" : "time";
    });
  }

  /** Waits for the next event, up to the time limit. */
  wait(limitMs: number): CgroupEvent {
    if (this.#hasEnded()) return "end";
    const [ready = 0] = poll([{ fd: this.#queue.number, events: POLLIN }], limitMs);
    if (ready === 0) return this.#hasEnded() ? "end" : "time";
    const buffer = new Uint8Array(4096);
    tryCall("read", this.#queue.number, buffer, buffer.length);
    const event = this.#next();
    return event === "time" && this.#hasEnded() ? "end" : event;
  }

  /** What becomes readable when there is something to tell. */
  get descriptor(): Descriptor {
    return this.#queue;
  }

  [Symbol.dispose](): void {
    this.#queue.close();
  }

  /** On v2 an empty cgroup may stay until `delete`; it counts as ended. */
  #hasEnded(): boolean {
    const events = readTextIfThere(`${this.#directory}/cgroup.events`);
    if (events !== undefined) return events.includes("populated 0");
    return !exists(this.#directory);
  }
}
