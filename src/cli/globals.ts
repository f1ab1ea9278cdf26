// Turns the global flags and the environment into the global options. Pure: facts about the host come from
// `HostFacts`.

import { TsrunError } from "../errors.ts";
import { globalOptions } from "./flags.ts";
import type { LogFormat, LogLevel } from "./log-entry.ts";
import type { Globals, OptionValue, Values } from "./options.ts";
import { valuesOf } from "./parse.ts";
import { absolutePath } from "./paths.ts";

/** Facts about the host, which are read only when they are needed. */
export interface HostFacts {
  readonly env: Readonly<Record<string, string | undefined>>;
  cwd(): string;
  effectiveUid(): number;
  inUserNamespace(): boolean;
}

export interface LogSettings {
  /** The value of `--log`, unchanged; see log-target.ts. */
  readonly target: string | undefined;
  readonly format: LogFormat;
  readonly level: LogLevel;
}

/** Where to log, and what. Throws if the format or the level is unknown. */
export function readLogSettings(given: ReadonlyMap<string, OptionValue>): LogSettings {
  const values = valuesOf(globalOptions, given);
  const { log, "log-format": format } = values;
  if (format !== "json" && format !== "text" && format !== "") {
    throw new TsrunError("E_USAGE", `invalid log-format: ${format}`, { hint: "use text or json" });
  }
  const target = log === "" ? undefined : log;
  return { target, format: format === "json" ? "json" : "text", level: readLevel(values) };
}

/** `--debug` means `--log-level debug`. */
function readLevel({ debug, "log-level": level = "" }: Values<typeof globalOptions>): LogLevel {
  switch (level) {
    case "":
    case "warning":
      return debug ? "debug" : "warning";
    case "error":
      return debug ? "debug" : "error";
    case "debug":
      return "debug";
    default:
      throw new TsrunError("E_USAGE", `invalid log-level: ${level}`, {
        hint: "use error, warning or debug",
      });
  }
}

/** The file for the trace; `undefined` if there is to be none. */
export function readTraceFile(given: ReadonlyMap<string, OptionValue>): string | undefined {
  const trace = given.get("trace");
  return typeof trace === "string" && trace !== "" ? trace : undefined;
}

/** Everything but the log. Throws if a value is invalid. */
export function readGlobals(
  given: ReadonlyMap<string, OptionValue>,
  host: HostFacts,
): Omit<Globals, "log" | "trace" | "traceDescriptor"> {
  const values = valuesOf(globalOptions, given);
  const rest = { ...readCgroupManager(values), rootless: readRootless(values) };
  if (values.root === undefined) return { root: defaultRoot(host), rootIsDefault: true, ...rest };
  const root = absolutePath(values.root, host.cwd);
  // "", "." in / and too many ".." give "/" too.
  if (root === "/") throw new TsrunError("E_USAGE", "Option --root argument should not be set to /");
  return { root, rootIsDefault: false, ...rest };
}

/**
 * `--cgroup-manager` overrides `--systemd-cgroup`: conmon passes the latter for all containers, and Podman
 * adds `--cgroup-manager disabled` for one of them.
 */
function readCgroupManager({
  "cgroup-manager": manager = "",
  "systemd-cgroup": systemdCgroup,
}: Values<typeof globalOptions>): Pick<Globals, "systemdCgroup" | "cgroupsDisabled"> {
  switch (manager) {
    case "":
      return { systemdCgroup, cgroupsDisabled: false };
    case "cgroupfs":
    case "systemd":
    case "disabled":
      return { systemdCgroup: manager === "systemd", cgroupsDisabled: manager === "disabled" };
    default:
      throw new TsrunError("E_USAGE", `unknown cgroup manager ${JSON.stringify(manager)}`, {
        hint: "use cgroupfs, systemd or disabled",
      });
  }
}

/** Whether the root is below $XDG_RUNTIME_DIR, where files without the sticky bit may be cleaned up. */
export function isBelowRuntimeDirectory({
  root,
  rootIsDefault,
}: Pick<Globals, "root" | "rootIsDefault">): boolean {
  return rootIsDefault && root !== ROOT;
}

const ROOT = "/run/tsrun";

/**
 * AS RUNC: real root has one state root; every other user has one in $XDG_RUNTIME_DIR. If that is empty, it
 * counts as unset.
 */
function defaultRoot(host: HostFacts): string {
  const directory = host.env.XDG_RUNTIME_DIR;
  if (directory === undefined || directory === "") return ROOT;
  return ownsRuntimeDirectory(host) ? `${directory}/tsrun` : ROOT;
}

function ownsRuntimeDirectory(host: HostFacts): boolean {
  if (host.effectiveUid() !== 0) return true;
  // Root of a user namespace is an ordinary user, unless USER says that a whole system runs in it.
  return host.inUserNamespace() && host.env.USER !== "root";
}

function readRootless({ rootless }: Values<typeof globalOptions>): Globals["rootless"] {
  if (rootless === "" || rootless.toLowerCase() === "auto") return "auto";
  if (["1", "t", "T", "true", "TRUE", "True"].includes(rootless)) return "true";
  if (["0", "f", "F", "false", "FALSE", "False"].includes(rootless)) return "false";
  throw new TsrunError("E_USAGE", `invalid rootless value ${JSON.stringify(rootless)}`, {
    hint: "--rootless is true, false or auto",
  });
}
