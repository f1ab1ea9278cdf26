// Chooses the process of `exec`: that of a process file, or the container's own with the changes of the
// command line. Pure. AS RUNC: getProcess in exec.go.

import { TsrunError } from "../errors.ts";
import type { Capabilities, Capability, Process, Spec } from "../spec/types.ts";
import type { ExecOptions } from "./options.ts";

/** The process to run. Throws when there is nothing to run. */
export function chooseProcess(spec: Spec, options: ExecOptions): Process {
  const chosen = options.process ?? fromCommandLine(spec, options);
  if (chosen.args === undefined || chosen.args.length === 0) {
    throw new TsrunError("E_USAGE", "exec args cannot be empty", {
      hint: "name the program after the container's id, or give a file to --process",
    });
  }
  return chosen;
}

function fromCommandLine({ process }: Spec, options: ExecOptions): Process {
  if (process === undefined) throw new TsrunError("E_CONFIG", "process property must not be empty");
  const capabilities = withCapabilities(process.capabilities, options.capabilities);
  return {
    ...process,
    args: [...options.args],
    terminal: options.tty,
    ...withVariables(process.env, options.env),
    cwd: options.cwd === undefined ? process.cwd : checkPath(options.cwd),
    ...(options.apparmor === undefined ? {} : { apparmorProfile: options.apparmor }),
    ...(options.processLabel === undefined ? {} : { selinuxLabel: options.processLabel }),
    ...(capabilities === undefined ? {} : { capabilities }),
    noNewPrivileges: options.noNewPrivs ?? process.noNewPrivileges === true,
    user: {
      ...process.user,
      ...(options.user === undefined ? {} : parseUser(options.user)),
      additionalGids: [
        ...(process.user?.additionalGids ?? []),
        ...options.additionalGids.map((gid) => checkId(gid, "--additional-gids")),
      ],
    },
  };
}

/** AS RUNC: an absent list of variables is not the same as an empty one; see planEnvironment. */
function withVariables(env: readonly string[] | undefined, added: readonly string[]): { env?: string[] } {
  if (env === undefined && added.length === 0) return {};
  return { env: [...(env ?? []), ...added.map(checkVariable)] };
}

/**
 * Adds to the bounding, permitted and effective sets; to the ambient set only if the inheritable one is used.
 */
function withCapabilities(has: Capabilities | undefined, added: readonly string[]): Capabilities | undefined {
  if (added.length === 0) return has;
  const names = added as readonly Capability[];
  const more = (set: readonly Capability[] | undefined): Capability[] => [
    ...new Set([...(set ?? []), ...names]),
  ];
  const inherits = (has?.inheritable?.length ?? 0) > 0;
  return {
    ...has,
    bounding: more(has?.bounding),
    effective: more(has?.effective),
    permitted: more(has?.permitted),
    ...(inherits ? { ambient: more(has?.ambient) } : {}),
  };
}

/** AS RUNC: its text, which callers know. A relative path would start from tsrun's own working directory. */
function checkPath(cwd: string): string {
  if (cwd.startsWith("/")) return cwd;
  throw new TsrunError("E_USAGE", "Cwd must be an absolute path", { hint: `--cwd is "${cwd}"` });
}

/** The error does not print the variable: it may be a password. */
function checkVariable(entry: string): string {
  const nameEnd = entry.indexOf("=");
  if (nameEnd > 0) return entry;
  const lacking = nameEnd < 0 ? 'missing "="' : "name cannot be empty";
  throw new TsrunError("E_USAGE", `invalid environment variable: ${lacking}`, {
    hint: "--env takes NAME=VALUE",
  });
}

/**
 * The largest 32-bit number means "no change" to setresuid(2) and similar calls, so the process would stay
 * root.
 */
const MOST_ID = 0xffff_fffe;

/** `uid` or `uid:gid`, in numbers: names would have to be looked up in a file that the container controls. */
function parseUser(user: string): { uid: number; gid?: number } {
  const [uid = "", gid, ...rest] = user.split(":");
  const bad = (what: string, value: string) =>
    new TsrunError("E_USAGE", `parsing ${value} as int for ${what} failed: it must be a number`, {
      hint: "--user takes numbers: UID or UID:GID",
    });
  if (!/^\d+$/.test(uid)) throw bad("uid", user);
  if (gid === undefined) return { uid: checkId(Number(uid), "--user") };
  if (!/^\d+$/.test(gid) || rest.length > 0) throw bad("gid", user);
  return { uid: checkId(Number(uid), "--user"), gid: checkId(Number(gid), "--user") };
}

/** A number with more bits would be truncated in the kernel, and mean another user. */
function checkId(id: number, flag: string): number {
  if (id >= 0 && id <= MOST_ID) return id;
  const limit = id < 0 ? "it is negative" : `the largest is ${MOST_ID}`;
  throw new TsrunError("E_USAGE", `cannot use id ${id} of ${flag}: ${limit}`);
}
