// The command line of a shim, as containerd writes it: Go's flags, and one action (containerd, pkg/shim).
// Pure.

import { TsrunError } from "../errors.ts";

/** What the program is called, and how it was built. */
export interface Build {
  readonly name: string;
  readonly version: string;
  readonly commit: string;
}

export interface ShimOptions {
  /** The action; without one the shim serves. */
  readonly action: string;
  readonly id: string;
  readonly namespace: string;
  /** The address of containerd's own socket. */
  readonly address: string;
  /** Empty if it is the working directory. */
  readonly bundle: string;
  readonly debug: boolean;
  readonly version: boolean;
  readonly info: boolean;
}

const TEXTS: ReadonlySet<string> = new Set([
  ...["id", "namespace", "address", "bundle"],
  // Flags of containerd's own shim that have no effect here.
  ...["publish-binary", "socket", "debug-socket"],
]);
const SWITCHES: ReadonlySet<string> = new Set(["debug", "v", "info"]);

/** Whether the program was called by the name of a shim: `containerd-shim-NAME-VERSION`. */
export function isShim(argv0: string): boolean {
  return /^containerd-shim-[^/]+$/.test(argv0.slice(argv0.lastIndexOf("/") + 1));
}

export function parseShimLine(words: readonly string[]): ShimOptions {
  const texts: Record<string, string> = {};
  const switches = new Set<string>();
  let at = 0;
  for (; at < words.length && words[at]?.startsWith("-"); at++) {
    const [, name = "", , value] = /^--?([\w-]+)(=(.*))?$/s.exec(words[at] ?? "") ?? [];
    if (SWITCHES.has(name)) {
      if (value !== "false") switches.add(name);
    } else if (TEXTS.has(name)) {
      if (value === undefined) at += 1;
      texts[name] = value ?? words[at] ?? "";
    } else {
      throw new TsrunError("E_USAGE", `flag provided but not defined: ${words[at]}`);
    }
  }
  const { id = "", namespace = "", address = "", bundle = "" } = texts;
  return {
    ...{ action: words[at] ?? "", id, namespace, address, bundle },
    ...{ debug: switches.has("debug"), version: switches.has("v"), info: switches.has("info") },
  };
}
