// Defines a case with Podman: it runs once for each of its users, with a separate Podman.

import type { Test } from "tap";
import { behaviour, type Condition } from "./behaviour.ts";
import { needsPodman, Podman, type Who } from "./podman.ts";

export const BOTH: readonly Who[] = ["root", "rootless"];
export const ROOT: readonly Who[] = ["root"];
export const ROOTLESS: readonly Who[] = ["rootless"];
export const SLEEP: readonly string[] = ["/bin/sleep", "1000"];
/** Waits for another container's SLEEP, which `podman run --detach` does not. */
export const FINDS_SLEEP = "until ps -o args | grep -q 'sleep [1]000'; do sleep 0.1; done; echo found";

type Body = (t: Test, podman: Podman) => void;

/** A case for each of them. */
export function under(sentence: string, users: readonly Who[], body: Body, ...conditions: Condition[]): void {
  for (const who of users) {
    behaviour(
      `${sentence}, ${who}`,
      async (t, lab) => body(t, new Podman(lab, who)),
      needsPodman(who),
      ...conditions,
    );
  }
}

export function words(text: string): string[] {
  return text.split(/\s+/);
}
