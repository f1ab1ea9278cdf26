// From the global flags and the environment to the global options. Pure: the host's facts are asked of
// `Host`.

import { TsrunError } from "../errors.ts";
import { globalOptions } from "./flags.ts";
import type { LogFormat } from "./log.ts";
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
  readonly file: string | undefined;
  readonly format: LogFormat;
  readonly debug: boolean;
}

/** Where to log. Throws when the format is none. */
export function readLogSettings(given: ReadonlyMap<string, OptionValue>): LogSettings {
  const { log, "log-format": format, debug } = valuesOf(globalOptions, given);
  if (format !== "json" && format !== "text" && format !== "") {
    throw new TsrunError("E_USAGE", `invalid log-format: ${format}`, { hint: "there are text and json" });
  }
  return { file: log === "" ? undefined : log, format: format === "json" ? "json" : "text", debug };
}

/** Everything but the log. Throws when a value is none. */
export function readGlobals(
  given: ReadonlyMap<string, OptionValue>,
  host: Host,
): Omit<Globals, "log" | "trace"> {
  const values = valuesOf(globalOptions, given);
  const { debug, "systemd-cgroup": systemdCgroup } = values;
  const rootless = readRootless(values);
  if (values.root === undefined) {
    return { root: defaultRoot(host), rootIsDefault: true, systemdCgroup, rootless, debug };
  }
  const root = absolutePath(values.root, host.cwd);
  // So are "", "." in / and too many "..".
  if (root === "/") throw new TsrunError("E_USAGE", "Option --root argument should not be set to /");
  return { root, rootIsDefault: false, systemdCgroup, rootless, debug };
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
