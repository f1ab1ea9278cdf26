// The memory files that a hook on the host uses instead of pipes: the state on standard input, and its two
// outputs, unless those go to files. No pipe has to be drained, so nothing can deadlock, and what a hook has
// started may go on printing after the hook and tsrun have ended. What will not be reported is given back to
// the kernel while the hook runs.

import { mustCall, tryCall } from "../linux/call/call.ts";
import { text } from "../linux/call/words.ts";
import { Descriptor, readAll, status, writeAll } from "../linux/files/files.ts";
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, MFD_CLOEXEC, SEEK_SET } from "../linux/numbers/fcntl.ts";
import type { HookOutput } from "./output.ts";
import { printedTo } from "./plan.ts";

/** In the order of their descriptor numbers in the hook. */
const NAMES = ["stdin", "stdout", "stderr"] as const;
type CaptureName = (typeof NAMES)[number];
const OUTPUTS = ["stdout", "stderr"] as const;

/** How much of each output is kept and reported: its end, where programs say why they fail. */
const KEPT = 1 << 20;

/** Three memory files for one hook, or fewer if its output goes to files. */
export class Capture implements Disposable {
  readonly #made = new Map<CaptureName, Descriptor>();
  readonly #output: HookOutput | undefined;
  /** For each output: up to which byte its memory has been given back. */
  readonly #forgotten = { stdout: 0, stderr: 0 };

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

  /** Gives back the memory of what will not be reported. Returns whether there was any. */
  forget(): boolean {
    let any = false;
    for (const name of OUTPUTS) {
      const file = this.#made.get(name);
      const size = file === undefined ? 0 : sizeOf(file);
      const from = this.#forgotten[name];
      // Not for each byte, but as soon as there is as much to give back as is kept.
      if (file === undefined || size - from < 2 * KEPT) continue;
      const how = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
      tryCall("fallocate", file.number, how, from, size - KEPT - from);
      this.#forgotten[name] = size - KEPT;
      any = true;
    }
    return any;
  }

  /** What the hook has printed, or the end of it. */
  text(name: "stdout" | "stderr"): string {
    const path = this.#output?.paths[name];
    if (path !== undefined) return printedTo(path);
    const file = this.#made.get(name);
    if (file === undefined) return "";
    const begin = Math.max(0, sizeOf(file) - KEPT);
    tryCall("lseek", file.number, begin, SEEK_SET);
    const printed = text(readAll(file.number, `a hook's ${name}`, KEPT)).trim();
    return begin === 0 ? printed : `…${printed}`;
  }

  [Symbol.dispose](): void {
    for (const file of this.#made.values()) file.close();
  }
}

/** Not by lseek(2): the hook writes at the same position. */
function sizeOf(file: Descriptor): number {
  return status("", { at: file.number, itself: true })?.size ?? 0;
}

function rewind(file: Descriptor): void {
  tryCall("lseek", file.number, 0, SEEK_SET);
}

function makeFile(name: string): Descriptor {
  return new Descriptor(mustCall("make a memory file", "memfd_create", `hook-${name}`, MFD_CLOEXEC));
}
