// A systemd that makes no units: it answers as the test says, and notes what it is asked. The runtime finds
// it at /run/systemd/private, or through a message bus. D-Bus Specification, "Message Protocol",
// "Authentication Protocol" and "Message Bus Specification".

import { createServer, type Socket } from "node:net";
import { dirname, join } from "node:path";
import type { Lab } from "./lab.ts";

const NAME = "org.freedesktop.systemd1";
const MANAGER = `${NAME}.Manager`;
const OBJECT = "/org/freedesktop/systemd1";
const METHOD_RETURN = 2;
const ERROR = 3;
const SIGNAL = 4;
/** Codes of header fields, and the types of their values. */
const FIELD = {
  path: 1,
  interface: 2,
  member: 3,
  errorName: 4,
  replySerial: 5,
  destination: 6,
  signature: 8,
} as const;

/** The name of the message bus itself, and what it is asked. */
const BUS = "org.freedesktop.DBus";
const OF_BUS: readonly string[] = ["Hello", "AddMatch"];

/** What becomes of a unit: systemd has one already, its job ends like this, or there is no answer. */
export type Fate = "exists" | "failed" | "silent";

interface Call {
  readonly serial: number;
  readonly destination: string;
  readonly path: string;
  readonly member: string;
  /** The strings at the front of the body. */
  readonly texts: readonly string[];
}

export interface Told {
  readonly fate: Fate;
  /** Where the unit is that it knows. */
  readonly cgroup: string;
  /** The processes in the unit that it knows. */
  readonly members?: readonly number[];
  /** Whether it is found through a message bus, which passes signals on only to those who ask for them. */
  readonly onBus?: boolean;
}

export class FakeSystemd {
  /** To be put before the runtime. */
  readonly wrapper: readonly string[];
  /** The methods that were called, and for which unit. */
  readonly asked: string[] = [];
  readonly #connections = new Set<Socket>();
  readonly #fate: Fate;
  readonly #cgroup: string;
  readonly #members: readonly number[];
  readonly #onBus: boolean;
  #unitExists: boolean;

  private constructor(socket: string, { fate, cgroup, members = [], onBus = false }: Told) {
    this.#fate = fate;
    this.#cgroup = cgroup;
    this.#members = members;
    this.#onBus = onBus;
    this.#unitExists = fate !== "failed";
    const place = onBus ? "/run/dbus/system_bus_socket" : "/run/systemd/private";
    const mounts = `mount -t tmpfs none /run && mkdir ${dirname(place)}`;
    const script = `${mounts} && ln -s ${socket} ${place} && exec "$@"`;
    this.wrapper = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"];
  }

  static async listen(lab: Lab, told: Told): Promise<FakeSystemd> {
    const socket = join(lab.folder, "systemd.sock");
    const made = new FakeSystemd(socket, told);
    const server = createServer((connection) => {
      made.#connections.add(connection);
      connection.on("error", () => {});
      made.#serve(connection);
    });
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    lab.atClose(() => {
      made.hangUp();
      server.close();
    });
    return made;
  }

  /** Ends all connections, so that nobody waits for an answer any more. */
  hangUp(): void {
    for (const connection of this.#connections) connection.destroy();
  }

  #serve(connection: Socket): void {
    let held = Buffer.alloc(0);
    let hasBegun = false;
    connection.on("data", (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      while (!hasBegun && held.includes("\r\n")) {
        const line = held.subarray(0, held.indexOf("\r\n")).toString().replace("\0", "");
        held = held.subarray(held.indexOf("\r\n") + 2);
        hasBegun = line === "BEGIN";
        connection.write(answerTo(line));
      }
      for (let length = lengthOf(held); hasBegun && length <= held.length; length = lengthOf(held)) {
        this.#answer(connection, parse(held.subarray(0, length)));
        held = held.subarray(length);
      }
    });
  }

  #answer(connection: Socket, call: Call): void {
    const { serial, destination, member, texts, path } = call;
    const reply = (signature: string, body: Buffer): void => {
      connection.write(message(METHOD_RETURN, [[FIELD.replySerial, serial]], signature, body));
    };
    const refuse = (name: string): void => {
      const fields: Field[] = [
        [FIELD.errorName, name],
        [FIELD.replySerial, serial],
      ];
      connection.write(message(ERROR, fields, "s", text(0, `the unit is what it is: ${name}`)));
    };
    if (member !== "Get") this.asked.push(`${member} ${texts[0]}`);
    if (destination !== (OF_BUS.includes(member) ? BUS : NAME)) refuse(`${BUS}.Error.ServiceUnknown`);
    else if (member === "Hello") reply("s", text(0, ":1.1"));
    else if (member === "Get") {
      const value = path === OBJECT ? "252 (a fake)" : this.#cgroup;
      reply("v", Buffer.concat([Buffer.from("\x01s\0"), text(3, value)]));
    } else if (member === "GetUnit") {
      if (this.#unitExists) reply("o", text(0, `${OBJECT}/unit/one`));
      else refuse(`${NAME}.NoSuchUnit`);
    } else if (member === "GetUnitProcesses") reply("a(sus)", processes(this.#cgroup, this.#members));
    else if (member === "StartTransientUnit" && this.#fate === "exists") refuse(`${NAME}.UnitExists`);
    else if (member === "StartTransientUnit" && this.#fate === "silent") return;
    else if (member === "StartTransientUnit" || member === "StopUnit") {
      const job = `${OBJECT}/job/${serial}`;
      const result = member === "StopUnit" ? "done" : "failed";
      this.#unitExists = member !== "StopUnit";
      reply("o", text(0, job));
      if (this.#isHeard()) connection.write(jobRemoved(job, texts[0] ?? "", result));
    } else reply("", Buffer.alloc(0));
  }

  /** Whether signals of jobs arrive: the bus has to be asked for them, and systemd to send them there. */
  #isHeard(): boolean {
    const isAsked = (beginning: string): boolean => this.asked.some((one) => one.startsWith(beginning));
    return !this.#onBus || (isAsked("AddMatch type='signal'") && isAsked("Subscribe "));
  }
}

/** The lines of the authentication; a client that gives no identity at first is asked for it. */
function answerTo(line: string): string {
  if (line === "AUTH EXTERNAL") return "DATA\r\n";
  if (line.startsWith("AUTH EXTERNAL ") || line.startsWith("DATA")) return `OK ${"0a".repeat(16)}\r\n`;
  return line === "NEGOTIATE_UNIX_FD" ? "AGREE_UNIX_FD\r\n" : "";
}

const padded = (at: number, to: number): number => Math.ceil(at / to) * to;

/** The length of the message that begins here; endless if even its header has not arrived. */
function lengthOf(bytes: Buffer): number {
  if (bytes.length < 16) return Number.POSITIVE_INFINITY;
  return padded(16 + bytes.readUInt32LE(12), 8) + bytes.readUInt32LE(4);
}

function parse(bytes: Buffer): Call {
  const end = 16 + bytes.readUInt32LE(12);
  const fields = new Map<number, string>();
  for (let at = 16; at < end; at = padded(at, 8)) {
    const [code = 0, type] = [bytes[at], String.fromCharCode(bytes[at + 2] ?? 0)];
    const isShort = type === "g";
    const length = isShort ? (bytes[at + 4] ?? 0) : bytes.readUInt32LE(at + 4);
    const begin = at + (isShort ? 5 : 8);
    const isText = isShort || type === "s" || type === "o";
    if (isText) fields.set(code, bytes.subarray(begin, begin + length).toString());
    at = isText ? begin + length + 1 : at + 8;
  }
  const texts: string[] = [];
  let at = padded(end, 8);
  for (const type of fields.get(FIELD.signature) ?? "") {
    if (type !== "s") break;
    at = padded(at, 4);
    const length = bytes.readUInt32LE(at);
    texts.push(bytes.subarray(at + 4, at + 4 + length).toString());
    at += 4 + length + 1;
  }
  const [path = "", member = ""] = [fields.get(FIELD.path), fields.get(FIELD.member)];
  const destination = fields.get(FIELD.destination) ?? "";
  return { serial: bytes.readUInt32LE(8), destination, path, member, texts };
}

type Field = readonly [code: number, value: string | number];

const TYPES = new Map<number, string>([
  [FIELD.path, "o"],
  [FIELD.replySerial, "u"],
]);

/** A string or an object path behind `at` bytes: aligned, with its length and a zero. */
function text(at: number, value: string): Buffer {
  const bytes = Buffer.from(value);
  const begin = padded(at, 4) - at;
  const whole = Buffer.alloc(begin + 4 + bytes.length + 1);
  whole.writeUInt32LE(bytes.length, begin);
  bytes.copy(whole, begin + 4);
  return whole;
}

function number(at: number, value: number): Buffer {
  const bytes = Buffer.alloc(padded(at, 4) - at + 4);
  bytes.writeUInt32LE(value, bytes.length - 4);
  return bytes;
}

/** An array of structures of a cgroup, a process and its command line. */
function processes(cgroup: string, pids: readonly number[]): Buffer {
  let list = Buffer.alloc(0);
  for (const pid of pids) {
    list = Buffer.concat([list, Buffer.alloc(padded(list.length, 8) - list.length)]);
    list = Buffer.concat([list, text(list.length, cgroup)]);
    list = Buffer.concat([list, number(list.length, pid)]);
    list = Buffer.concat([list, text(list.length, "sleep")]);
  }
  const head = Buffer.alloc(8);
  head.writeUInt32LE(list.length);
  return Buffer.concat([head, list]);
}

function message(type: number, fields: readonly Field[], signature: string, body: Buffer): Buffer {
  let header = Buffer.alloc(0);
  for (const [code, value] of fields) {
    header = Buffer.concat([header, Buffer.alloc(padded(header.length, 8) - header.length)]);
    header = Buffer.concat([header, Buffer.from([code, 1]), Buffer.from(`${TYPES.get(code) ?? "s"}\0`)]);
    const encode = typeof value === "number" ? number(0, value) : text(0, value);
    header = Buffer.concat([header, encode]);
  }
  if (signature !== "") {
    header = Buffer.concat([header, Buffer.alloc(padded(header.length, 8) - header.length)]);
    const value = Buffer.from(`\x01g\0${String.fromCharCode(signature.length)}${signature}\0`);
    header = Buffer.concat([header, Buffer.from([FIELD.signature]), value]);
  }
  const front = Buffer.alloc(16);
  front.write("l");
  front[1] = type;
  front[3] = 1;
  front.writeUInt32LE(body.length, 4);
  front.writeUInt32LE(1, 8);
  front.writeUInt32LE(header.length, 12);
  const gap = Buffer.alloc(padded(header.length, 8) - header.length);
  return Buffer.concat([front, header, gap, body]);
}

function jobRemoved(job: string, unit: string, result: string): Buffer {
  let body = number(0, 1);
  for (const one of [job, unit, result]) body = Buffer.concat([body, text(body.length, one)]);
  const fields: Field[] = [
    [FIELD.path, OBJECT],
    [FIELD.interface, MANAGER],
    [FIELD.member, "JobRemoved"],
  ];
  return message(SIGNAL, fields, "uoss", body);
}
