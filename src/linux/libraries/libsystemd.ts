// libsystemd.so.0: the calls of sd-bus(3) that speak to systemd, none of them variadic. Bound when asked for,
// never at start-up. Called by src/cgroups/systemd/bus.ts.

import { cString, viewOf } from "../call/words.ts";
import { bind, type Library } from "./ffi.ts";

const FUNCTIONS = {
  sd_bus_new: "int",
  sd_bus_set_address: "int",
  sd_bus_set_bus_client: "int",
  sd_bus_start: "int",
  sd_bus_flush_close_unref: "nothing",
  sd_bus_call: "int",
  sd_bus_process: "int",
  sd_bus_wait: "int",
  sd_bus_error_free: "nothing",
  sd_bus_message_new_method_call: "int",
  sd_bus_message_unref: "nothing",
  sd_bus_message_append_basic: "int",
  sd_bus_message_open_container: "int",
  sd_bus_message_close_container: "int",
  sd_bus_message_enter_container: "int",
  sd_bus_message_exit_container: "int",
  sd_bus_message_read_basic: "int",
  sd_bus_message_is_signal: "int",
} as const;

/** The address of a method: bus name, object, interface. */
export interface MethodAddress {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
}

/** The error that a method returned. */
export interface BusFailure {
  /** The negated errno that sd-bus makes of it. */
  readonly result: number;
  /** `org.freedesktop.systemd1.NoSuchUnit`, and what it says. */
  readonly name: string;
  readonly message: string;
}

/** A `sd_bus_message *`. What fails answers a negated errno. */
export interface BusMessage extends Disposable {
  /** A string or object path. */
  appendText(type: string, text: string): number;
  /** A number, as bytes in memory order. */
  appendBytes(type: string, bytes: Uint8Array): number;
  openContainer(type: string, contents: string): number;
  closeContainer(): number;
  /** 0 if there is no such container next. */
  enterContainer(type: string, contents: string): number;
  exitContainer(): number;
  /** `undefined` when there is no such text next. */
  readText(type: string): string | undefined;
  /** Reads a `u`. */
  readNumber(): number | undefined;
  isSignal(interfaceName: string, member: string): boolean;
}

/** A connection. */
export interface BusConnection {
  newCall(address: MethodAddress): BusMessage | number;
  /** Sends a call and waits for its reply. */
  call(message: BusMessage, timeoutMs: number): BusMessage | BusFailure;
  /**
   * The next message that is no reply; `undefined` if there is none yet, a negated errno if the connection
   * has failed.
   */
  next(): BusMessage | undefined | number;
  wait(timeoutMs: number): number;
}

/** Connections go with it. */
export interface Libsystemd extends Disposable {
  /** Connects to a D-Bus address; set `daemon` for a message bus, not for systemd itself. */
  connect(address: string, options: { readonly daemon: boolean }): BusConnection | number;
}

/** Bytes of `sd_bus_error`: two pointers to text and an int. */
const ERROR_SIZE = 24;

type Bus = Library<typeof FUNCTIONS>;

/** Binds the library. Throws what dlopen(3) says when it is not there. */
export function loadLibsystemd(): Libsystemd {
  const library = bind("libsystemd.so.0", FUNCTIONS);
  const { functions } = library;
  return {
    connect(address, { daemon }) {
      const out = new Uint8Array(8);
      const made = functions.sd_bus_new(out);
      if (made < 0) return made;
      const bus = pointerIn(out);
      let result = functions.sd_bus_set_address(bus, cString(address));
      if (result >= 0 && daemon) result = functions.sd_bus_set_bus_client(bus, 1);
      if (result >= 0) result = functions.sd_bus_start(bus);
      if (result >= 0) return new Connection(library, bus);
      functions.sd_bus_flush_close_unref(bus);
      return result;
    },
    [Symbol.dispose]: () => library[Symbol.dispose](),
  };
}

class Connection implements BusConnection {
  readonly #library: Bus;
  readonly #bus: number;

  constructor(library: Bus, bus: number) {
    this.#library = library;
    this.#bus = bus;
  }

  newCall(address: MethodAddress): BusMessage | number {
    const out = new Uint8Array(8);
    const result = this.#library.functions.sd_bus_message_new_method_call(
      this.#bus,
      out,
      cString(address.destination),
      cString(address.path),
      cString(address.interface),
      cString(address.member),
    );
    return result < 0 ? result : new Message(this.#library, pointerIn(out));
  }

  call(message: BusMessage, timeoutMs: number): BusMessage | BusFailure {
    const error = new Uint8Array(ERROR_SIZE);
    const reply = new Uint8Array(8);
    const address = (message as Message).address;
    const result = this.#library.functions.sd_bus_call(
      this.#bus,
      address,
      BigInt(timeoutMs) * 1000n,
      error,
      reply,
    );
    if (result >= 0) return new Message(this.#library, pointerIn(reply));
    const failure = { result, name: textAt(this.#library, error), message: textAt(this.#library, error, 8) };
    this.#library.functions.sd_bus_error_free(error);
    return failure;
  }

  next(): BusMessage | undefined | number {
    for (;;) {
      const out = new Uint8Array(8);
      const result = this.#library.functions.sd_bus_process(this.#bus, out);
      if (result <= 0) return result === 0 ? undefined : result;
      // sd-bus has done internal work, such as sending a reply.
      const message = pointerIn(out);
      if (message !== 0) return new Message(this.#library, message);
    }
  }

  wait(timeoutMs: number): number {
    return this.#library.functions.sd_bus_wait(this.#bus, BigInt(timeoutMs) * 1000n);
  }
}

class Message implements BusMessage {
  readonly #library: Bus;
  readonly address: number;

  constructor(library: Bus, address: number) {
    this.#library = library;
    this.address = address;
  }

  appendText(type: string, text: string): number {
    return this.#library.functions.sd_bus_message_append_basic(this.address, code(type), cString(text));
  }

  appendBytes(type: string, bytes: Uint8Array): number {
    return this.#library.functions.sd_bus_message_append_basic(this.address, code(type), bytes);
  }

  openContainer(type: string, contents: string): number {
    return this.#library.functions.sd_bus_message_open_container(this.address, code(type), cString(contents));
  }

  closeContainer(): number {
    return this.#library.functions.sd_bus_message_close_container(this.address);
  }

  enterContainer(type: string, contents: string): number {
    return this.#library.functions.sd_bus_message_enter_container(
      this.address,
      code(type),
      cString(contents),
    );
  }

  exitContainer(): number {
    return this.#library.functions.sd_bus_message_exit_container(this.address);
  }

  readText(type: string): string | undefined {
    const out = new Uint8Array(8);
    const result = this.#library.functions.sd_bus_message_read_basic(this.address, code(type), out);
    return result > 0 ? textAt(this.#library, out) : undefined;
  }

  readNumber(): number | undefined {
    const out = new Uint8Array(4);
    const result = this.#library.functions.sd_bus_message_read_basic(this.address, code("u"), out);
    return result > 0 ? viewOf(out).getUint32(0, true) : undefined;
  }

  isSignal(interfaceName: string, member: string): boolean {
    const [wanted, name] = [cString(interfaceName), cString(member)];
    return this.#library.functions.sd_bus_message_is_signal(this.address, wanted, name) > 0;
  }

  [Symbol.dispose](): void {
    this.#library.functions.sd_bus_message_unref(this.address);
  }
}

/** The type of a value as a C char. */
function code(type: string): number {
  return type.charCodeAt(0);
}

function pointerIn(bytes: Uint8Array, offset = 0): number {
  return Number(viewOf(bytes).getBigUint64(offset, true));
}

/** The text at the address that `bytes` hold. */
function textAt(library: Bus, bytes: Uint8Array, offset = 0): string {
  const address = pointerIn(bytes, offset);
  return address === 0 ? "" : library.readCString(address);
}
