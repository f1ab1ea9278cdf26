// What all parts of a running shim share.

import type { GlobalOptions } from "../container/options.ts";
import type { Children } from "./loop/children.ts";
import type { Loop } from "./loop/loop.ts";
import type { Publisher } from "./publisher.ts";

export interface ShimContext {
  readonly loop: Loop;
  readonly children: Children;
  readonly publisher: Publisher;
  /** containerd's, which keeps the containers of its callers apart. */
  readonly namespace: string;
  /** A line for containerd's log. */
  readonly log: (line: string) => void;
}

export interface StoryOptions {
  readonly root: string;
  readonly systemdCgroup: boolean;
  /** Takes the warnings. */
  readonly tell: (line: string) => void;
}

/** What commands otherwise get from the command line, for those that run in the shim itself. */
export function globalsFor({ root, systemdCgroup, tell }: StoryOptions): GlobalOptions {
  const log = { warning: tell, leftover: tell, debug: () => {} };
  return { root, systemdCgroup, cgroupsDisabled: false, rootless: "auto", log };
}

/** Where tsrun's containers of a namespace are kept, unless the options name another folder. */
export function stateRoot(root: string | undefined, namespace: string): string {
  return `${root || "/run/containerd/tsrun"}/${namespace}`;
}
