// Finds out why a hook on the host was not executed, as for a program of the container, but with the host's
// files.

import { openDirectory } from "../linux/files/files.ts";
import type { Cause } from "./cause.ts";
import { whyNotExecuted } from "./execute.ts";
import { whyNotRun } from "./files.ts";
import type { Scene } from "./scene.ts";
import { hostCredentials } from "./self.ts";

interface FailedHook {
  readonly path: string;
  /** Its place in the configuration. */
  readonly pointer: string;
}

export function whyHookNotExecuted({ path, pointer }: FailedHook, errno: string): Cause | undefined {
  using directory = openDirectory("/");
  const scene: Scene = {
    root: { directory, mounts: new Map() },
    image: undefined,
    who: hostCredentials(),
    cwd: "/",
    args: [],
    environment: [],
    asked: 0n,
    sysctls: {},
    seccomp: undefined,
    label: undefined,
  };
  const cause = whyNotRun(scene, path, "the host") ?? whyNotExecuted(scene, path, errno);
  if (cause === undefined) return undefined;
  return { words: cause.words, next: `install the hook on the host, or correct ${pointer}/path` };
}
