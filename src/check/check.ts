// `check`: says what this host can and cannot do for containers, or whether it has what a bundle needs. It
// changes nothing and needs no privileges.
//
// Decide: needs.ts. Look at the host: kernel.ts, cgroups.ts, namespaces.ts, ids.ts, host.ts, and bundle.ts;
// model.ts has the types.

import { readConfig } from "../container/bundle.ts";
import type { GlobalOptions } from "../container/options.ts";
import { isRootless } from "../container/rootless.ts";
import { effectiveUid } from "../linux/process/process.ts";
import { FORBIDDING } from "../namespaces/forbidding.ts";
import { loadConfig } from "../spec/load.ts";
import { bundleLines } from "./bundle.ts";
import { cgroupLines } from "./cgroups.ts";
import { fileLines, procLine, programLines, securityLines } from "./host.ts";
import { idLines } from "./ids.ts";
import { kernelLines } from "./kernel.ts";
import type { Line, Report } from "./model.ts";
import { namespaceLines } from "./namespaces.ts";
import { ALWAYS, needsOf } from "./needs.ts";

export interface CheckRequest {
  /** Absolute path of the bundle to check for, if there is one. */
  readonly bundle: string | undefined;
  /** Checks what an ordinary user can do, even if root asks. */
  readonly rootless: boolean;
  readonly systemdCgroup: boolean;
  /** The user who called sudo, if root was reached that way. */
  readonly user: number | undefined;
}

export function checkHost(globals: GlobalOptions, request: CheckRequest): Report {
  const { bundle, systemdCgroup } = request;
  const proc = procLine();
  if (proc.health !== "well") {
    // Without /proc nothing else can be checked.
    return { rootless: effectiveUid() !== 0, bundle, passes: false, lines: [proc], lacking: [proc.id] };
  }
  const rootless = request.rootless || isRootless(globals);
  const spec =
    bundle === undefined ? undefined : loadConfig(readConfig(bundle), `${bundle}/config.json`).spec;
  const needs = spec && needsOf(spec, { rootless, systemdCgroup });
  const uid = effectiveUid() === 0 ? (request.user ?? 0) : effectiveUid();
  const all: Line[] = [
    ...kernelLines(),
    ...cgroupLines(rootless, needs),
    ...namespaceLines(rootless),
    ...(rootless ? idLines(uid) : []),
    ...securityLines(),
    ...programLines(rootless),
    proc,
    ...fileLines(globals.root),
  ];
  const own = spec === undefined ? [] : bundleLines(spec);
  const lines = needs === undefined ? all : [...all.filter(({ id }) => needs.has(id)), ...own];
  const usual = needs ?? [...ALWAYS, ...(rootless ? ROOTLESS : [])];
  const must = new Set<string>([...usual, ...own.map(({ id }) => id)]);
  const lacking = lines.filter((line) => must.has(line.id) && isLacking(line)).map(({ id }) => id);
  return { rootless, bundle, passes: lacking.length === 0, lines, lacking };
}

/** What an ordinary user's containers need. */
const ROOTLESS = ["namespaces.user", ...FORBIDDING.map(({ name }) => `namespaces.${name}`)];

/** Whether a needed line counts as lacking. For those in `WHOLE`, a substitute is not enough. */
function isLacking({ id, health }: Line): boolean {
  if (health === "lacking") return true;
  return health === "lesser" && WHOLE.has(id);
}

const WHOLE = new Set(["kernel.mount_setattr", "security.apparmor", "security.selinux", "programs.systemd"]);
