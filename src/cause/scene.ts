// What the search for a cause gets from the stories: the container's files, its process, and what was asked
// for. Types only.

import type { Seccomp } from "../spec/types.ts";
import type { Credentials } from "./credentials.ts";
import type { Root } from "./walk.ts";

export interface Scene {
  readonly root: Root;
  /** The root file system as the image has it, without the container's mounts. */
  readonly image: Root | undefined;
  readonly who: Credentials;
  readonly cwd: string;
  readonly args: readonly string[];
  readonly environment: readonly string[];
  /** The permitted capabilities of `process.capabilities`. */
  readonly asked: bigint;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly seccomp: Seccomp | undefined;
  /** The label by which a security module confines the process, as the module writes it. */
  readonly label: string | undefined;
}
