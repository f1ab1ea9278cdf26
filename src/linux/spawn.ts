// posix_spawn(3): the only way tsrun starts a process. It copies no page tables, and the child does not run a
// second JavaScript engine.

import { callInt } from "native";
import {
  POSIX_SPAWN,
  POSIX_SPAWN_FILE_ACTIONS_ADDCHDIR_NP,
  POSIX_SPAWN_FILE_ACTIONS_ADDDUP2,
  POSIX_SPAWN_FILE_ACTIONS_DESTROY,
  POSIX_SPAWN_FILE_ACTIONS_INIT,
} from "../engine/constants.ts";
import { addressOf, hold, locateBytes } from "../engine/memory.ts";
import { TsrunError } from "../errors.ts";
import { errnoName, errnoWords } from "./errno.ts";
import { keepInherited } from "./inherited.ts";
import { cString, u64Struct, viewOf } from "./words.ts";

/**
 * `posix_spawnattr_t` of glibc: flags (short), pgroup, two 128-byte signal sets, scheduler fields; 336 bytes.
 */
const ATTRIBUTES_SIZE = 336;
const SIGNALS_TO_DEFAULT_OFFSET = 8;
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;

/** Once is enough: what tsrun opens itself is close-on-exec. */
let inheritedKept = false;

export interface SpawnOptions {
  readonly path: string;
  readonly args: readonly string[];
  readonly environment: readonly string[];
  /** Descriptors of this process and the numbers they get in the new one; all others are close-on-exec. */
  readonly descriptors: readonly { readonly from: number; readonly to: number }[];
  /** Its working directory; ours when absent. */
  readonly directory?: string;
}

/**
 * Starts a program with no signal ignored or blocked, whatever the caller has set. Returns its pid.
 */
export function spawn({ path, args, environment, descriptors, directory }: SpawnOptions): number {
  if (!inheritedKept) keepInherited();
  inheritedKept = true;
  const attributes = new Uint8Array(ATTRIBUTES_SIZE);
  viewOf(attributes).setInt16(0, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK, true);
  attributes.fill(0xff, SIGNALS_TO_DEFAULT_OFFSET, SIGNALS_TO_DEFAULT_OFFSET + 8);
  const actions = new Uint8Array(128);
  const pid = new Uint8Array(4);
  const program = cString(path);
  const cwd = directory === undefined ? undefined : cString(directory);
  const argv = stringArray(args);
  const envp = stringArray(environment);
  const memory = [pid, program, actions, attributes, argv.array, envp.array];
  const at = locateBytes(actions);
  callInt(POSIX_SPAWN_FILE_ACTIONS_INIT, at);
  try {
    for (const { from, to } of descriptors) callInt(POSIX_SPAWN_FILE_ACTIONS_ADDDUP2, at, from, to);
    if (cwd !== undefined) callInt(POSIX_SPAWN_FILE_ACTIONS_ADDCHDIR_NP, at, locateBytes(cwd));
    const errno = callInt(POSIX_SPAWN, ...memory.map(locateBytes));
    if (errno !== 0) {
      throw new TsrunError("E_SYSCALL", `cannot start "${path}": ${errnoWords(errno)}`, {
        errno: errnoName(errno),
      });
    }
    return viewOf(pid).getInt32(0, true);
  } finally {
    callInt(POSIX_SPAWN_FILE_ACTIONS_DESTROY, at);
    hold(memory, argv, envp, cwd);
  }
}

/** A NULL-terminated array of C strings; `strings` must stay referenced as long as the array is used. */
function stringArray(values: readonly string[]): { array: Uint8Array; strings: Uint8Array[] } {
  const strings = values.map(cString);
  return { array: u64Struct(...strings.map(addressOf), 0), strings };
}
