// The memory files that a hook on the host uses instead of pipes: the state on standard input, and its two
// outputs, unless those go to files. No pipe has to be drained while it runs, so nothing can deadlock.

import { mustCall, tryCall } from "../linux/call/call.ts";
import { text } from "../linux/call/words.ts";
import { Descriptor, readAll, writeAll } from "../linux/files/files.ts";
import { MFD_CLOEXEC, SEEK_SET } from "../linux/numbers/fcntl.ts";
import type { HookOutput } from "./output.ts";
import { printedTo } from "./plan.ts";

/** In the order of their descriptor numbers in the hook. */
const NAMES = ["stdin", "stdout", "stderr"] as const;
type CaptureName = (typeof NAMES)[number];

/** Three memory files for one hook, or fewer if its output goes to files. */
export class Capture implements Disposable {
  readonly #made = new Map<CaptureName, Descriptor>();
  readonly #output: HookOutput | undefined;

  constructor(state: string, output: HookOutput | undefined) {
    this.#output = output;
    for (const name of NAMES) if (this.#elsewhere(name) === undefined) this.#made.set(name, makeFile(name));
    const stdin = this.#made.get("stdin");
    if (stdin === undefined) return;
    writeAll(stdin.number, state, "a hook's state");
    rewind(stdin);
  }

  #elsewhere(name: CaptureName): Descriptor | undefined {
    return name === "stdin" ? undefined : this.#output?.[name];
  }

  /** Our descriptors and their numbers in the hook. */
  get descriptors(): { from: number; to: number }[] {
    return NAMES.flatMap((name, to) => {
      const file = this.#elsewhere(name) ?? this.#made.get(name);
      return file === undefined ? [] : [{ from: file.number, to }];
    });
  }

  text(name: "stdout" | "stderr"): string {
    const path = this.#output?.paths[name];
    if (path !== undefined) return printedTo(path);
    const file = this.#made.get(name);
    if (file === undefined) return "";
    rewind(file);
    return text(readAll(file.number, `a hook's ${name}`)).trim();
  }

  [Symbol.dispose](): void {
    for (const file of this.#made.values()) file.close();
  }
}

function rewind(file: Descriptor): void {
  tryCall("lseek", file.number, 0, SEEK_SET);
}

function makeFile(name: string): Descriptor {
  return new Descriptor(mustCall("make a memory file", "memfd_create", `hook-${name}`, MFD_CLOEXEC));
}
