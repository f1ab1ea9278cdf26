// Passes the container's notifications on to the service manager that started us (sd_notify(3)). Called by
// start and run when NOTIFY_SOCKET is set.
//
// The container cannot reach the manager's socket, and the manager would not accept its pid. So it gets a
// socket in its state directory, and tsrun passes its messages on, with tsrun's pid as the sender.

import { TsrunError } from "../errors.ts";
import { mustCall, tryCall } from "../linux/call/call.ts";
import { text, utf8 } from "../linux/call/words.ts";
import { type Descriptor, pipe, remove } from "../linux/files/files.ts";
import { type PollEntry, poll } from "../linux/files/poll.ts";
import { bindUnix, connectUnix, sendDescriptor } from "../linux/files/unix-sockets.ts";
import { errnoName, errnoWords } from "../linux/numbers/errno.ts";
import { AT_FDCWD } from "../linux/numbers/fcntl.ts";
import { POLLIN } from "../linux/numbers/sched.ts";
import { SOCK_DGRAM } from "../linux/numbers/socket-numbers.ts";
import { phase } from "../spans.ts";
import { NOTIFY, NOTIFY_SOCKET } from "./handed-down.ts";
import type { GlobalOptions } from "./options.ts";
import type { StateRecord } from "./record.ts";
import { openInit } from "./status.ts";
import type { StateDirectory } from "./store.ts";

/** The most bytes of a message that systemd reads: PIPE_BUF. */
const MESSAGE_SIZE = 4096;
/** AS RUNC: how long the manager may take to read everything. */
const BARRIER_MS = 30_000;

/**
 * The messages that are passed on. Not MAINPID and similar ones: the container's pids are not the host's.
 * DIFFERS: runc passes on only READY, and only if it is at the beginning of a message.
 */
const PASSED_ON = [
  "READY=",
  "STATUS=",
  "RELOADING=",
  "MONOTONIC_USEC=",
  "STOPPING=",
  "ERRNO=",
  "EXTEND_TIMEOUT_USEC=",
  "WATCHDOG=",
];

/**
 * Passes on notifications, if the container was created with a notification socket and somebody waits for
 * them.
 */
export function proxyNotifications(
  globals: GlobalOptions,
  directory: StateDirectory,
  manager: string | undefined,
): NotifyProxy | undefined {
  if (manager === undefined || !directory.has(NOTIFY)) return undefined;
  return new NotifyProxy(directory, manager, globals);
}

/** A socket for the container, connected to the manager's. */
export class NotifyProxy implements Disposable {
  readonly #socket: Descriptor;
  readonly #manager: Descriptor;
  readonly #log: GlobalOptions["log"];
  #ready = false;

  /** Called before the container runs, so that a problem with the manager's socket is reported in time. */
  constructor(directory: StateDirectory, manager: string, { log }: Pick<GlobalOptions, "log">) {
    this.#log = log;
    const connected = connectUnix(manager, SOCK_DGRAM);
    if (typeof connected === "number") throw failure(`connect to "${manager}" of NOTIFY_SOCKET`, -connected);
    this.#manager = connected;
    const path = `${directory.path}/${NOTIFY}/${NOTIFY_SOCKET}`;
    remove(path);
    const bound = bindUnix(path, SOCK_DGRAM);
    if (typeof bound === "number") throw failure(`make the notification socket "${path}"`, -bound);
    this.#socket = bound;
    // Any user of the container may connect.
    mustCall(`open "${path}" to all`, "fchmodat", AT_FDCWD, path, 0o777);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
    this.#manager.close();
  }

  wanted(): PollEntry {
    return { fd: this.#socket.number, events: POLLIN };
  }

  /**
   * Passes a message on. READY also tells the manager which process to watch from now on.
   * @returns after READY, the end of a pipe that the manager closes when it has read everything
   */
  pass(mainPid: number): Descriptor | undefined {
    const buffer = new Uint8Array(MESSAGE_SIZE);
    const length = tryCall("read", this.#socket.number, buffer, buffer.length);
    const lines = text(buffer.subarray(0, Math.max(0, length))).split("\n");
    const passed = lines.filter((line) => PASSED_ON.some((name) => line.startsWith(name)));
    if (passed.length > 0) this.#tell(passed.join("\n"));
    if (this.#ready || !passed.some((line) => line.startsWith("READY="))) return undefined;
    this.#ready = true;
    this.#tell(`MAINPID=${mainPid}`);
    return this.#barrier();
  }

  /** Passes messages on until the manager has read READY, or the container's process has ended. */
  waitUntilReady(record: StateRecord): void {
    // It is not a child of this command: its pid may belong to another process by now.
    using process = openInit(record);
    phase("wait until the container is ready");
    while (process !== undefined) {
      // First pass on the messages that it sent before its end.
      if (process.waitForEndOr(this.wanted()) === 0) return;
      using barrier = this.pass(record.init_process_pid);
      if (barrier === undefined) continue;
      const [done = 0] = poll([{ fd: barrier.number, events: POLLIN }], BARRIER_MS);
      if (done === 0) this.#log.warning("NOTIFY_SOCKET: no answer to BARRIER=1 in 30 s, ignoring");
      return;
    }
  }

  #tell(message: string): void {
    const bytes = utf8(`${message}\n`);
    const sent = tryCall("write", this.#manager.number, bytes, bytes.length);
    // The container runs; a lost message is no reason to end it.
    if (sent < 0) this.#log.warning(`cannot write to NOTIFY_SOCKET: ${errnoWords(-sent)}, ignoring`);
  }

  /** sd_notify_barrier(3) */
  #barrier(): Descriptor {
    const [readEnd, writeEnd] = pipe();
    try {
      sendDescriptor(this.#manager, "BARRIER=1", writeEnd.number);
    } catch (error) {
      this.#log.warning(`cannot write to NOTIFY_SOCKET: ${error instanceof Error ? error.message : error}`);
    }
    writeEnd.close();
    return readEnd;
  }
}

function failure(attempt: string, errno: number): TsrunError {
  return new TsrunError("E_SYSCALL", `cannot ${attempt}: ${errnoWords(errno)}`, {
    errno: errnoName(errno),
    hint: "NOTIFY_SOCKET is the service manager's; unset it when none waits for this command",
  });
}
