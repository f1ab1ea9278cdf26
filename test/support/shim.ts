// tsrun as containerd's shim, driven as containerd drives it: started by its command, asked over ttrpc, its
// events taken by a server. Without containerd.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { decode, encode, type Message, type ValuesOf } from "../../src/protobuf/protobuf.ts";
import type { EventName } from "../../src/shim/messages/events.ts";
import { RUNC_OPTIONS } from "../../src/shim/messages/options.ts";
import { TASK_METHODS, type TaskMethod } from "../../src/shim/messages/task.ts";
import {
  encodeFrame,
  FrameReader,
  REQUEST,
  RESPONSE,
  TYPE_REQUEST,
  TYPE_RESPONSE,
} from "../../src/shim/ttrpc/frame.ts";
import type { Container } from "./container.ts";
import { hasEnded, signalProcess } from "./host.ts";
import type { Lab } from "./lab.ts";
import { plainEnv, runtimePath } from "./runtime.ts";
import { readEvent, type ShimEvent } from "./shim-events.ts";
import { until } from "./wait.ts";

/** The state of its containers then lies where a Lab looks for what is left. */
export const NAMESPACE = "state";

/** An answer that is an error: gRPC's code, and the text. */
export class Refusal extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** The code and the text of a request that is refused. */
export async function refusal(asked: Promise<unknown>): Promise<readonly [number, string]> {
  try {
    await asked;
  } catch (error) {
    if (error instanceof Refusal) return [error.code, error.message];
    throw error;
  }
  return [0, "it succeeded"];
}

/** The link by which the executable is a shim. */
export function shimPath(lab: Lab, name = "containerd-shim-tsrun-v2"): string {
  const path = join(lab.folder, name);
  if (!existsSync(path)) symlinkSync(runtimePath, path);
  return path;
}

/** A place for a shim's socket, beside that of a containerd which takes its events. */
export class Containerd {
  readonly events: ShimEvent[] = [];
  readonly address: string;
  readonly #ttrpc: string;
  #server: Server | undefined;
  readonly #sockets: Set<Socket> = new Set();
  /** Answers that are held back. */
  #held: (() => void)[] | undefined;

  constructor(lab: Lab) {
    const folder = join(lab.folder, "cd");
    mkdirSync(folder);
    this.address = join(folder, "c.sock");
    this.#ttrpc = `${this.address}.ttrpc`;
  }

  get environment(): Record<string, string> {
    return { ...plainEnv, TTRPC_ADDRESS: this.#ttrpc, MAX_SHIM_VERSION: "2" };
  }

  async listen(): Promise<void> {
    const server = createServer((socket) => this.#serve(socket));
    this.#server = server;
    await new Promise<void>((resolve) => void server.listen(this.#ttrpc, resolve));
  }

  /** As when it is killed: connections end. */
  async close(): Promise<void> {
    const server = this.#server;
    for (const socket of this.#sockets) socket.destroy();
    this.#server = undefined;
    if (server !== undefined) await new Promise<void>((resolve) => void server.close(() => resolve()));
  }

  /** Answers nothing until `release`. */
  hold(): void {
    this.#held = [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const answer of held) answer();
  }

  names(): EventName[] {
    return this.events.map(({ name }) => name);
  }

  async waitFor(name: EventName, count = 1): Promise<ShimEvent> {
    return until(`event ${name}`, async () => this.events.filter((one) => one.name === name)[count - 1]);
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    const reader = new FrameReader();
    socket.on("error", () => {});
    socket.on("close", () => void this.#sockets.delete(socket));
    socket.on("data", (bytes) => {
      reader.push(Uint8Array.from(bytes as Buffer));
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
        this.events.push(readEvent(frame.message ?? new Uint8Array(0)));
        const { stream } = frame;
        const answer = (): void =>
          void socket.write(encodeFrame(stream, TYPE_RESPONSE, encode(RESPONSE, {})));
        if (this.#held === undefined) answer();
        else this.#held.push(answer);
      }
    });
  }
}

/** One connection to a shim. */
export class ShimClient {
  readonly #socket: Socket;
  readonly #waiting: Map<number, (message: Uint8Array | undefined) => void> = new Map();
  #stream = -1;
  #closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const reader = new FrameReader();
    socket.on("data", (bytes) => {
      reader.push(Uint8Array.from(bytes as Buffer));
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) {
        this.#waiting.get(frame.stream)?.(frame.message);
        this.#waiting.delete(frame.stream);
      }
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.#closed = true;
      for (const resolve of this.#waiting.values()) resolve(undefined);
      this.#waiting.clear();
    });
  }

  static async connect(address: string): Promise<ShimClient> {
    const socket = connect(address.replace(/^unix:\/\//, ""));
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new ShimClient(socket);
  }

  async call<M extends TaskMethod>(
    method: M,
    request: ValuesOf<(typeof TASK_METHODS)[M][0]>,
  ): Promise<ValuesOf<(typeof TASK_METHODS)[M][1]>> {
    const [asked, answered] = TASK_METHODS[method];
    const payload = encode(asked as Message, request as ValuesOf<Message>);
    const message = encode(REQUEST, { service: "containerd.task.v2.Task", method, payload });
    const answer = await this.ask(message);
    return decode(answered as Message, answer) as ValuesOf<(typeof TASK_METHODS)[M][1]>;
  }

  /** Sends the bytes of a request, and returns those of its answer. */
  async ask(message: Uint8Array): Promise<Uint8Array> {
    if (this.#closed) throw new Error("the shim has closed the connection");
    this.#stream += 2;
    const stream = this.#stream;
    const answer = new Promise<Uint8Array | undefined>((resolve) => void this.#waiting.set(stream, resolve));
    this.write(encodeFrame(stream, TYPE_REQUEST, message));
    const got = await answer;
    if (got === undefined) throw new Error("the shim has closed the connection");
    const { status, payload = new Uint8Array(0) } = decode(RESPONSE, got);
    if (status?.code) throw new Refusal(status.code, status.message ?? "");
    return payload;
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Reads no answer any more. */
  pause(): void {
    this.#socket.pause();
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Starts the shim of a container as containerd does. Returns what `start` has printed. */
export function startShim(
  lab: Lab,
  containerd: Containerd,
  box: Container,
  more: readonly string[] = [],
  name?: string,
): string {
  const words = ["-namespace", NAMESPACE, "-address", containerd.address, "-id", box.id, ...more, "start"];
  return execFileSync(shimPath(lab, name), words, {
    cwd: box.bundle,
    env: containerd.environment,
    input: "",
    encoding: "utf8",
  });
}

/** The shim's own command that cleans up after it. */
export function deleteAfter(lab: Lab, containerd: Containerd, box: Container): Uint8Array {
  const words = ["-namespace", NAMESPACE, "-address", containerd.address, "-id", box.id, "delete"];
  const options = { cwd: box.bundle, env: containerd.environment } as const;
  return new Uint8Array(execFileSync(shimPath(lab), ["-bundle", box.bundle, ...words], options));
}

/** The options by which a shim keeps its containers where the Lab looks for them. */
export function optionsFor(
  lab: Lab,
  more: ValuesOf<typeof RUNC_OPTIONS> = {},
): { typeUrl: string; value: Uint8Array } {
  const value = encode(RUNC_OPTIONS, { root: lab.folder, ...more });
  return { typeUrl: "containerd.runc.v1.Options", value };
}

/** A shim at work, with a container's bundle. */
export class Shim {
  readonly client: ShimClient;
  readonly containerd: Containerd;
  readonly address: string;
  readonly box: Container;
  readonly lab: Lab;

  private constructor(lab: Lab, box: Container, containerd: Containerd, address: string, client: ShimClient) {
    this.lab = lab;
    this.box = box;
    this.containerd = containerd;
    this.address = address;
    this.client = client;
  }

  /** @param name of the shim's link */
  static async start(
    lab: Lab,
    box: Container,
    containerd = new Containerd(lab),
    name?: string,
  ): Promise<Shim> {
    await containerd.listen();
    const { address } = JSON.parse(startShim(lab, containerd, box, [], name)) as { address: string };
    const shim = new Shim(lab, box, containerd, address, await ShimClient.connect(address));
    const { pid } = shim;
    // Otherwise the file would wait for a shim that a failed test has left.
    lab.atEnd(() => {
      shim.client.close();
      void containerd.close();
      if (!hasEnded(pid)) signalProcess(pid, "SIGKILL");
    });
    return shim;
  }

  get pid(): number {
    return Number(readFileSync(join(this.box.bundle, "shim.pid"), "utf8"));
  }

  /** How many descriptors it has open. */
  get descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  create(
    more: Partial<ValuesOf<(typeof TASK_METHODS)["Create"][0]>> = {},
  ): Promise<{ pid?: number | undefined }> {
    const { id, bundle } = this.box;
    return this.client.call("Create", { id, bundle, options: optionsFor(this.lab), ...more });
  }

  /** A FIFO for a stream of the container's, whose other end the test reads or writes. */
  fifo(name: string): string {
    const path = join(this.box.bundle, name);
    execFileSync("mkfifo", [path]);
    return path;
  }

  /** After it was killed: what is left is cleaned up, as containerd has it done. */
  async cleanUp(): Promise<Uint8Array> {
    const { pid } = this;
    await until("the shim to end", () => hasEnded(pid));
    this.client.close();
    await this.containerd.close();
    return this.deleteAfter();
  }

  /** The command `delete`, as containerd runs it. */
  deleteAfter(): Uint8Array {
    return deleteAfter(this.lab, this.containerd, this.box);
  }

  /** Ends what is left: the container, and with it the shim. */
  async stop(): Promise<void> {
    const { id } = this.box;
    const { pid } = this;
    await this.client.call("Kill", { id, signal: 9, all: true }).catch(() => {});
    await this.client.call("Wait", { id }).catch(() => {});
    await this.client.call("Delete", { id }).catch(() => {});
    await this.client.call("Shutdown", { id }).catch(() => {});
    await until("the shim to end", () => hasEnded(pid));
    this.client.close();
    await this.containerd.close();
  }
}
