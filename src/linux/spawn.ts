// posix_spawn(3): the only way tsrun starts a process. It copies no page tables, and the child does not run a
// second JavaScript engine.

import { addressOf } from "../engine/memory.ts";
import { TsrunError } from "../errors.ts";
import { errnoName, errnoWords } from "./errno.ts";
import { bind } from "./ffi.ts";
import { keepInherited } from "./inherited.ts";
import { cString, u64Struct, viewOf } from "./words.ts";

/** Bound at the first use: most commands start nothing. */
function bindSpawn() {
  return bind("libc.so.6", {
    posix_spawn: "int",
    posix_spawn_file_actions_init: "int",
    posix_spawn_file_actions_adddup2: "int",
    posix_spawn_file_actions_addchdir_np: "int",
    posix_spawn_file_actions_destroy: "int",
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
 * Starts a program with no signal ignored or blocked, whatever the caller has set. Returns its
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
  symbols.posix_spawn_file_actions_init(actions);
  try {
    for (const { from, to } of descriptors) symbols.posix_spawn_file_actions_adddup2(actions, from, to);
    if (cwd !== undefined) symbols.posix_spawn_file_actions_addchdir_np(actions, cwd);
    const errno = symbols.posix_spawn(pid, program, actions, attributes, argv.array, envp.array);
    if (errno !== 0) {
      throw new TsrunError("E_SYSCALL", `cannot start "${path}": ${errnoWords(errno)}`, {
        errno: errnoName(errno),
      });
    }
    return viewOf(pid).getInt32(0, true);
  } finally {
    symbols.posix_spawn_file_actions_destroy(actions);
  }
}

/** A NULL-terminated array of C strings; `strings` must stay referenced as long as the array is used. */
function stringArray(values: readonly string[]): { array: Uint8Array; strings: Uint8Array[] } {
  const strings = values.map(cString);
  return { array: u64Struct(...strings.map(addressOf), 0), strings };
}
