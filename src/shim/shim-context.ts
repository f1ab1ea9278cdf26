// What all parts of a running shim share.

import type { GlobalOptions } from "../container/options.ts";
import type { Children } from "./loop/children.ts";
import type { Loop } from "./loop/loop.ts";
import type { Stories } from "./loop/story.ts";
import type { Publisher } from "./publisher.ts";

export interface ShimContext {
  readonly loop: Loop;
  readonly children: Children;
  readonly stories: Stories;
  readonly publisher: Publisher;
  /** containerd's namespace, which keeps the containers of its clients apart. */
  readonly namespace: string;
  /** Writes a line to containerd's log. */
  readonly log: (line: string) => void;
}

export interface StoryOptions {
  readonly root: string;
  readonly systemdCgroup: boolean;
  /** Takes the warnings. */
  readonly tell: (line: string) => void;
}

/** The global options for commands that run in the shim itself. */
export function globalsFor({ root, systemdCgroup, tell }: StoryOptions): GlobalOptions {
  const log = { warning: tell, leftover: tell, debug: () => {} };
  return { root, systemdCgroup, cgroupsDisabled: false, rootless: "auto", log };
}

/** The state root for the containers of a namespace; the options may name another folder. */
export function stateRoot(root: string | undefined, namespace: string): string {
  return `${root || "/run/containerd/tsrun"}/${namespace}`;
}
