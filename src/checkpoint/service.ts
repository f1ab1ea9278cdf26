// One run of `criu swrk`: a child that serves a single protobuf request on a socket, and sends notifications
// at certain points (criu.org/RPC). Called by dump.ts and revive.ts.

import { TsrunError } from "../errors.ts";
import { hasErrno } from "../linux/call/call.ts";
import { type Descriptor, open, writeAll } from "../linux/files/files.ts";
import { socketPair } from "../linux/files/sockets.ts";
import { type ReceivedMessage, receiveMessage } from "../linux/files/unix-sockets.ts";
import { O_RDWR } from "../linux/numbers/fcntl.ts";
import { WNOHANG } from "../linux/numbers/sched.ts";
import { SOCK_SEQPACKET } from "../linux/numbers/socket-numbers.ts";
import { endChild } from "../linux/process/children.ts";
import { tryWaitFor } from "../linux/process/process.ts";
import { spawn } from "../linux/process/spawn.ts";
import { decode, encode } from "../protobuf/protobuf.ts";
import {
  type Features,
  REQUEST,
  type Request,
  type Response,
  request,
  requestName,
  response,
} from "./messages.ts";
import { type Event, type Limits, waitForCriu } from "./wait.ts";

/** The number of the socket in criu. */
export const SOCKET_FD = 3;
export const ARGUMENTS: readonly string[] = ["criu", "swrk", `${SOCKET_FD}`];

/** AS RUNC: the size of the longest answer; the longest member is a version's name. */
const ANSWER_SIZE = 40960;

/** How long criu may take to tell what it is and can do, in milliseconds. */
const QUESTION: Limits = { limitMs: 10_000 };

/** A criu that waits for its request. When its socket closes, it undoes its work and exits. */
export class Service implements Disposable {
  readonly pid: number;
  readonly socket: Descriptor;
  readonly #limits: Limits;

  constructor(pid: number, socket: Descriptor, limits: Limits) {
    this.pid = pid;
    this.socket = socket;
    this.#limits = limits;
  }

  /** Waits until criu has said something, or has ended. Kills it if it must end. */
  wait(): Event {
    const event = waitForCriu(this.pid, this.socket.number, this.#limits);
    if (event !== "said" && event !== "ended") endChild(this.pid);
    return event;
  }

  [Symbol.dispose](): void {
    if (this.socket.number < 0) return;
    this.socket.close();
    if (this.wait() === "ended") tryWaitFor(this.pid, WNOHANG);
  }
}

/** A notification of criu, which waits for the answer. */
export interface Notice {
  readonly script: string;
  readonly pid: number;
  /** The terminal's master of `orphan-pts-master`. */
  readonly descriptor: Descriptor | undefined;
}

export type Notified = (notice: Notice) => void;

/** criu's environment. AS RUNC: tsrun's own, since criu looks for iptables in PATH. */
export function criuEnvironment(): string[] {
  return Object.entries(process.env).map(([name, value]) => `${name}=${value ?? ""}`);
}

/** Starts criu. It writes to its log; its standard streams are /dev/null. */
export function startService(program: string, limits: Limits): Service {
  const [ours, theirs] = socketPair(SOCK_SEQPACKET);
  using socket = theirs;
  using nowhere = open("/dev/null", O_RDWR);
  const standard = [0, 1, 2].map((to) => ({ from: nowhere.number, to }));
  const pid = spawn({
    path: program,
    args: ARGUMENTS,
    environment: criuEnvironment(),
    descriptors: [{ from: socket.number, to: SOCKET_FD }, ...standard],
  });
  return new Service(pid, ours, limits);
}

/**
 * Sends one request to criu, answers its notifications, and waits for its end. If `notified` throws, criu
 * stops and undoes its work.
 */
export function ask(criu: Service, asked: Request, notified: Notified = () => {}): Response {
  using service = criu;
  for (let message = asked; ; message = { type: REQUEST.NOTIFY, notifySuccess: true }) {
    const received = answerTo(service, encode(request, message), asked);
    using _held = received.descriptor;
    const answer = readAnswer(received.bytes, asked);
    if (answer.type !== REQUEST.NOTIFY) return answer;
    const { script = "", pid = 0 } = answer.notify ?? {};
    notified({ script, pid, descriptor: received.descriptor });
  }
}

/** Sends a message and waits for the answer. */
function answerTo(service: Service, message: Uint8Array, asked: Request): ReceivedMessage {
  const { socket } = service;
  let event: Event = "ended";
  try {
    writeAll(socket.number, message, "to criu");
    event = service.wait();
    const received = event === "said" ? receive(socket, asked) : undefined;
    if (received !== undefined && received.bytes.length > 0) return received;
  } catch (error) {
    // It has ended without reading the message.
    if (!hasErrno(error, "EPIPE", "ECONNRESET")) throw error;
  }
  throw failure(asked, REASONS[event]);
}

/** Why there is no answer; an empty one is the end of the socket. */
const REASONS: Readonly<Record<Event, string>> = {
  said: "it ended unexpectedly",
  ended: "it ended unexpectedly",
  late: "it has not answered for 10 s",
  lost: "the container's first process has ended, and criu did not answer within 10 s",
  interrupted: "a signal told tsrun to end meanwhile",
};

function receive(socket: Descriptor, asked: Request): ReceivedMessage {
  try {
    return receiveMessage(socket, ANSWER_SIZE);
  } catch (error) {
    if (!hasErrno(error, "EMSGSIZE")) throw error;
    throw failure(asked, `it said more than ${ANSWER_SIZE} bytes at once`);
  }
}

/** criu said that it was done, but has not said what it says on the way. */
export function notDone(type: keyof typeof REQUEST, what: string): TsrunError {
  return failure({ type: REQUEST[type] }, `it said that it was done, but ${what}`);
}

/** AS RUNC: how its texts begin. */
function failure({ type }: Request, why: string): TsrunError {
  return new TsrunError("E_SYSCALL", `criu failed: type ${requestName(type)}: ${why}`);
}

function readAnswer(bytes: Uint8Array, asked: Request): Response {
  const answer = decoded(bytes, asked);
  if (answer.success === true) return answer;
  // AS RUNC: runc's text.
  const message = `criu failed: type ${requestName(answer.type)} errno ${answer.errno ?? 0}`;
  throw new TsrunError("E_SYSCALL", message);
}

function decoded(bytes: Uint8Array, asked: Request): Response {
  try {
    return decode(response, bytes);
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    throw failure(asked, `its answer is not as expected: ${error.message}`);
  }
}

/** criu's version: 40201 is 4.2.1. */
export function askVersion(program: string, interrupt?: Descriptor): number {
  const { version } = ask(startService(program, { ...QUESTION, interrupt }), { type: REQUEST.VERSION });
  const { major = 0, minor = 0, sublevel = 0 } = version ?? {};
  return major * 10000 + minor * 100 + sublevel;
}

/** Throws, with runc's text, unless criu says that it and the kernel have this feature. */
export function requireFeature(program: string, feature: keyof Features): void {
  const answer = ask(startService(program, QUESTION), {
    type: REQUEST.FEATURE_CHECK,
    features: { [feature]: true },
  });
  if (answer.features?.[feature] !== false) return;
  const name = feature === "memTrack" ? "MemTrack" : "LazyPages";
  throw new TsrunError("E_UNSUPPORTED", `criu is missing features: [${name}]`, {
    hint:
      feature === "memTrack"
        ? "the kernel must track written pages (CONFIG_MEM_SOFT_DIRTY): do without --pre-dump"
        : "the kernel must tell of page faults (CONFIG_USERFAULTFD): do without --lazy-pages",
  });
}
