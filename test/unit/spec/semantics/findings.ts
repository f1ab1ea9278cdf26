// Checks a configuration that is valid except for a test's changes. For the tests of the rules.

import { loadConfig } from "../../../../src/spec/load.ts";
import { checkSpec } from "../../../../src/spec/semantics.ts";
import type { Linux, Process, Spec } from "../../../../src/spec/types.ts";

export const PROCESS: Process = { cwd: "/", args: ["sh"] };

const KINDS = ["pid", "network", "ipc", "uts", "mount"] as const;

export const NAMESPACES = KINDS.map((type) => ({ type }));

const BASE: Spec = {
  ociVersion: "1.3.0",
  process: PROCESS,
  root: { path: "rootfs" },
  linux: { namespaces: NAMESPACES },
};

/** `pointer: reason` of every fault; the configuration must be one its schema accepts. */
export function faults(change: Partial<Spec>, euid = 0): string[] {
  return checkSpec({ ...BASE, ...change }, { euid }).faults.map(
    ({ pointer, reason, hint }) => `${pointer}: ${reason}${hint === undefined ? "" : `, ${hint}`}`,
  );
}

/** The same, with something changed in `linux`. */
export function linuxFaults(change: Partial<Linux>, euid = 0): string[] {
  return faults({ linux: { ...BASE.linux, ...change } }, euid);
}

export function processFaults(change: Partial<Process>, euid = 0): string[] {
  return faults({ process: { ...PROCESS, ...change } }, euid);
}

export function warnings(change: Partial<Spec>): string[] {
  return checkSpec({ ...BASE, ...change }, { euid: 0 }).warnings.map(
    ({ pointer, message }) => `${pointer}: ${message}`,
  );
}

/** Whether the whole way, schema included, accepts a change. */
export function loads(change: Partial<Spec>): boolean {
  loadConfig(JSON.stringify({ ...BASE, ...change }), "config.json");
  return true;
}
