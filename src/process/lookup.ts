// Finds the file of a program, as Go's exec.LookPath does, with runc's error texts if there is none: dockerd
// and podman turn them into exit codes 126 and 127. Pure. Called by become-user.ts.

import { TsrunError } from "../errors.ts";
import { parseStatx } from "../linux/files/statx.ts";
import { EACCES, EISDIR, ENOENT, ENOSYS, EPERM, errnoName, errnoWords } from "../linux/numbers/errno.ts";
import { AT_EACCESS, AT_FDCWD, S_IFDIR, X_OK } from "../linux/numbers/fcntl.ts";
import { shown } from "../proxy/calls/arguments.ts";
import { type Reading, statx } from "../proxy/calls/calls.ts";
import { type Operation, operation, orGoOn } from "../proxy/calls/operation.ts";

/** A file that may be the program, and the two calls that check it. */
export interface Candidate {
  readonly path: string;
  readonly status: Reading;
  readonly access: Operation;
}

/** Every file that `name` may refer to, in the order of PATH. A name with a slash is not searched for. */
export function candidatesFor(name: string, searchPath: string | undefined): Candidate[] {
  if (name.includes("/")) return [candidate(name)];
  if (name === "" || name === "." || name === ".." || searchPath === undefined || searchPath === "")
    return [];
  return searchPath.split(":").map((directory) => candidate(joinPath(directory, name)));
}

/** The calls, in the container and as its user; each may fail. */
export function lookupOperations(candidates: readonly Candidate[]): Operation[] {
  return candidates.flatMap(({ status, access }) => [status, access]);
}

/** The path to execute. Throws runc's error when no candidate will do. */
export function choose(name: string, candidates: readonly Candidate[]): string {
  for (const one of candidates) {
    const errno = refusal(one);
    if (name.includes("/")) {
      if (errno === 0) return one.path;
      // Go's os.Stat names itself in its error, the later checks do not.
      const stat = (one.status.result ?? 0) < 0 ? `stat ${name}: ` : "";
      throw lookupError({ name, candidates }, `${stat}${errnoWords(errno)}`, errnoName(errno));
    }
    if (errno !== 0) continue;
    if (one.path.startsWith("/")) return one.path;
    // Since Go 1.19 an empty or relative element of PATH does not run a program in the working directory.
    throw lookupError({ name, candidates }, "cannot run executable found relative to current directory");
  }
  throw lookupError({ name, candidates }, "executable file not found in $PATH", errnoName(ENOENT));
}

/** Why a candidate is not the program, as an errno; 0 if it is (Go: os/exec.findExecutable). */
function refusal({ status, access }: Candidate): number {
  const seen = status.result ?? -ENOENT;
  if (seen < 0) return -seen;
  const { type, mode } = parseStatx(status.out.bytes);
  if (type === S_IFDIR) return EISDIR;
  const allowed = access.result ?? -EACCES;
  // A filter around tsrun itself may not know faccessat2(2) of Linux 5.8; then the permission bits decide.
  if (allowed === -ENOSYS || allowed === -EPERM) return (mode & 0o111) === 0 ? EACCES : 0;
  return -allowed;
}

function candidate(path: string): Candidate {
  const attempt = `look for "${path}"`;
  const status = statx(AT_FDCWD, path, 0, attempt);
  const how = shown(AT_EACCESS, "AT_EACCESS");
  const access = operation("faccessat2", [AT_FDCWD, path, shown(X_OK, "X_OK"), how], attempt);
  return { path, status: orGoOn(status), access: orGoOn(access) };
}

/** Go's filepath.Join: cleaned, and an empty directory is the working one. */
function joinPath(directory: string, name: string): string {
  const absolute = directory.startsWith("/");
  const isClean = !directory.includes("//") && !directory.includes("/.") && !directory.endsWith("/");
  // Nearly every directory of a PATH.
  if (absolute && isClean) return `${directory}/${name}`;
  const parts: string[] = [];
  for (const part of `${directory}/${name}`.split("/")) {
    if (part === "" || part === ".") continue;
    const canGoUp = parts.length > 0 && parts[parts.length - 1] !== "..";
    if (part === ".." && canGoUp) parts.pop();
    else if (part !== ".." || !absolute) parts.push(part);
  }
  return (absolute ? "/" : "") + parts.join("/");
}

interface Search {
  readonly name: string;
  readonly candidates: readonly Candidate[];
}

function lookupError({ name, candidates }: Search, words: string, errno?: string): TsrunError {
  const subject = { kind: "lookup", name, paths: candidates.map(({ path }) => path) } as const;
  return new TsrunError("E_EXEC", `exec: ${JSON.stringify(name)}: ${words}`, { errno, subject });
}
