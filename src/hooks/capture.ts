// The memory files that a hook reads and writes instead of pipes: its state on standard input, its two
// outputs, and the answer of a process that could not execute it. Nothing has to be drained while it runs, so
// nothing can deadlock.

import { mustCall, tryCall } from "../linux/call.ts";
import { MFD_CLOEXEC } from "../linux/fcntl.ts";
import { Descriptor, readAll, writeAll } from "../linux/files.ts";
import { cString, text } from "../linux/words.ts";

const NAMES = ["stdin", "stdout", "stderr", "result"] as const;
const SEEK_SET = 0;

export type CaptureName = (typeof NAMES)[number];

/** Four memory files, used again for each hook. */
export class Capture implements Disposable {
  readonly #files: ReadonlyMap<CaptureName, Descriptor>;

  constructor() {
    this.#files = new Map(NAMES.map((name) => [name, makeFile(name)]));
  }

  /** In the order of NAMES: what the first process inherits when hooks run inside. */
  get descriptors(): readonly Descriptor[] {
    return [...this.#files.values()];
  }

  number(name: CaptureName): number {
    return this.#files.get(name)?.number ?? -1;
  }

  /** Empties all and puts `state` where the hook reads it. */
  prepare(state: string): void {
    for (const name of NAMES) {
      mustCall("empty a memory file", "ftruncate", this.number(name), 0);
      this.#rewind(name);
    }
    writeAll(this.number("stdin"), state, "a hook's state");
    this.#rewind("stdin");
  }

  bytes(name: CaptureName): Uint8Array {
    this.#rewind(name);
    return readAll(this.number(name), `a hook's ${name}`);
  }

  text(name: CaptureName): string {
    return text(this.bytes(name)).trim();
  }

  [Symbol.dispose](): void {
    for (const file of this.#files.values()) file.close();
  }

  #rewind(name: CaptureName): void {
    tryCall("lseek", this.number(name), 0, SEEK_SET);
  }
}

function makeFile(name: string): Descriptor {
  return new Descriptor(mustCall("make a memory file", "memfd_create", cString(`hook-${name}`), MFD_CLOEXEC));
}
