// Starts a program as spawn.ts does, but goes on while the kernel still executes it (start-program.c). For
// programs of tsrun's own, which wait for orders. Called by executable.ts.

import { callInt } from "native";
import { PROGRAM_FAILURE, START_PROGRAM } from "../../engine/host/constants.ts";
import { hold, locateBytes } from "../../engine/host/memory.ts";
import { begin, end } from "../../spans.ts";
import { setWord, utf8, viewOf } from "../call/words.ts";
import { ENOSYS } from "../numbers/errno.ts";
import type { SpawnOptions } from "./spawn.ts";

/** `struct order` of start-program.c. */
const MOST_MOVES = 64;
const COUNT_OFFSET = 16;
const MOVES_OFFSET = COUNT_OFFSET + 8;
const PATH_OFFSET = MOVES_OFFSET + 8 * MOST_MOVES;
const PATH_SIZE = 32;
const NAME_OFFSET = PATH_OFFSET + PATH_SIZE;
const NAME_SIZE = 16;

/** Where a program begins, if not where tsrun is. */
export interface Birth {
  /** Flags of clone3(2). */
  readonly kinds: number;
  /** The descriptor of its v2 cgroup, with CLONE_INTO_CGROUP. */
  readonly cgroup: number | undefined;
}

export interface ProgramStart extends Pick<SpawnOptions, "path" | "descriptors"> {
  /** Its only argument. */
  readonly name: string;
  readonly birth?: Birth | undefined;
}

/**
 * Starts a program with no signal ignored or blocked. Returns its pid, or the negated errno of clone3(2);
 * `undefined` where that takes posix_spawn(3).
 */
export function startProgram({ path, name, descriptors, birth }: ProgramStart): number | undefined {
  const [program, argument] = [utf8(path), utf8(name)];
  if (program.length >= PATH_SIZE || argument.length >= NAME_SIZE) return undefined;
  if (descriptors.length > MOST_MOVES) return undefined;
  const order = new Uint8Array(NAME_OFFSET + NAME_SIZE);
  const view = viewOf(order);
  setWord(view, 0, birth?.kinds ?? 0);
  setWord(view, 8, birth?.cgroup ?? 0);
  setWord(view, COUNT_OFFSET, descriptors.length);
  let at = MOVES_OFFSET;
  for (const { from, to } of descriptors) {
    view.setInt32(at, from, true);
    view.setInt32(at + 4, to, true);
    at += 8;
  }
  order.set(program, PATH_OFFSET);
  order.set(argument, NAME_OFFSET);
  const since = begin();
  const pid = callInt(START_PROGRAM, locateBytes(order));
  hold(order);
  end(since, "spawn", "clone3", path);
  // A seccomp filter around tsrun may not know clone3(2), nor a kernel before Linux 5.3.
  return pid === -ENOSYS ? undefined : pid;
}

/**
 * Waits until the program that was started last has been executed; the errno with which it could not be, or
 * 0.
 */
export function programFailure(): number {
  return callInt(PROGRAM_FAILURE);
}
