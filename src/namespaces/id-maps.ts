// Writes the id maps of a new user namespace from outside: user_namespaces(7). Root writes them itself; an
// ordinary user may map only its own id, and needs shadow's set-user-ID programs for more.

import { TsrunError, wrapError } from "../errors.ts";
import { hasErrno } from "../linux/call/call.ts";
import { text } from "../linux/call/words.ts";
import { pipe, readBeginning, readText, writeFile } from "../linux/files/files.ts";
import { findInPath } from "../linux/process/find-in-path.ts";
import { effectiveGid, effectiveUid, waitFor } from "../linux/process/process.ts";
import { spawn } from "../linux/process/spawn.ts";
import type { IDMapping } from "../spec/types.ts";
import { idMapText } from "./plan.ts";

/** How much of what newuidmap(1) says is told: its error is one line. */
const MOST_SAID = 4096;

interface Maps {
  readonly uidMappings: readonly IDMapping[];
  readonly gidMappings: readonly IDMapping[];
}

/** Maps the ids of the user namespace that process `pid` has just made. */
export function writeIdMaps(pid: number, { uidMappings, gidMappings }: Maps): void {
  const root = effectiveUid() === 0;
  if (root || isOnly(uidMappings, effectiveUid())) writeMap(pid, "uid_map", uidMappings);
  else mapByHelper("newuidmap", pid, uidMappings);
  if (root) {
    writeMap(pid, "gid_map", gidMappings);
  } else if (isOnly(gidMappings, effectiveGid())) {
    // Without this an ordinary user may not map even its own group (CVE-2014-8989).
    writeFile(`/proc/${pid}/setgroups`, "deny");
    writeMap(pid, "gid_map", gidMappings);
  } else {
    mapByHelper("newgidmap", pid, gidMappings);
  }
}

function writeMap(pid: number, file: string, mappings: readonly IDMapping[]): void {
  if (mappings.length === 0) return;
  try {
    writeFile(`/proc/${pid}/${file}`, idMapText(mappings));
  } catch (error) {
    throw wrapError(`cannot map the ids of the user namespace`, error);
  }
}

function isOnly(mappings: readonly IDMapping[], id: number): boolean {
  const [first] = mappings;
  return mappings.length === 0 || (mappings.length === 1 && first?.size === 1 && first.hostID === id);
}

/** Runs newuidmap(1) or newgidmap(1), which check /etc/subuid and /etc/subgid. */
function mapByHelper(program: string, pid: number, mappings: readonly IDMapping[]): void {
  const path = findHelper(program);
  const numbers = mappings.flatMap(({ containerID, hostID, size }) => [containerID, hostID, size]);
  const [output, writeEnd] = pipe();
  using held = output;
  const child = spawn({
    path,
    args: [program, ...[pid, ...numbers].map(String)],
    environment: [],
    descriptors: [1, 2].map((to) => ({ from: writeEnd.number, to })),
  });
  writeEnd.close();
  const said = text(readBeginning(held.number, `the output of ${program}`, MOST_SAID)).trim();
  const { status, signal } = waitFor(child);
  if (status === 0) return;
  const end = signal === 0 ? `exit status ${status}` : `killed by signal ${signal}`;
  const cause = said === "" ? end : said;
  throw new TsrunError("E_SYSCALL", `cannot map the ids of the user namespace: ${program}: ${cause}`, {
    hint: `the ranges of linux.uidMappings and gidMappings must be yours in /etc/subuid and /etc/subgid`,
  });
}

function findHelper(name: string): string {
  const found = findInPath(name);
  if (found !== undefined) return found;
  throw new TsrunError(
    "E_UNSUPPORTED",
    `cannot find "${name}", which maps more than one id for an ordinary user`,
    { hint: "install the Debian package uidmap, or add its directory to PATH" },
  );
}

/** Whether this process is in the initial user namespace, where alone every id is mapped to itself. */
export function inInitialUserNamespace(): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(readOwnMap());
}

/** The first file of /proc that commands read. */
function readOwnMap(): string {
  try {
    return readText("/proc/self/uid_map");
  } catch (error) {
    if (!hasErrno(error, "ENOENT")) throw error;
    const { message } = wrapError("cannot tell who tsrun is", error);
    const hint = "this host has no /proc, or no user namespaces: mount -t proc proc /proc";
    throw new TsrunError("E_SYSCALL", message, { hint, cause: error });
  }
}
