// Functions of C libraries of the host, each library in a process of its own (library-process.ts). Called by
// libsystemd.ts; system calls go through call.ts.

import { TsrunError } from "../../errors.ts";
import { begin, end } from "../../spans.ts";
import { cString, text } from "../call/words.ts";
import { type Argument, LibraryProcess, type Returns } from "./library-process.ts";

/**
 * What a function returns. `nothing` is for functions that free memory; once the process has ended they are
 * skipped.
 */
type Result = Returns | "nothing";

type Bound<T> = { readonly [K in keyof T]: (...args: Argument[]) => number };

/** A loaded library; disposing of it ends its process and frees everything. */
export interface Library<T> extends Disposable {
  readonly functions: Bound<T>;
  /** A copy of the library's memory at an address. */
  readMemory(address: number, length: number): Uint8Array;
  /** The text of a C string in the library's memory. */
  readCString(address: number): string;
}

/** dlfcn.h */
const RTLD_NOW = 2;

/**
 * Binds functions of a library and of the libraries that it needs. Throws the error of dlopen(3) if one of
 * them is missing.
 */
export function bind<const T extends Record<string, Result>>(library: string, functions: T): Library<T> {
  const since = begin();
  const process = new LibraryProcess(library);
  try {
    const bound = new BoundLibrary(process, find(process, library, Object.keys(functions)), functions);
    end(since, "library", "load a library", library);
    return bound;
  } catch (error) {
    process[Symbol.dispose]();
    throw error;
  }
}

/** The addresses of functions, in one message. */
function find(process: LibraryProcess, library: string, names: readonly string[]): number[] {
  const { dlopen, dlsym, dlerror } = process.first;
  const handle = process.call({ address: dlopen, returns: "long", args: [cString(library), RTLD_NOW] });
  const failure = () => {
    const words = process.call({ address: dlerror, returns: "long", args: [] });
    return new TsrunError("E_SYSCALL", readCString(process, words));
  };
  if (handle === 0) throw failure();
  const look = (name: string) =>
    ({ address: dlsym, returns: "long", args: [handle, cString(name)] }) as const;
  const addresses = process.callAll(names.map(look));
  const missing = names[addresses.indexOf(0)];
  // Call it once more, since dlerror(3) reports only the last failure.
  if (missing !== undefined && process.call(look(missing)) === 0) throw failure();
  return addresses;
}

class BoundLibrary<T extends Record<string, Result>> implements Library<T> {
  readonly functions: Bound<T>;
  readonly #process: LibraryProcess;
  readonly #addresses: ReadonlyMap<keyof T, number>;
  readonly #results: T;

  constructor(process: LibraryProcess, addresses: readonly number[], results: T) {
    const names = Object.keys(results);
    this.#process = process;
    this.#addresses = new Map(names.map((name, index) => [name, addresses[index] ?? 0]));
    this.#results = results;
    const bound = names.map((name) => [name, (...args: Argument[]) => this.#call(name, args)]);
    this.functions = Object.fromEntries(bound) as Bound<T>;
  }

  readMemory(address: number, length: number): Uint8Array {
    return readMemory(this.#process, address, length);
  }

  readCString(address: number): string {
    return readCString(this.#process, address);
  }

  [Symbol.dispose](): void {
    this.#process[Symbol.dispose]();
  }

  #call(name: string, args: readonly Argument[]): number {
    const result = this.#results[name];
    if (result === "nothing" && this.#process.ended) return 0;
    const returns = result === "long" ? "long" : "int";
    const since = begin();
    const returned = this.#process.call({ address: this.#addresses.get(name) ?? 0, returns, args });
    if (since > 0) end(since, "library", String(name));
    return returned;
  }
}

function readMemory(process: LibraryProcess, address: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  process.call({ address: process.first.memcpy, returns: "long", args: [bytes, address, length] });
  return bytes;
}

function readCString(process: LibraryProcess, address: number): string {
  const length = process.call({ address: process.first.strlen, returns: "long", args: [address] });
  return text(readMemory(process, address, length));
}
