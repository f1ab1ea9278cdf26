// posix_spawn(3): the only way tsrun starts a process. Never fork: the engine marks its code MADV_DONTFORK,
// and a forked child of a process with threads may do next to nothing anyway.

import { TsrunError } from "../errors.ts";
import { errnoName, errnoWords } from "./errno.ts";
import { addressOf, bind, I32, POINTER } from "./ffi.ts";
import { keepInherited } from "./inherited.ts";
import { cString, u64Struct, viewOf } from "./words.ts";

/** Bound at the first use: most commands start nothing. */
function bindSpawn() {
  return bind("libc.so.6", {
    posix_spawn: { args: [POINTER, POINTER, POINTER, POINTER, POINTER, POINTER], returns: I32 },
    posix_spawn_file_actions_init: { args: [POINTER], returns: I32 },
    posix_spawn_file_actions_adddup2: { args: [POINTER, I32, I32], returns: I32 },
    posix_spawn_file_actions_addchdir_np: { args: [POINTER, POINTER], returns: I32 },
    posix_spawn_file_actions_destroy: { args: [POINTER], returns: I32 },
  });
}

let bound: ReturnType<typeof bindSpawn> | undefined;

/**
 * `posix_spawnattr_t` of glibc: flags (short), pgroup, two 128-byte signal sets, scheduler fields; 336 bytes.
 */
const ATTRIBUTES_SIZE = 336;
const SIGNALS_TO_DEFAULT_OFFSET = 8;
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;

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
 * Starts a program with no signal ignored or blocked, whatever the engine or the caller has set. Returns its
 * pid.
 */
export function spawn({ path, args, environment, descriptors, directory }: SpawnOptions): number {
  if (bound === undefined) keepInherited();
  bound ??= bindSpawn();
  const symbols = bound;
  const attributes = new Uint8Array(ATTRIBUTES_SIZE);
  viewOf(attributes).setInt16(0, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK, true);
  attributes.fill(0xff, SIGNALS_TO_DEFAULT_OFFSET, SIGNALS_TO_DEFAULT_OFFSET + 8);
  const actions = new Uint8Array(128);
  const pid = new Uint8Array(4);
  const program = cString(path);
  const cwd = directory === undefined ? undefined : cString(directory);
  const argv = stringArray(args);
  const envp = stringArray(environment);
  const at = addressOf(actions);
  const memory = [pid, program, actions, attributes, argv.array, envp.array];
  symbols.posix_spawn_file_actions_init(at);
  try {
    for (const { from, to } of descriptors) symbols.posix_spawn_file_actions_adddup2(at, from, to);
    if (cwd !== undefined) symbols.posix_spawn_file_actions_addchdir_np(at, addressOf(cwd));
    const errno = symbols.posix_spawn(...memory.map(addressOf));
    if (errno !== 0) {
      throw new TsrunError("E_SYSCALL", `cannot start "${path}": ${errnoWords(errno)}`, {
        errno: errnoName(errno),
      });
    }
    return viewOf(pid).getInt32(0, true);
  } finally {
    symbols.posix_spawn_file_actions_destroy(at);
    keep(memory, argv, envp, cwd);
  }
}

/** A NULL-terminated array of C strings; `strings` must stay referenced as long as the array is used. */
function stringArray(values: readonly string[]): { array: Uint8Array; strings: Uint8Array[] } {
  const strings = values.map(cString);
  return { array: u64Struct(...strings.map(addressOf), 0), strings };
}

let kept: readonly unknown[] = [];

/** Makes sure that the optimiser sees a use of these after the call that reads their memory. */
function keep(...values: readonly unknown[]): void {
  kept = values;
  if (kept.length < 0) throw new Error("unreachable");
}
