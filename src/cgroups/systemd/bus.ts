// Talks to systemd: calls its manager's methods and waits for the jobs that they start. Connects to systemd's
// private socket if there is one, otherwise through the message bus. Called for --systemd-cgroup, and for a
// state that names a unit.

import { TsrunError, throwIfOutOfMemory } from "../../errors.ts";
import { viewOf } from "../../linux/call/words.ts";
import { status } from "../../linux/files/files.ts";
import {
  type BusConnection,
  type BusMessage,
  type Libsystemd,
  loadLibsystemd,
} from "../../linux/libraries/libsystemd.ts";
import { errnoName, errnoWords } from "../../linux/numbers/errno.ts";
import { beforeExit } from "../../linux/process/process.ts";
import { begin, end } from "../../spans.ts";
import { type BusValue, type Property, splitSignature } from "./property.ts";

const NAME = "org.freedesktop.systemd1";
const OBJECT = "/org/freedesktop/systemd1";
const MANAGER = "org.freedesktop.systemd1.Manager";
const PROPERTIES = "org.freedesktop.DBus.Properties";

const CALL_TIMEOUT_MS = 25_000;
/** runc waits for a job as long. */
const JOB_TIMEOUT_MS = 30_000;

/** How a job ended that did not end as `done`: `failed` and others. */
export type JobResult = string;

/** The error of a refused call, such as `org.freedesktop.systemd1.NoSuchUnit`. */
export class SystemdError extends TsrunError {
  readonly busName: string;

  constructor(member: string, { name, message, result }: { name: string; message: string; result: number }) {
    const words = message === "" ? errnoWords(-result) : message;
    super("E_CGROUP", `systemd refused ${member}: ${words}`, { errno: errnoName(-result) });
    this.busName = name;
  }
}

const connections = new Map<boolean, Systemd>();

/** The connection to the system's manager or the user's; one for the whole command. */
export function connectSystemd({ user }: { readonly user: boolean }): Systemd {
  const known = connections.get(user);
  if (known !== undefined) return known;
  const made = new Systemd(openConnection(user));
  connections.set(user, made);
  return made;
}

/** A new one, after the other has failed. */
export function reconnectSystemd(manager: { readonly user: boolean }): Systemd {
  connections.delete(manager.user);
  return connectSystemd(manager);
}

function openConnection(user: boolean): { connection: BusConnection; daemon: boolean } {
  const library = load();
  beforeExit(() => library[Symbol.dispose]());
  const runtime = process.env.XDG_RUNTIME_DIR ?? "";
  const bus = process.env.DBUS_SESSION_BUS_ADDRESS ?? "";
  const sockets = user
    ? [
        ...(runtime === "" ? [] : [{ address: `${runtime}/systemd/private`, daemon: false }]),
        ...(bus === "" ? [] : [{ address: bus, daemon: true }]),
        ...(runtime === "" ? [] : [{ address: `${runtime}/bus`, daemon: true }]),
      ]
    : [
        { address: "/run/systemd/private", daemon: false },
        { address: "/run/dbus/system_bus_socket", daemon: true },
      ];
  let failure = "XDG_RUNTIME_DIR and DBUS_SESSION_BUS_ADDRESS are not set";
  for (const { address, daemon } of sockets) {
    if (address.startsWith("/") && status(address) === undefined) {
      failure = `"${address}" does not exist`;
      continue;
    }
    const connection = library.connect(address.startsWith("/") ? `unix:path=${address}` : address, {
      daemon,
    });
    if (typeof connection !== "number") return { connection, daemon };
    failure = `cannot connect to "${address}": ${errnoWords(-connection)}`;
  }
  throw new TsrunError("E_CGROUP", `systemd support for managing cgroups is not available: ${failure}`, {
    hint: user
      ? "log in so that a user manager runs (loginctl enable-linger), and keep XDG_RUNTIME_DIR set"
      : "leave out --systemd-cgroup where systemd is not running",
  });
}

function load(): Libsystemd {
  try {
    return loadLibsystemd();
  } catch (error) {
    throwIfOutOfMemory(error);
    const words = error instanceof Error ? error.message : String(error);
    const hint = error instanceof TsrunError ? error.hint : undefined;
    throw new TsrunError("E_UNSUPPORTED", `--systemd-cgroup needs libsystemd.so.0 of the host: ${words}`, {
      hint: hint ?? "install the Debian package libsystemd0, or leave out --systemd-cgroup",
      cause: error,
    });
  }
}

/** Writes one argument of a call. */
interface Argument {
  readonly type: string;
  readonly value: BusValue;
}

export class Systemd {
  readonly #connection: BusConnection;
  readonly #daemon: boolean;
  #listening = false;

  constructor({ connection, daemon }: { connection: BusConnection; daemon: boolean }) {
    this.#connection = connection;
    this.#daemon = daemon;
  }

  /** A text property of the manager, such as `Version` or `ControlGroup`. */
  managerProperty(name: string): string {
    return this.#property(OBJECT, MANAGER, name);
  }

  /** The cgroup of a unit, from the root: empty if it does not run, `undefined` if there is no such unit. */
  controlGroup(name: string): string | undefined {
    try {
      using reply = this.#call(MANAGER, "GetUnit", [{ type: "s", value: name }]);
      const path = reply.readText("o") ?? "";
      return this.#property(path, `${NAME}.${name.endsWith(".slice") ? "Slice" : "Scope"}`, "ControlGroup");
    } catch (error) {
      if (error instanceof SystemdError && error.busName === `${NAME}.NoSuchUnit`) return undefined;
      throw error;
    }
  }

  /** The ids of the processes in a unit, and in the cgroups below its own. */
  processes(name: string): number[] {
    using reply = this.#call(MANAGER, "GetUnitProcesses", [{ type: "s", value: name }]);
    const pids: number[] = [];
    must(reply.enterContainer("a", "(sus)"), "read the processes of a unit");
    while (reply.enterContainer("r", "sus") > 0) {
      reply.readText("s");
      pids.push(reply.readNumber() ?? 0);
      reply.readText("s");
      reply.exitContainer();
    }
    return pids;
  }

  /** The number at the front of the version: 262 of `262.1-2`. */
  version(): number {
    return Number(/\d+/.exec(this.managerProperty("Version"))?.[0] ?? 0);
  }

  /** Makes a unit and waits for its job. Calls `accepted` when there is a job. */
  startTransientUnit(name: string, properties: readonly Property[], accepted: () => void): JobResult {
    const args = [
      { type: "s", value: name },
      { type: "s", value: "replace" },
      propertyList(properties),
      { type: "a(sa(sv))", value: [] },
    ];
    return this.#job("StartTransientUnit", args, accepted);
  }

  /** Stops a unit and waits for its job. */
  stopUnit(name: string): JobResult {
    return this.#job("StopUnit", [
      { type: "s", value: name },
      { type: "s", value: "replace" },
    ]);
  }

  /** Lets systemd forget a unit that has failed. */
  resetFailedUnit(name: string): void {
    this.#call(MANAGER, "ResetFailedUnit", [{ type: "s", value: name }])[Symbol.dispose]();
  }

  /** Changes properties until the unit ends. */
  setUnitProperties(name: string, properties: readonly Property[]): void {
    this.#call(MANAGER, "SetUnitProperties", [
      { type: "s", value: name },
      { type: "b", value: true },
      propertyList(properties),
    ])[Symbol.dispose]();
  }

  /** Moves processes into a unit, or a cgroup below it; systemd may do that even if their owner may not. */
  attachProcesses(name: string, inside: string, pids: readonly number[]): void {
    this.#call(MANAGER, "AttachProcessesToUnit", [
      { type: "s", value: name },
      { type: "s", value: inside },
      { type: "au", value: pids },
    ])[Symbol.dispose]();
  }

  #property(path: string, interfaceName: string, name: string): string {
    const wanted = [
      { type: "s", value: interfaceName },
      { type: "s", value: name },
    ];
    using reply = this.#call(PROPERTIES, "Get", wanted, { destination: NAME, path });
    must(reply.enterContainer("v", "s"), `read the property ${name}`);
    return reply.readText("s") ?? "";
  }

  #job(member: string, args: readonly Argument[], accepted?: () => void): JobResult {
    const since = begin();
    try {
      return this.#waitForJob(member, args, accepted);
    } finally {
      if (since > 0) end(since, "wait", `wait for systemd's ${member}`);
    }
  }

  #waitForJob(member: string, args: readonly Argument[], accepted?: () => void): JobResult {
    this.#listen();
    using reply = this.#call(MANAGER, member, args);
    accepted?.();
    const job = reply.readText("o") ?? "";
    const deadline = performance.now() + JOB_TIMEOUT_MS;
    for (;;) {
      const message = this.#connection.next();
      if (typeof message === "number") must(message, `wait for systemd's ${member}`);
      else if (message !== undefined) {
        using signal = message;
        const result = jobRemoved(signal, job);
        if (result !== undefined) return result;
        continue;
      }
      const left = deadline - performance.now();
      if (left <= 0) return "timeout";
      must(this.#connection.wait(Math.ceil(left)), `wait for systemd's ${member}`);
    }
  }

  /** On its private socket systemd sends its signals to everybody; through the bus, only to subscribers. */
  #listen(): void {
    if (this.#listening || !this.#daemon) return;
    this.#listening = true;
    const rule = `type='signal',interface='${MANAGER}',member='JobRemoved'`;
    const address = { destination: "org.freedesktop.DBus", path: "/org/freedesktop/DBus" };
    this.#call("org.freedesktop.DBus", "AddMatch", [{ type: "s", value: rule }], address)[Symbol.dispose]();
    this.#call(MANAGER, "Subscribe", [])[Symbol.dispose]();
  }

  #call(
    interfaceName: string,
    member: string,
    args: readonly Argument[],
    { destination, path } = { destination: NAME, path: OBJECT },
  ): BusMessage {
    const made = this.#connection.newCall({ destination, path, interface: interfaceName, member });
    if (typeof made === "number") throw refusal(`call systemd's ${member}`, made);
    using message = made;
    for (const { type, value } of args) append(message, type, value);
    const since = begin();
    const reply = this.#connection.call(message, CALL_TIMEOUT_MS);
    end(since, "dbus", member);
    if ("result" in reply) throw new SystemdError(member, reply);
    return reply;
  }
}

/** u job id, o job, s unit, s result */
function jobRemoved(signal: BusMessage, job: string): JobResult | undefined {
  if (!signal.isSignal(MANAGER, "JobRemoved")) return undefined;
  signal.readNumber();
  if (signal.readText("o") !== job) return undefined;
  signal.readText("s");
  return signal.readText("s") ?? "unknown";
}

function propertyList(properties: readonly Property[]): Argument {
  // Each property is a structure of its name and, in a variant, its value; see `append`.
  return { type: "a(sv)", value: properties.map(({ name, type, value }) => [name, [type, value]]) };
}

/** Appends a value of a complete type. A variant is given as a pair of its type and its value. */
function append(message: BusMessage, type: string, value: BusValue): void {
  if (type === "v") {
    const [inner, held] = value as readonly [string, BusValue];
    inContainer(message, "v", inner, () => append(message, inner, held));
  } else if (type.startsWith("a")) {
    const element = type.slice(1);
    inContainer(message, "a", element, () => {
      for (const one of value as readonly BusValue[]) append(message, element, one);
    });
  } else if (type.startsWith("(")) {
    const members = type.slice(1, -1);
    inContainer(message, "r", members, () => {
      let rest = members;
      for (const one of value as readonly BusValue[]) {
        const [first, others] = splitSignature(rest);
        append(message, first, one);
        rest = others;
      }
    });
  } else {
    must(appendBasic(message, type, value), "write to systemd");
  }
}

function inContainer(message: BusMessage, kind: string, contents: string, fill: () => void): void {
  must(message.openContainer(kind, contents), "write to systemd");
  fill();
  must(message.closeContainer(), "write to systemd");
}

function appendBasic(message: BusMessage, type: string, value: BusValue): number {
  if (type === "s" || type === "o" || type === "g") return message.appendText(type, String(value));
  const bytes = new Uint8Array(8);
  const view = viewOf(bytes);
  if (type === "d") view.setFloat64(0, Number(value), true);
  // Little-endian: a smaller type is the beginning of a larger one. A boolean is an int here.
  else view.setBigUint64(0, BigInt.asUintN(64, BigInt(value as number | bigint | boolean)), true);
  return message.appendBytes(type, bytes);
}

function must(result: number, attempt: string): void {
  if (result < 0) throw refusal(attempt, result);
}

function refusal(attempt: string, result: number): TsrunError {
  return new TsrunError("E_CGROUP", `cannot ${attempt}: ${errnoWords(-result)}`, {
    errno: errnoName(-result),
  });
}
