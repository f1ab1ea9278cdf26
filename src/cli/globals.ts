// From the global flags and the environment to the global options. Pure: the host's facts are asked of
// `Host`.

import { TsrunError } from "../errors.ts";
import { globalOptions } from "./flags.ts";
import type { LogFormat, LogLevel } from "./log-entry.ts";
import type { Globals, OptionValue, Values } from "./options.ts";
import { valuesOf } from "./parse.ts";
import { absolutePath } from "./paths.ts";

/** What is asked of the host, and only when it matters. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  cwd(): string;
  effectiveUid(): number;
  inUserNamespace(): boolean;
}

export interface LogSettings {
  /** As it was given; see log-target.ts. */
  readonly target: string | undefined;
  readonly format: LogFormat;
  readonly level: LogLevel;
}

/** Where to log, and what. Throws when the format or the level is none. */
export function readLogSettings(given: ReadonlyMap<string, OptionValue>): LogSettings {
  const values = valuesOf(globalOptions, given);
  const { log, "log-format": format } = values;
  if (format !== "json" && format !== "text" && format !== "") {
    throw new TsrunError("E_USAGE", `invalid log-format: ${format}`, { hint: "there are text and json" });
  }
  const target = log === "" ? undefined : log;
  return { target, format: format === "json" ? "json" : "text", level: readLevel(values) };
}

/** `--debug` and `--log-level debug` are the same. */
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
        hint: "there are error, warning and debug",
      });
  }
}

/** Everything but the log. Throws when a value is none. */
export function readGlobals(
  given: ReadonlyMap<string, OptionValue>,
  host: Host,
): Omit<Globals, "log" | "trace"> {
  const values = valuesOf(globalOptions, given);
  const rest = { ...readCgroupManager(values), rootless: readRootless(values) };
  if (values.root === undefined) return { root: defaultRoot(host), rootIsDefault: true, ...rest };
  const root = absolutePath(values.root, host.cwd);
  // So are "", "." in / and too many "..".
  if (root === "/") throw new TsrunError("E_USAGE", "Option --root argument should not be set to /");
  return { root, rootIsDefault: false, ...rest };
}

/**
 * `--cgroup-manager` has the last word: Podman adds `disabled` of a container behind `--systemd-cgroup`,
 * which conmon has for all.
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
        hint: "there are cgroupfs, systemd and disabled",
      });
  }
}

/** Whether the root is below $XDG_RUNTIME_DIR, where what is not sticky may be cleaned away. */
export function isBelowRuntimeDirectory({
  root,
  rootIsDefault,
}: Pick<Globals, "root" | "rootIsDefault">): boolean {
  return rootIsDefault && root !== ROOT;
}

const ROOT = "/run/tsrun";

/**
 * AS RUNC: the real root has one place for all; everybody else has $XDG_RUNTIME_DIR, an empty one being none.
 */
function defaultRoot(host: Host): string {
  const directory = host.env.XDG_RUNTIME_DIR;
  if (directory === undefined || directory === "") return ROOT;
  return ownsRuntimeDirectory(host) ? `${directory}/tsrun` : ROOT;
}

function ownsRuntimeDirectory(host: Host): boolean {
  if (host.effectiveUid() !== 0) return true;
  // Root of a user namespace is an ordinary user, unless USER says that a whole system runs in there.
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
