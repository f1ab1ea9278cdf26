// posix_spawn(3): the only way tsrun starts a process. It copies no page tables, and the child does not run a
// second JavaScript engine.

import { callInt } from "native";
import {
  ENVIRON,
  POSIX_SPAWN,
  POSIX_SPAWN_FILE_ACTIONS_ADDCHDIR_NP,
  POSIX_SPAWN_FILE_ACTIONS_ADDDUP2,
  POSIX_SPAWN_FILE_ACTIONS_DESTROY,
  POSIX_SPAWN_FILE_ACTIONS_INIT,
} from "../../engine/host/constants.ts";
import { addressOf, hold, locateBytes, readAddress } from "../../engine/host/memory.ts";
import { begin, end } from "../../spans.ts";
import { syscallError } from "../call/call.ts";
import { cString, setWord, viewOf } from "../call/words.ts";
import { keepInherited } from "./inherited.ts";

/**
 * `posix_spawnattr_t`: flags (an int, in glibc a short), process group, two 128-byte signal sets, scheduler
 * fields; 336 bytes in musl and in glibc, where programs of the tests call it.
 */
const ATTRIBUTES_SIZE = 336;
/**
 * Offsets of the set of signals with their default action, and of the blocked ones; the kernel uses 8 bytes
 * of a set.
 */
const DEFAULT_OFFSET = 8;
const BLOCKED_OFFSET = 136;
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
/** `posix_spawn_file_actions_t`, 80 bytes in both. */
const ACTIONS_SIZE = 80;

/** Once is enough: tsrun's own files are close-on-exec. */
let inheritedKept = false;

export interface SpawnOptions {
  readonly path: string;
  /** What errors call it, if its path says nothing. */
  readonly what?: string;
  readonly args: readonly string[];
  /** If absent, ours. */
  readonly environment?: readonly string[];
  /** Descriptors of this process and the numbers they get in the new one; all others are close-on-exec. */
  readonly descriptors: readonly { readonly from: number; readonly to: number }[];
  /** Its working directory; if absent, ours. */
  readonly directory?: string;
  /** If absent, no signal is blocked. With all blocked from the start, a terminal cannot end the program. */
  readonly signals?: "blocked";
}

/** Starts a program with no signal ignored, whatever the caller has set. Returns its pid. */
export function spawn({
  path,
  args,
  environment,
  descriptors,
  directory,
  signals,
  what,
}: SpawnOptions): number {
  const named = what ?? `"${path}"`;
  if (!inheritedKept) keepInherited();
  inheritedKept = true;
  const attributes = new Uint8Array(ATTRIBUTES_SIZE);
  viewOf(attributes).setInt32(0, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK, true);
  attributes.fill(0xff, DEFAULT_OFFSET, DEFAULT_OFFSET + 8);
  if (signals === "blocked") attributes.fill(0xff, BLOCKED_OFFSET, BLOCKED_OFFSET + 8);
  const actions = new Uint8Array(ACTIONS_SIZE);
  const pid = new Uint8Array(4);
  const program = cString(path);
  const cwd = directory === undefined ? undefined : cString(directory);
  const argv = stringArray(args);
  const envp = environment === undefined ? undefined : stringArray(environment);
  const variables = envp === undefined ? readAddress(ENVIRON) : locateBytes(envp.array);
  const memory = [pid, program, actions, attributes, argv.array];
  const at = locateBytes(actions);
  must(named, callInt(POSIX_SPAWN_FILE_ACTIONS_INIT, at));
  try {
    // If an action could not be added for lack of memory, the program would have a wrong file.
    for (const { from, to } of descriptors) {
      must(named, callInt(POSIX_SPAWN_FILE_ACTIONS_ADDDUP2, at, from, to));
    }
    if (cwd !== undefined) must(named, callInt(POSIX_SPAWN_FILE_ACTIONS_ADDCHDIR_NP, at, locateBytes(cwd)));
    const since = begin();
    const failed = callInt(POSIX_SPAWN, ...memory.map(locateBytes), variables);
    end(since, "spawn", "posix_spawn", path);
    must(named, failed);
    return viewOf(pid).getInt32(0, true);
  } finally {
    callInt(POSIX_SPAWN_FILE_ACTIONS_DESTROY, at);
    hold(memory, argv, envp, cwd);
  }
}

/** Throws if the result is an errno; these functions return 0 on success. */
function must(what: string, errno: number): void {
  if (errno === 0) return;
  throw syscallError(`start ${what}`, errno);
}

/** A NULL-terminated array of C strings; `strings` must stay referenced as long as the array is used. */
function stringArray(values: readonly string[]): { array: Uint8Array; strings: Uint8Array[] } {
  const strings = values.map(cString);
  const array = new Uint8Array((strings.length + 1) * 8);
  const view = viewOf(array);
  for (const [index, string] of strings.entries()) setWord(view, index * 8, addressOf(string));
  return { array, strings };
}
