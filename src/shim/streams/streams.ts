// The standard streams of one process: what the process gets, and how its output reaches the place that the
// caller wants: FIFOs (no scheme), `file://`, `binary://`, or nothing (containerd, core/runtime/v2/README.md,
// "IO").

import { mustCall, syscallError, tryCall } from "../../linux/call/call.ts";
import { u32Array } from "../../linux/call/words.ts";
import { Descriptor, pipe } from "../../linux/files/files.ts";
import { acceptUnix, listenUnix } from "../../linux/files/unix-sockets.ts";
import { AT_FDCWD, F_DUPFD_CLOEXEC, F_SETFL, O_NONBLOCK } from "../../linux/numbers/fcntl.ts";
import { SOCK_STREAM } from "../../linux/numbers/socket-numbers.ts";
import { receiveMaster } from "../../terminal/socket.ts";
import type { CommandIo } from "../commands.ts";
import type { Children } from "../loop/children.ts";
import type { Loop } from "../loop/loop.ts";
import { nothing, Once, type Routine } from "../loop/routine.ts";
import { RequestError } from "../ttrpc/status.ts";
import { give, openSink, openSource, prepareFile } from "./fifo.ts";
import { Logger } from "./logger.ts";
import { type CopyMode, Pump } from "./pump.ts";
import { parseLogger, parseUri } from "./uri.ts";

/** Where the caller wants a process's streams to go; an empty name is nowhere. */
export interface Stdio {
  readonly stdin: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly terminal: boolean;
}

export interface StreamContext {
  readonly loop: Loop;
  readonly children: Children;
  readonly namespace: string;
  /** The id of the process, for a logger. */
  readonly id: string;
  /** The owner of the pipes. */
  readonly uid: number;
  readonly gid: number;
  /** The path for the socket that receives the terminal. */
  readonly socket: string;
}

export interface Streams {
  /** Descriptors for the command that creates the process. */
  readonly io: CommandIo;
  /** Further words of its command line. */
  readonly args: readonly string[];
  /** Begins to pass bytes on. Called when the command has succeeded. */
  begin(): Routine<void>;
  closeInput(): void;
  resize(width: number, height: number): void;
  /** The process has ended. */
  finish(): void;
  /** Waits until all output has been passed on, but no longer than this. */
  drain(limitMs: number): Routine<void>;
  close(): Routine<void>;
}

/** Makes the streams for a new process. */
export function* openStreams(context: StreamContext, stdio: Stdio): Routine<Streams> {
  if (stdio.terminal) return new TerminalStreams(context, stdio);
  const [, scheme = "fifo"] = /^([a-z]+):\/\//.exec(stdio.stdout) ?? [];
  switch (scheme) {
    case "fifo":
      return new PipeStreams(context, stdio);
    case "file": {
      const { path } = parseUri(stdio.stdout);
      prepareFile(path);
      return new PipeStreams(context, { ...stdio, stdout: path, stderr: path });
    }
    case "binary": {
      const { loop, children, id, namespace } = context;
      return new LoggerStreams(
        yield* Logger.start(loop, children, { ...parseLogger(stdio.stdout), id, namespace }),
      );
    }
    default:
      throw new RequestError("invalid argument", `unknown STDIO scheme ${scheme}`);
  }
}

class PipeStreams implements Streams {
  readonly io: CommandIo;
  readonly args: readonly string[] = [];
  readonly #context: StreamContext;
  readonly #stdio: Stdio;
  readonly #ours: { stdin?: Descriptor; stdout?: Descriptor; stderr?: Descriptor } = {};
  readonly #outputs: Pump[] = [];
  #input: Pump | undefined;
  #holder: Descriptor | undefined;

  constructor(context: StreamContext, stdio: Stdio) {
    this.#context = context;
    this.#stdio = stdio;
    const io: { stdin?: Descriptor; stdout?: Descriptor; stderr?: Descriptor } = {};
    this.io = io;
    try {
      if (stdio.stdin !== "") [io.stdin, this.#ours.stdin] = this.#pipe();
      if (stdio.stdout !== "") [this.#ours.stdout, io.stdout] = this.#pipe();
      if (stdio.stderr !== "") [this.#ours.stderr, io.stderr] = this.#pipe();
    } catch (error) {
      // The others are open already.
      this.#closeAll();
      throw error;
    }
  }

  *begin(): Routine<void> {
    this.#closeTheirs();
    const { loop } = this.#context;
    for (const name of ["stdout", "stderr"] as const) {
      const from = this.#ours[name];
      if (from === undefined) continue;
      doNotWait(from);
      const { descriptor: to, keeper } = yield* openSink(loop, this.#stdio[name]);
      const mode: CopyMode = keeper === undefined ? "file" : "splice";
      this.#outputs.push(new Pump(loop, { from, to, keeper }, mode));
    }
    const to = this.#ours.stdin;
    if (to === undefined) return;
    doNotWait(to);
    const { descriptor: from, holder } = openSource(this.#stdio.stdin);
    this.#holder = holder;
    this.#input = new Pump(loop, { from, to }, "splice");
  }

  closeInput(): void {
    this.#holder?.close();
  }

  resize(): void {}

  finish(): void {}

  *drain(limitMs: number): Routine<void> {
    yield* drained(this.#context.loop, this.#outputs, limitMs);
  }

  close(): Routine<void> {
    this.#holder?.close();
    this.#input?.stop();
    for (const pump of this.#outputs) pump.stop();
    this.#closeAll();
    return nothing();
  }

  #closeAll(): void {
    this.#closeTheirs();
    for (const end of Object.values(this.#ours)) end?.close();
  }

  #closeTheirs(): void {
    for (const end of [this.io.stdin, this.io.stdout, this.io.stderr]) end?.close();
  }

  #pipe(): [Descriptor, Descriptor] {
    const ends = pipe();
    try {
      for (const end of ends) give(end, this.#context.uid, this.#context.gid);
    } catch (error) {
      for (const end of ends) end.close();
      throw error;
    }
    return ends;
  }
}

/** Streams whose output a program of the caller reads from the pipes. */
class LoggerStreams implements Streams {
  readonly io: CommandIo;
  readonly args: readonly string[] = [];
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
    this.io = { stdout: logger.stdout, stderr: logger.stderr };
  }

  begin(): Routine<void> {
    this.#logger.closeWriters();
    return nothing();
  }

  closeInput(): void {}

  resize(): void {}

  finish(): void {}

  drain(): Routine<void> {
    return nothing();
  }

  *close(): Routine<void> {
    yield* this.#logger.stop();
  }
}

/** ioctl(2) TIOCSWINSZ of asm-generic/ioctls.h */
const TIOCSWINSZ = 0x5414;

class TerminalStreams implements Streams {
  readonly io: CommandIo = {};
  readonly args: readonly string[];
  readonly #context: StreamContext;
  readonly #stdio: Stdio;
  readonly #listener: Descriptor;
  #master: Descriptor | undefined;
  #output: Pump | undefined;
  #input: Pump | undefined;
  #holder: Descriptor | undefined;
  #logger: Logger | undefined;
  /** Whether the process has ended, maybe before its streams began. */
  #hasEnded = false;

  constructor(context: StreamContext, stdio: Stdio) {
    this.#context = context;
    this.#stdio = stdio;
    const listener = listenUnix(context.socket, SOCK_STREAM);
    if (typeof listener === "number") throw syscallError(`listen on "${context.socket}"`, -listener);
    this.#listener = listener;
    this.args = ["--console-socket", context.socket];
  }

  *begin(): Routine<void> {
    const { loop, children, id, namespace } = this.#context;
    using connection = acceptUnix(this.#listener);
    const master = receiveMaster(connection);
    this.#master = master;
    this.#stopListening();
    doNotWait(master);
    const { stdin, stdout } = this.#stdio;
    // Each direction gets and closes its own descriptor. This one stays open, for changes of the terminal's
    // size.
    if (stdin !== "") {
      const { descriptor: from, holder } = openSource(stdin);
      this.#holder = holder;
      this.#input = new Pump(loop, { from, to: duplicate(master), terminal: "to" }, "copy");
    }
    if (stdout.startsWith("binary://")) {
      this.#logger = yield* Logger.start(loop, children, { ...parseLogger(stdout), id, namespace });
      const ends = { from: duplicate(master), to: this.#logger.stdout, terminal: "from" } as const;
      this.#output = new Pump(loop, ends, "copy");
    } else if (stdout !== "") {
      const { descriptor: to, keeper } = yield* openSink(loop, stdout);
      const ends = { from: duplicate(master), to, keeper, terminal: "from" } as const;
      this.#output = new Pump(loop, ends, keeper === undefined ? "file" : "copy");
    }
    if (this.#hasEnded) this.finish();
  }

  closeInput(): void {
    this.#holder?.close();
  }

  resize(width: number, height: number): void {
    if (this.#master === undefined) return;
    tryCall("ioctl", this.#master.number, TIOCSWINSZ, u32Array([height + width * 0x10000, 0]));
  }

  /** When the leader of a session ends, its terminal hangs up for all other processes (setsid(2)). */
  finish(): void {
    this.#hasEnded = true;
    this.#input?.stop();
    this.#output?.finish();
  }

  *drain(limitMs: number): Routine<void> {
    if (this.#output !== undefined) yield* drained(this.#context.loop, [this.#output], limitMs);
  }

  *close(): Routine<void> {
    this.#stopListening();
    this.#holder?.close();
    this.#input?.stop();
    this.#output?.stop();
    this.#master?.close();
    if (this.#logger !== undefined) yield* this.#logger.stop();
  }

  #stopListening(): void {
    this.#listener.close();
    tryCall("unlinkat", AT_FDCWD, this.#context.socket, 0);
  }
}

function doNotWait({ number }: Descriptor): void {
  tryCall("fcntl", number, F_SETFL, O_NONBLOCK);
}

/** Waits until all of them have ended, but no longer than this. */
function* drained(loop: Loop, pumps: readonly Pump[], limitMs: number): Routine<void> {
  const done: Once<void> = new Once();
  let left = pumps.length;
  if (left === 0) return;
  for (const { ended } of pumps) {
    ended.tell(() => {
      left -= 1;
      if (left === 0) done.happen(undefined);
    });
  }
  const timer = loop.after(limitMs, () => done.happen(undefined));
  yield* done.wait();
  timer.cancel();
}

/** Another descriptor for the same open file. */
function duplicate({ number }: Descriptor): Descriptor {
  return new Descriptor(mustCall("duplicate a descriptor", "fcntl", number, F_DUPFD_CLOEXEC, 3));
}
