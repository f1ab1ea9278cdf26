// The host's end of a proxy: start it, send batches, read answers. See protocol.ts.

import { TsrunError } from "../errors.ts";
import { hasErrno } from "../linux/call/call.ts";
import { type Descriptor, writeAll } from "../linux/files/files.ts";
import { limitReceiving, receive, sendInTime, socketPair } from "../linux/files/sockets.ts";
import { EAGAIN } from "../linux/numbers/errno.ts";
import { SOCK_SEQPACKET } from "../linux/numbers/socket-numbers.ts";
import { type Machine, machine } from "../linux/numbers/syscalls.ts";
import { endChild, reapChild } from "../linux/process/children.ts";
import { spawnProgram } from "../linux/process/executable.ts";
import { isHeld } from "../linux/process/process.ts";
import { begin, NUMBERS, recording } from "../spans.ts";
import { shown } from "./calls/arguments.ts";
import { type Operation, operation, operationError, render } from "./calls/operation.ts";
import { Conversation } from "./conversation.ts";
import type { Line, Prepared } from "./line.ts";
import { proxyExecutable } from "./machine/elf.ts";
import { PROXY_NAME } from "./name.ts";
import { decode } from "./wire/answer.ts";
import { complete, type EncodedBatch, encode } from "./wire/batch.ts";
import { LARGE, MESSAGE_LIMIT } from "./wire/protocol.ts";

import { type Entry, operationsOf } from "./wire/repeat.ts";

/** How many operations one message can always hold. */
const MOST_AT_ONCE = 1024;

/** Where messages go, in words that follow "cannot write". */
const TO_FIRST_PROCESS = "to the container's first process";

/** How long to wait for an answer before checking the process that is to give it. */
const LOOK_SECONDS = 5;

/** Receives what `--debug` shows. */
export interface Trace {
  /** A system call that was carried out. `line` makes the text, when it is wanted. */
  call(line: () => string): void;
  /** A message about how a process was started. */
  debug(line: string): void;
}

/** What keeps processes from answering, other than a signal or a tracer inside. */
export interface Held {
  readonly error: TsrunError;
  /** Ends the processes that are held. */
  giveUp(): void;
}

/** Asked when an answer is late. */
export type Hindrance = () => Held | undefined;

/** What the host's end of a proxy is made of. */
export interface Ends {
  readonly socket: Descriptor;
  /** The number of the other end in the proxy. */
  readonly control: number;
  readonly trace: Trace | undefined;
  /** The proxy's machine if it is another than this one: the proxy then runs in an emulator. */
  readonly machine?: Machine;
  /** Whether it notes when each call began and ended. */
  readonly clocked?: boolean;
  readonly hindrance?: Hindrance | undefined;
}

interface SendOptions extends Prepared {
  /** The proxy leaves after its answer. */
  readonly last?: boolean;
}

/** What was sent last; or the operation that failed before all parts of it were sent. */
type Sent =
  | { readonly entries: readonly Entry[]; readonly batch: EncodedBatch; readonly recorded: number }
  | { readonly failed: Operation };

/** A process that carries out system calls for tsrun. */
export class SyscallProxy implements Line {
  /** Its pid as this process sees it. */
  readonly pid: number;
  /** The number of the control socket in the proxy itself. */
  readonly control: number;
  readonly #socket: Descriptor;
  readonly #trace: Trace | undefined;
  readonly #machine: Machine;
  readonly #clocked: boolean;
  readonly #hindrance: Hindrance | undefined;
  /** The number of the last message, if somebody records. */
  #recorded = 0;
  /**
   * The cause in the error when no answer comes in time. If absent, there is no time limit for a process that
   * is not held.
   */
  #impatience: string | undefined;
  /** How long to wait for an answer, in seconds. */
  #patience = LOOK_SECONDS;
  #sent: Sent | undefined;

  constructor(pid: number, ends: Ends) {
    this.pid = pid;
    this.control = ends.control;
    this.#socket = ends.socket;
    this.#trace = ends.trace;
    this.#machine = ends.machine ?? machine;
    this.#clocked = ends.clocked === true;
    this.#hindrance = ends.hindrance;
    limitReceiving(ends.socket.number, LOOK_SECONDS);
  }

  /** Sends a message; `receive` takes its answer. */
  send(entries: readonly Entry[], { last, encoded, needs }: SendOptions = {}): void {
    if (encoded === undefined && entries.length > MOST_AT_ONCE) {
      this.#sendInParts(entries);
      return;
    }
    // Repeats are written out, so that each operation can be shown.
    const isTraced = this.#trace !== undefined;
    const sent = isTraced ? operationsOf(entries) : entries;
    const options = { last: last === true, machine: this.#machine, needs: isTraced ? undefined : needs };
    const batch = isTraced || encoded === undefined ? encode(sent, options) : encoded;
    complete(batch);
    try {
      this.#preload(batch.preload);
      this.#recorded = recording()?.sent(batch.message) ?? 0;
      writeAll(this.#socket.number, batch.message, TO_FIRST_PROCESS);
    } catch (error) {
      throw hasErrno(error, "EPIPE", "ECONNRESET") ? new ProxyDied(this.pid, sent) : error;
    }
    this.#sent = { entries: sent, batch, recorded: this.#recorded };
  }

  /**
   * Waits for the answer and fills in the results. Returns the operation that stopped the message, if any.
   */
  receive(): Operation | undefined {
    if (this.#sent === undefined) throw new Error("nothing has been sent");
    if ("failed" in this.#sent) return this.#sent.failed;
    const { entries, batch, recorded } = this.#sent;
    const failed = decode(entries, batch, this.#receive(batch.replyLength, entries, recorded));
    this.#traceDone(entries);
    return failed;
  }

  /** Sends the operations of a step that are too many for one message. Waits for all parts but the last. */
  #sendInParts(entries: readonly Entry[]): void {
    for (let from = 0; from < entries.length; from += MOST_AT_ONCE) {
      this.send(entries.slice(from, from + MOST_AT_ONCE));
      if (from + MOST_AT_ONCE >= entries.length) return;
      const failed = this.receive();
      if (failed === undefined) continue;
      this.#sent = { failed };
      return;
    }
  }

  /** Carries out a message. Throws the error of the operation that stopped it. */
  run(operations: readonly Operation[], options: SendOptions = {}): void {
    const failure = this.attempt(operations, options);
    if (failure !== undefined) throw operationError(failure);
  }

  /** Like `run`, but returns the operation that stopped the message. */
  attempt(operations: readonly Operation[], options: SendOptions = {}): Operation | undefined {
    this.send(operations, options);
    return this.receive();
  }

  /**
   * Carries out a batch that ends with `execve`. Returns the operation that stopped it; `undefined` if the
   * process became the program: its control socket is close-on-exec, so tsrun then reads end of file.
   */
  execute(operations: readonly Operation[]): Operation | undefined {
    this.send(operations, { last: true });
    if (this.#sent === undefined || "failed" in this.#sent) return this.#sent?.failed;
    const { batch } = this.#sent;
    const reply = new Uint8Array(batch.replyLength);
    const since = begin();
    if (this.#read(reply, operations) !== reply.length) {
      this.#recordUnanswered(since, "become the program");
      return undefined;
    }
    const failed = decode(operations, batch, reply);
    this.#traceDone(operations);
    return failed;
  }

  /** Reads the answer to a batch that another command left. False if the process has ended. */
  isThere(): boolean {
    return this.#read(new Uint8Array(MESSAGE_LIMIT), []) > 0;
  }

  /** Sends a batch whose answer another reader gets. */
  leave(operations: readonly Operation[]): void {
    this.send(operations);
    this.#recordUnanswered(begin(), "left to do");
    this.#traceAll(operations);
  }

  /**
   * A line to the child that the last answered message cloned. After the clone, that message must move the
   * child to its own control socket, or both would answer on the same one. The child answers the same
   * message, on its own socket, with the results of what it carried out.
   */
  child(socket: Descriptor): SyscallProxy {
    if (this.#sent === undefined || "failed" in this.#sent) throw new Error("nothing has been cloned");
    const { batch, recorded } = this.#sent;
    const operations = operationsOf(this.#sent.entries);
    const pid = operations.find((one) => one.clones === true)?.result ?? 0;
    const child = new SyscallProxy(pid, {
      socket,
      control: this.control,
      trace: this.#trace,
      machine: this.#machine,
      clocked: this.#clocked,
      hindrance: this.#hindrance,
    });
    recording()?.nameProcess(pid, "proxy");
    const seenByChild = operations.map((one) => ({ ...one }));
    try {
      const failed = decode(seenByChild, batch, child.#receive(batch.replyLength, operations, recorded));
      if (failed !== undefined) throw operationError(failed);
    } catch (error) {
      child.close();
      endChild(pid);
      throw error;
    }
    return child;
  }

  /**
   * From now on waits no longer than this for an answer, since somebody else may delay it (a seccomp agent).
   * `impatience` is the cause in the error. `execute` takes a missing answer for success.
   */
  limitPatience(seconds: number, impatience: string): void {
    limitReceiving(this.#socket.number, seconds);
    this.#patience = seconds;
    this.#impatience = impatience;
  }

  /** Closes our end of the socket; the proxy then reads end of file and exits. */
  close(): void {
    this.#socket.close();
  }

  reap(): void {
    reapChild(this.pid);
  }

  end(): void {
    this.#socket.close();
    endChild(this.pid);
  }

  /** Puts data that no message can hold into the proxy's memory: a batch of reads, then what they read. */
  #preload(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const chunks: Uint8Array[] = [];
    const reads: Operation[] = [];
    for (let at = 0; at < bytes.length; at += MESSAGE_LIMIT) {
      const chunk = bytes.subarray(at, at + MESSAGE_LIMIT);
      chunks.push(chunk);
      reads.push(operation("read", [this.control, shown(LARGE + at, "…"), chunk.length], "receive data"));
    }
    // While this waits for room, another story may write messages of its own.
    const batch = encode(reads, { machine: this.#machine, keeps: true });
    // This is more than the socket's buffer holds, and a process that is held would never read it.
    for (const bytes of [batch.message, ...chunks]) {
      sendInTime(this.#socket.number, bytes, TO_FIRST_PROCESS, 2 * LOOK_SECONDS);
    }
    this.#receive(batch.replyLength, reads, 0);
  }

  #receive(length: number, entries: readonly Entry[], recorded: number): Uint8Array {
    const reply = new Uint8Array(length);
    const since = begin();
    const got = this.#read(reply, entries);
    const recorder = recording();
    if (recorder !== undefined) {
      recorder.add(NUMBERS.wait, `wait for process ${this.pid}`, undefined, since);
      if (recorded > 0 && this.#clocked) recorder.answered(recorded, reply, this.pid);
      else if (recorded > 0) recorder.unanswered(recorded, "calls without times", since, this.pid);
    }
    if (got === length) return reply;
    if (got === -EAGAIN) {
      throw new TsrunError("E_STATE", `cannot ${attemptOf(entries)}: ${this.#impatience}`);
    }
    throw new ProxyDied(this.pid, entries);
  }

  /**
   * Waits for an answer until the process ends. A process of the container, or a frozen cgroup, may hold it:
   * tsrun gives up when it finds the process stopped, traced or frozen twice in a row.
   */
  #read(reply: Uint8Array, entries: readonly Entry[]): number {
    for (let held = 0; ; ) {
      const got = receive(this.#socket.number, reply, this.#patience);
      if (got !== -EAGAIN || this.#impatience !== undefined) return got;
      const hindrance = this.#hindrance?.();
      held = hindrance !== undefined || isHeld(this.pid) ? held + 1 : 0;
      if (held < 2) continue;
      hindrance?.giveUp();
      throw hindrance?.error ?? heldError(attemptOf(entries));
    }
  }

  /** Tells who records what the process was told last, where it cannot be known when it did that. */
  #recordUnanswered(since: number, name: string): void {
    if (since > 0) recording()?.unanswered(this.#recorded, name, since, this.pid);
  }

  /**
   * Traces what was carried out, not what comes after a failure. The child's part has no results here, since
   * the child answers it.
   */
  #traceDone(entries: readonly Entry[]): void {
    if (this.#trace === undefined) return;
    this.#traceAll(
      operationsOf(entries).filter(({ result, only }) => result !== undefined || only === "child"),
    );
  }

  #traceAll(operations: readonly Operation[]): void {
    for (const one of operations) this.#trace?.call(() => `[${this.pid}] ${render(one)}`);
  }
}

/** What a batch is for, in words that follow "cannot". */
function attemptOf(entries: readonly Entry[]): string {
  return operationsOf(entries.slice(0, 1))[0]?.attempt ?? "go on";
}

/** The error for a process that a process of the container has stopped or traces. */
export function heldError(attempt: string): TsrunError {
  const words = `cannot ${attempt}: a signal or a tracer inside the container holds the process that does it`;
  return new TsrunError("E_STATE", words, {
    hint: 'end the process inside that sends SIGSTOP or traces, or end the container with "delete --force"',
  });
}

/** The proxy ended while it was to carry something out: killed, or out of memory. */
export class ProxyDied extends TsrunError {
  readonly pid: number;

  constructor(pid: number, entries: readonly Entry[]) {
    super("E_SYSCALL", `cannot ${attemptOf(entries)}: the container's first process ended unexpectedly`);
    this.pid = pid;
  }
}

export interface StartOptions {
  /** The number of the control socket in the proxy, above everything that the container inherits. */
  readonly control: number;
  /** Further descriptors, with the numbers that they get in the proxy. */
  readonly descriptors?: readonly { readonly from: number; readonly to: number }[];
  readonly trace?: Trace | undefined;
  /** For it and for the processes that it clones. */
  readonly hindrance?: Hindrance | undefined;
}

/**
 * Starts a proxy, in about 0.6 ms. It inherits descriptors 0 to 2 and those it is given, and waits for a
 * batch.
 */
export function startProxy({ control, descriptors = [], trace, hindrance }: StartOptions): Conversation {
  const [ours, theirs] = socketPair(SOCK_SEQPACKET);
  const clocked = recording() !== undefined;
  const program = { name: PROXY_NAME, bytes: proxyExecutable(machine, control, clocked) };
  let pid: number;
  try {
    pid = spawnProgram(program, {
      environment: [],
      descriptors: [...descriptors, { from: theirs.number, to: control }],
      trace: trace && ((line) => trace.debug(line)),
    });
  } catch (error) {
    ours.close();
    throw error;
  } finally {
    theirs.close();
  }
  recording()?.nameProcess(pid, "proxy");
  return Conversation.on(new SyscallProxy(pid, { socket: ours, control, trace, clocked, hindrance }));
}

/**
 * Continues the conversation with a process that another command left listening. `undefined` if it has ended.
 */
export function takeUp(pid: number, ends: Ends): Conversation | undefined {
  const proxy = new SyscallProxy(pid, ends);
  return proxy.isThere() ? Conversation.on(proxy) : undefined;
}
