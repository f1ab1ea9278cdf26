// The memory files that a hook of the host reads and writes instead of pipes: its state on standard input,
// its two outputs. Nothing has to be drained while it runs, so nothing can deadlock.

import { mustCall, tryCall } from "../linux/call.ts";
import { MFD_CLOEXEC, SEEK_SET } from "../linux/fcntl.ts";
import { Descriptor, readAll, writeAll } from "../linux/files.ts";
import { cString, text } from "../linux/words.ts";

/** In the order of their numbers in the hook. */
const NAMES = ["stdin", "stdout", "stderr"] as const;
type CaptureName = (typeof NAMES)[number];

/** Three memory files, for one hook. */
export class Capture implements Disposable {
  readonly #files: readonly Descriptor[];

  constructor(state: string) {
    this.#files = NAMES.map(makeFile);
    const [stdin] = this.#files;
    if (stdin === undefined) return;
    writeAll(stdin.number, state, "a hook's state");
    rewind(stdin);
  }

  /** What goes where in the hook. */
  get descriptors(): { from: number; to: number }[] {
    return this.#files.map((file, to) => ({ from: file.number, to }));
  }

  text(name: CaptureName): string {
    const file = this.#files[NAMES.indexOf(name)];
    if (file === undefined) return "";
    rewind(file);
    return text(readAll(file.number, `a hook's ${name}`)).trim();
  }

  [Symbol.dispose](): void {
    for (const file of this.#files) file.close();
  }
}

function rewind(file: Descriptor): void {
  tryCall("lseek", file.number, 0, SEEK_SET);
}

function makeFile(name: string): Descriptor {
  return new Descriptor(mustCall("make a memory file", "memfd_create", cString(`hook-${name}`), MFD_CLOEXEC));
}
