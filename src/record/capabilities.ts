// Finds out which capabilities a container's processes use. The kernel reports each check by the trace event
// cap_capable (Linux 6.14). It goes to a trace instance that follows only the container's first process and
// its descendants. Called by recorder.ts.
//
// tracefs is mounted for tsrun alone. The instance is removed at the end; if a command is killed, the next
// one removes its instance.

import { TsrunError } from "../errors.ts";
import { tryCall } from "../linux/call/call.ts";
import { text } from "../linux/call/words.ts";
import { listDirectoryAt } from "../linux/files/directories.ts";
import {
  Descriptor,
  makeDirectory,
  open,
  readLink,
  readTextIfThere,
  removeDirectory,
  writeFile,
} from "../linux/files/files.ts";
import type { PollEntry } from "../linux/files/poll.ts";
import { AT_REMOVEDIR, O_NONBLOCK, O_RDONLY } from "../linux/numbers/fcntl.ts";
import { FSCONFIG_CMD_CREATE, FSMOUNT_CLOEXEC, FSOPEN_CLOEXEC } from "../linux/numbers/mount.ts";
import { INITIAL_PID_NAMESPACE, POLLIN } from "../linux/numbers/sched.ts";
import { processStatus } from "../linux/process/process.ts";
import { CapabilityTrace } from "./trace-text.ts";

const PREFIX = "tsrun-record-";
const EVENT = "events/capability/cap_capable";
/** KiB for each processor; a check with its stack takes some 200 bytes. */
const BUFFER_KIB = "2048";

export class CapabilityWatch implements Disposable {
  readonly #trace = new CapabilityTrace();
  readonly #tracefs: Descriptor;
  readonly #name: string;
  readonly #pipe: Descriptor;
  readonly #buffer = new Uint8Array(65_536);

  private constructor(tracefs: Descriptor, name: string, pipe: Descriptor) {
    this.#tracefs = tracefs;
    this.#name = name;
    this.#pipe = pipe;
  }

  /** Begins to follow these processes and their later children. Returns a reason if that is not possible. */
  static follow(pids: readonly number[]): CapabilityWatch | string {
    const tracefs = mountTrace();
    if (typeof tracefs === "string") return tracefs;
    removeAbandoned(tracefs);
    const name = `instances/${PREFIX}${process.pid}`;
    try {
      makeDirectory(name, 0o700, { at: tracefs.number });
      const set = (file: string, value: string) => {
        writeFile(`${name}/${file}`, value, { at: tracefs.number });
      };
      set("buffer_size_kb", BUFFER_KIB);
      set("options/context-info", "0");
      set("options/stacktrace", "1");
      set("options/event-fork", "1");
      set(`${EVENT}/filter`, "ret == 0");
      set("set_event_pid", pids.join(" "));
      set(`${EVENT}/enable`, "1");
      const pipe = open(`${name}/trace_pipe`, O_RDONLY | O_NONBLOCK, { at: tracefs.number });
      return new CapabilityWatch(tracefs, name, pipe);
    } catch (error) {
      if (!(error instanceof TsrunError)) throw error;
      tryCall("unlinkat", tracefs.number, name, AT_REMOVEDIR);
      tracefs.close();
      return error.message.replace(/^cannot /, "tsrun could not ");
    }
  }

  wanted(): PollEntry {
    return { fd: this.#pipe.number, events: POLLIN };
  }

  /** Reads what has arrived. */
  attend(): void {
    for (;;) {
      const got = tryCall("read", this.#pipe.number, this.#buffer, this.#buffer.length);
      if (got <= 0) return;
      this.#trace.read(text(this.#buffer.subarray(0, got)));
    }
  }

  /** From now on all checks count as the program's. */
  programRuns(): void {
    this.attend();
    this.#trace.programRuns();
  }

  /** Ends the recording. */
  end(): { readonly used: readonly string[]; readonly lost: number } {
    this.attend();
    this.#trace.end();
    const { used, lost } = this.#trace;
    return { used, lost };
  }

  [Symbol.dispose](): void {
    this.#pipe.close();
    tryCall("unlinkat", this.#tracefs.number, this.#name, AT_REMOVEDIR);
    this.#tracefs.close();
  }
}

/** The root of tracefs, in a detached mount; or the reason why there is none. */
function mountTrace(): Descriptor | string {
  if (readLink("/proc/self/ns/pid") !== INITIAL_PID_NAMESPACE) {
    return "tsrun is in a pid namespace, but the kernel's trace uses the pids of the host";
  }
  const context = tryCall("fsopen", "tracefs", FSOPEN_CLOEXEC);
  if (context < 0) return "recording them needs root, and a kernel with tracefs";
  using held = new Descriptor(context);
  if (tryCall("fsconfig", held.number, FSCONFIG_CMD_CREATE, 0, 0, 0) < 0) return "recording them needs root";
  const mount = tryCall("fsmount", held.number, FSMOUNT_CLOEXEC, 0);
  if (mount < 0) return "this kernel does not let tsrun mount tracefs";
  const tracefs = new Descriptor(mount);
  if (readTextIfThere(`${EVENT}/format`, { at: mount }) !== undefined) return tracefs;
  tracefs.close();
  return "this kernel lacks the trace event cap_capable, which came with Linux 6.14";
}

/** Removes instances that killed commands left behind. */
function removeAbandoned(tracefs: Descriptor): void {
  for (const { name } of listDirectoryAt("instances", { at: tracefs.number })) {
    if (!name.startsWith(PREFIX) || processStatus(Number(name.slice(PREFIX.length))) !== undefined) continue;
    try {
      removeDirectory(`instances/${name}`, { at: tracefs.number });
    } catch (error) {
      // Another process reads the instance.
      if (!(error instanceof TsrunError)) throw error;
    }
  }
}
