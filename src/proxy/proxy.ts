// The host's end of a proxy: start it, send batches, read answers. See protocol.ts.

import { TsrunError } from "../errors.ts";
import { hasErrno, tryCall } from "../linux/call/call.ts";
import { type Descriptor, writeAll } from "../linux/files/files.ts";
import { limitReceiving, limitSending, socketPair } from "../linux/files/sockets.ts";
import { EAGAIN } from "../linux/numbers/errno.ts";
import { SOCK_SEQPACKET } from "../linux/numbers/socket-numbers.ts";
import { type Machine, machine } from "../linux/numbers/syscalls.ts";
import { endChild, reapChild } from "../linux/process/children.ts";
import { spawnProgram } from "../linux/process/executable.ts";
import { isHeld } from "../linux/process/process.ts";
import { shown } from "./calls/arguments.ts";
import { type Operation, operation, operationError, render } from "./calls/operation.ts";
import { Conversation } from "./conversation.ts";
import type { Line } from "./line.ts";
import { proxyExecutable } from "./machine/elf.ts";
import {
  complete,
  decode,
  type EncodedBatch,
  type EncodeOptions,
  encode,
  failureOf,
  MESSAGE_LIMIT,
} from "./wire/batch.ts";
import { LARGE } from "./wire/protocol.ts";
import { type Entry, operationsOf } from "./wire/repeat.ts";

/** Operations that one message holds for certain. */
const MOST_AT_ONCE = 1024;

/** How long an answer may take until a look at the process that is to give it. */
const LOOK_SECONDS = 5;

/** Receives what `--debug` shows. */
export interface Trace {
  /** A system call that was carried out; the line is composed when it is wanted. */
  call(line: () => string): void;
  /** How a process came to be. */
  debug(line: string): void;
}

/** What the host's end of a proxy is made of. */
export interface Ends {
  readonly socket: Descriptor;
  /** The number of the other end in the proxy. */
  readonly control: number;
  readonly trace: Trace | undefined;
  /** Another machine than this one: the proxy runs in an emulator. */
  readonly machine?: Machine;
}

interface SendOptions extends EncodeOptions {
  /** What `encode` has made of it before. */
  readonly encoded?: EncodedBatch | undefined;
}

/** What was sent last, or what stopped it before it was sent whole. */
type Sent =
  | { readonly entries: readonly Entry[]; readonly batch: EncodedBatch }
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
  /** What is wrong when there is no answer in time. Where absent, what is not held may take its time. */
  #impatience: string | undefined;
  #sent: Sent | undefined;

  constructor(pid: number, ends: Ends) {
    this.pid = pid;
    this.control = ends.control;
    this.#socket = ends.socket;
    this.#trace = ends.trace;
    this.#machine = ends.machine ?? machine;
    limitReceiving(ends.socket.number, LOOK_SECONDS);
  }

  /** Sends a message, whose answer `receive` takes. */
  send(entries: readonly Entry[], encoded?: EncodedBatch): void {
    if (encoded === undefined && entries.length > MOST_AT_ONCE) {
      this.#sendInParts(entries);
      return;
    }
    const isTraced = this.#trace !== undefined;
    // Each operation by itself, so that each can be shown.
    const sent = isTraced ? operationsOf(entries) : entries;
    this.#sent = { entries: sent, batch: this.#send(sent, { encoded: isTraced ? undefined : encoded }) };
  }

  /** Waits for the answer, and puts the results in. Returns the operation that stopped the message. */
  receive(): Operation | undefined {
    if (this.#sent === undefined) throw new Error("nothing has been sent");
    if ("failed" in this.#sent) return this.#sent.failed;
    const { entries, batch } = this.#sent;
    decode(entries, batch, this.#receive(batch.replyLength, entries));
    this.#traceDone(entries);
    return failureOf(entries);
  }

  /** The operations of a single step can be too many for a message. All parts but the last are waited for. */
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

  /** Carries a message out. Throws the error of the operation that stopped it. */
  run(operations: readonly Operation[], options: EncodeOptions = {}): void {
    const failure = this.attempt(operations, options);
    if (failure !== undefined) throw operationError(failure);
  }

  /** As `run`, but hands back the operation that stopped the message. */
  attempt(operations: readonly Operation[], options: EncodeOptions = {}): Operation | undefined {
    this.#sent = { entries: operations, batch: this.#send(operations, options) };
    return this.receive();
  }

  /**
   * Carries out a batch that ends with `execve`. Returns the operation that stopped it; `undefined` when the
   * process became the program: its control socket is close-on-exec, so success reads as end of file.
   */
  execute(operations: readonly Operation[]): Operation | undefined {
    const batch = this.#send(operations, { last: true });
    const reply = new Uint8Array(batch.replyLength);
    if (this.#read(reply, operations) !== reply.length) return undefined;
    decode(operations, batch, reply);
    this.#traceDone(operations);
    return failureOf(operations);
  }

  /** Takes the answer to a batch that another command has left. False when the process has ended. */
  isThere(): boolean {
    return this.#read(new Uint8Array(MESSAGE_LIMIT), []) > 0;
  }

  /** Sends a batch whose answer goes elsewhere, or is an `execve`. */
  leave(operations: readonly Operation[]): void {
    this.#send(operations, {});
    this.#traceAll(operations);
  }

  /**
   * The child's end, when the message that was answered last has cloned it; and, after the clone, had the
   * child move to its own control socket: without that, both would answer on one. The child answers the same
   * message, on its own socket, with what it did of it.
   */
  child(socket: Descriptor): SyscallProxy {
    if (this.#sent === undefined || "failed" in this.#sent) throw new Error("nothing has been cloned");
    const { batch } = this.#sent;
    const operations = operationsOf(this.#sent.entries);
    const pid = operations.find((one) => one.clones === true)?.result ?? 0;
    const child = new SyscallProxy(pid, {
      socket,
      control: this.control,
      trace: this.#trace,
      machine: this.#machine,
    });
    const seenByChild = operations.map((one) => ({ ...one }));
    try {
      decode(seenByChild, batch, child.#receive(batch.replyLength, operations));
      const failed = failureOf(seenByChild);
      if (failed !== undefined) throw operationError(failed);
    } catch (error) {
      child.close();
      endChild(pid);
      throw error;
    }
    return child;
  }

  /**
   * From now on an answer is waited for no longer than this, since others have a say in it. `impatience` is
   * what the error then gives as its cause; to `execute` no answer still is success.
   */
  limitPatience(seconds: number, impatience: string): void {
    limitReceiving(this.#socket.number, seconds);
    this.#impatience = impatience;
  }

  /** Lets go of the proxy: reading the end of file, it leaves by itself. */
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

  #send(entries: readonly Entry[], { last, encoded }: SendOptions): EncodedBatch {
    const batch = encoded ?? encode(entries, { last: last === true, machine: this.#machine });
    complete(batch);
    try {
      this.#preload(batch.preload);
      this.#write(batch.message);
    } catch (error) {
      throw hasErrno(error, "EPIPE", "ECONNRESET") ? new ProxyDied(this.pid, entries) : error;
    }
    return batch;
  }

  /** Puts data that no message can hold into the proxy's memory: a batch of reads, then what they read. */
  #preload(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    // More than the socket holds: a process that is held would never take it.
    limitSending(this.#socket.number, 2 * LOOK_SECONDS);
    const chunks: Uint8Array[] = [];
    const reads: Operation[] = [];
    for (let at = 0; at < bytes.length; at += MESSAGE_LIMIT) {
      const chunk = bytes.subarray(at, at + MESSAGE_LIMIT);
      chunks.push(chunk);
      reads.push(operation("read", [this.control, shown(LARGE + at, "…"), chunk.length], "receive data"));
    }
    const batch = encode(reads, { machine: this.#machine });
    this.#write(batch.message);
    for (const chunk of chunks) this.#write(chunk);
    this.#receive(batch.replyLength, reads);
  }

  #write(message: Uint8Array): void {
    writeAll(this.#socket.number, message, "to the container's first process");
  }

  #receive(length: number, entries: readonly Entry[]): Uint8Array {
    const reply = new Uint8Array(length);
    const got = this.#read(reply, entries);
    if (got === length) return reply;
    if (got === -EAGAIN) {
      throw new TsrunError("E_STATE", `cannot ${attemptOf(entries)}: ${this.#impatience}`);
    }
    throw new ProxyDied(this.pid, entries);
  }

  /**
   * Waits for an answer. That ends with the process, and where a process of the container holds it: one that
   * is found stopped or traced twice in a row is given up.
   */
  #read(reply: Uint8Array, entries: readonly Entry[]): number {
    for (let held = 0; ; ) {
      const got = tryCall("read", this.#socket.number, reply, reply.length);
      if (got !== -EAGAIN || this.#impatience !== undefined) return got;
      held = isHeld(this.pid) ? held + 1 : 0;
      if (held === 2) throw heldError(attemptOf(entries));
    }
  }

  /** Not those behind one that has stopped its message; what a child does it has answered itself. */
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

/** What a batch was for. */
function attemptOf(entries: readonly Entry[]): string {
  return operationsOf(entries.slice(0, 1))[0]?.attempt ?? "go on";
}

/** A process of the container has stopped the first one, or traces it, and does not let it go on. */
export function heldError(attempt: string): TsrunError {
  const words = `cannot ${attempt}: what does it is held by a signal or by a tracer inside the container`;
  return new TsrunError("E_STATE", words, {
    hint: 'end the process inside that sends SIGSTOP or traces, or the container: "delete --force" does',
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
  /** Where the control socket goes in the proxy: above everything that the container is to inherit. */
  readonly control: number;
  /** Further descriptors, with the numbers that they get in the proxy. */
  readonly descriptors?: readonly { readonly from: number; readonly to: number }[];
  readonly trace?: Trace | undefined;
}

/** Starts a proxy: about 0.6 ms. It inherits 0 to 2 and what it is given, and waits for a batch. */
export function startProxy({ control, descriptors = [], trace }: StartOptions): Conversation {
  const [ours, theirs] = socketPair(SOCK_SEQPACKET);
  const program = { name: "tsrun-init", bytes: proxyExecutable(machine, control) };
  const pid = spawnProgram(program, {
    environment: [],
    descriptors: [...descriptors, { from: theirs.number, to: control }],
    trace: trace && ((line) => trace.debug(line)),
  });
  theirs.close();
  return Conversation.on(new SyscallProxy(pid, { socket: ours, control, trace }));
}

/** Takes up the conversation with a process that another command has told to listen. False when it ended. */
export function takeUp(pid: number, ends: Ends): Conversation | undefined {
  const proxy = new SyscallProxy(pid, ends);
  return proxy.isThere() ? Conversation.on(proxy) : undefined;
}
