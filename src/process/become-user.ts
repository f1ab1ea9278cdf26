// Makes the first process the container's user, inside the container's root, and finds its program there. It
// first looks around, and what it sees decides what is done. Called by the stories when the root file system
// is finished.

import { TsrunError } from "../errors.ts";
import { textUntilNul } from "../linux/call/words.ts";
import type { Descriptor } from "../linux/files/files.ts";
import { type FileStatus, isNullDevice, parseStatx } from "../linux/files/statx.ts";
import { EACCES, EINVAL, ENOENT, EPERM, EROFS, errnoName, errnoWords } from "../linux/numbers/errno.ts";
import { AT_EMPTY_PATH, AT_FDCWD, O_NOCTTY, O_NONBLOCK, O_RDONLY, O_RDWR } from "../linux/numbers/fcntl.ts";
import { chdir, close, dup3, fchown, openat, type Reading, read, statx } from "../proxy/calls/calls.ts";
import { type Operation, operationError, orGoOn } from "../proxy/calls/operation.ts";
import type { Conversation } from "../proxy/conversation.ts";
import { inWords } from "../proxy/step.ts";
import { variable, withHome } from "./environment.ts";
import { lastCapability, maySetGroups } from "./host-side.ts";
import { becomeOperations, getWorkingDirectory, type Identity, outsideOfRoot } from "./identity.ts";
import { type LabelFiles, labelHint, labelOperations, NO_LABELS } from "./labels.ts";
import { type Candidate, candidatesFor, choose, lookupOperations } from "./lookup.ts";
import { HomeSearch } from "./passwd.ts";
import type { ProcessPlan } from "./plan.ts";
import { schedulerHint, schedulingOperations } from "./scheduling.ts";

/** What execve(2) gets beside the arguments. */
export interface Executable {
  readonly path: string;
  readonly environment: readonly string[];
}

/** How a process becomes the container's user. */
export interface Becoming {
  readonly plan: ProcessPlan;
  /** A seccomp filter will be installed in the last message: see `placeFilter`. */
  readonly filter: boolean;
  /** Where the process's labels are written to, if it has any. */
  readonly labels?: LabelFiles | undefined;
  /** See `IdentityOptions`. */
  readonly alsoPermitted?: bigint | undefined;
  /** The directory of /proc of a process whose user namespace the proxy is about to join. */
  readonly joins?: Descriptor | undefined;
  /**
   * A child executes the program. A name such as /proc/self/exe or /dev/fd/3 means something else there, so
   * execve(2) finds out whether it exists, and `enterInChild` enters a working directory of that kind.
   */
  readonly inChild?: boolean;
}

/** What can be prepared from the plan alone, and from what is nearly always the case. */
export interface Prepared {
  /** The kernel's last capability. */
  readonly lastCapability: number;
  /** For a process that may set its groups and could enter its working directory. */
  readonly identity: Identity;
  /** The files that may be the program; `undefined` if execve(2) is to find out. */
  readonly candidates: readonly Candidate[] | undefined;
}

/** Prepares what is possible while the process is busy. */
export function prepareUser({ plan, filter, alsoPermitted, inChild }: Becoming): Prepared {
  const last = lastCapability();
  const name = plan.args[0] ?? "";
  const isUnseen = inChild === true && /^\/(proc|dev)\//.test(name);
  return {
    lastCapability: last,
    identity: becomeOperations(plan, {
      maySetGroups: !plan.keepsGroups,
      lastCapability: last,
      changeDirectory: false,
      filter,
      alsoPermitted,
    }),
    candidates: isUnseen ? undefined : candidatesFor(name, variable(withHome(plan.environment, ""), "PATH")),
  };
}

/**
 * Has the process look around while it still has its privileges. The returned function waits for what it has
 * seen; before calling that, tsrun can do something else.
 */
export function lookAround(proxy: Conversation, { plan, joins, inChild }: Becoming): () => Surroundings {
  const looks = look(proxy, plan, inChild === true);
  proxy.go();
  const mayGroup = maySetGroups(joins ?? proxy.pid);
  return () => {
    proxy.settle();
    const seen = looks();
    if (!mayGroup && !plan.keepsGroups && plan.user.additionalGids.length > 0) {
      throw new TsrunError(
        "E_CONFIG",
        "cannot set additional groups: the user namespace denies setgroups(2)",
        {
          hint: "remove process.user.additionalGids, or map group ids with newgidmap",
        },
      );
    }
    return { ...seen, maySetGroups: mayGroup && !plan.keepsGroups };
  };
}

/** Gives up tsrun's privileges. */
export function becomeUser(
  proxy: Conversation,
  becoming: Becoming,
  { prepared, seen }: { readonly prepared: Prepared; readonly seen: Surroundings },
): void {
  const { plan, labels = NO_LABELS } = becoming;
  const identity = identityFor(becoming, prepared, seen);
  const stdio = stdioOperations(seen, plan.user.uid);
  const operations = [
    ...seen.closing,
    ...stdio,
    ...schedulingOperations(plan.scheduling),
    ...labelOperations(plan, labels),
    ...identity.operations,
  ];
  proxy.say(
    inWords(
      operations,
      (failed) => identityError(failed, plan),
      () => {
        checkStdio(stdio);
        checkWorkingDirectory(identity.workingDirectory);
      },
    ),
  );
}

/** What has been prepared, unless the process is in another situation than that was prepared for. */
function identityFor(
  { plan, filter, alsoPermitted }: Becoming,
  prepared: Prepared,
  seen: Surroundings,
): Identity {
  const { lastCapability: last, identity } = prepared;
  if (seen.maySetGroups === !plan.keepsGroups && !seen.mustChangeDirectory) return identity;
  return becomeOperations(plan, {
    maySetGroups: seen.maySetGroups,
    lastCapability: last,
    changeDirectory: seen.mustChangeDirectory,
    filter,
    alsoPermitted,
  });
}

/**
 * Looks for the program as the user. Once that has been carried out, the returned function tells where the
 * program is, or throws runc's error if there is none.
 */
export function searchProgram(
  proxy: Conversation,
  { plan }: Becoming,
  { candidates }: Prepared,
  { home, entersInChild }: Surroundings,
): () => Executable {
  const environment = withHome(plan.environment, home);
  const name = plan.args[0] ?? "";
  const startsElsewhere = entersInChild && /^[^/]+\//.test(name);
  if (candidates === undefined || startsElsewhere) return () => ({ path: name, environment });
  proxy.say(lookupOperations(candidates));
  return () => ({ path: choose(name, candidates), environment });
}

/** What the process sees before it becomes the user's. */
interface Seen {
  /** The user's home directory; looked up only if the environment does not name it. */
  readonly home: string;
  /** Closes what the look has opened; sent with the next batch. */
  readonly closing: readonly Operation[];
  readonly mustChangeDirectory: boolean;
  /** The working directory may be one that only the child can reach, such as /proc/self/fd. */
  readonly entersInChild: boolean;
  /** Standard input, output and error; `undefined` for one that is closed. */
  readonly stdio: readonly (FileStatus | undefined)[];
  /** A descriptor of the container's /dev/null, or -1. */
  readonly null: number;
}

export interface Surroundings extends Seen {
  readonly maySetGroups: boolean;
}

/**
 * The look of a process that still has its privileges. Once it has been carried out, the returned function
 * tells what was seen.
 */
function look(proxy: Conversation, plan: ProcessPlan, inChild: boolean): () => Seen {
  const stdio = [0, 1, 2].map((fd) => orGoOn(statx(fd, "", AT_EMPTY_PATH, `look at descriptor ${fd}`)));
  const nothing = orGoOn(openat(AT_FDCWD, "/dev/null", O_RDWR | O_NOCTTY));
  const nothingStatus = orGoOn(statx(nothing, "", AT_EMPTY_PATH));
  const enter = orGoOn(chdir(plan.cwd, "enter the working directory"));
  const passwd = plan.environment.needsHome ? readPasswd() : undefined;
  proxy.say([...stdio, nothing, nothingStatus, enter, ...(passwd?.operations ?? [])]);
  return () => {
    const isNull = isNullDevice(statusOf(nothingStatus));
    const opened = nothing.result ?? -1;
    if (!isNull && opened >= 0) proxy.say(close(opened));
    const file = passwd?.file.result ?? -1;
    const entersInChild = inChild && enter.result === -ENOENT;
    return {
      home: passwd === undefined ? "" : findHome(proxy, passwd, plan.user.uid),
      closing: file < 0 ? [] : [close(file)],
      mustChangeDirectory: !entersInChild && mustTryAgain(enter, plan.cwd),
      entersInChild,
      stdio: stdio.map(statusOf),
      null: isNull ? opened : -1,
    };
  };
}

/**
 * Enters the working directory in the process that executes the program, if the one before it did not find
 * it: that one is not in the container's pid namespace, so /proc/self leads nowhere for it.
 */
export function enterInChild(proxy: Conversation, plan: ProcessPlan): void {
  const attempt = `enter the working directory "${plan.cwd}"`;
  const entered = getWorkingDirectory();
  proxy.ask(
    inWords(
      [chdir(plan.cwd, attempt), entered],
      (failed) => identityError(failed, plan),
      () => checkWorkingDirectory(entered),
    ),
  );
}

/** AS RUNC: a directory that root may not enter is tried again as the user; any other failure is an error. */
function mustTryAgain({ result = 0 }: Operation, cwd: string): boolean {
  if (result >= 0) return false;
  if (result === -EACCES || result === -EPERM) return true;
  throw cwdError(cwd, -result);
}

function cwdError(cwd: string, errno: number): TsrunError {
  const message = `chdir to cwd (${JSON.stringify(cwd)}) set in config.json failed: ${errnoWords(errno)}`;
  return new TsrunError("E_SYSCALL", message, {
    errno: errnoName(errno),
    subject: { kind: "directory", path: cwd },
  });
}

/**
 * Gives the standard streams to the user, who otherwise could not open /dev/stdout or use the terminal (runc:
 * fixStdioPermissions). The host's /dev/null must not change its owner: the container's takes its place,
 * which also gives up access to the host's /dev (runc: reOpenDevNull).
 */
function stdioOperations(seen: Seen, uid: number): Operation[] {
  const operations = seen.stdio.flatMap((status, fd) => {
    if (status === undefined) return [];
    if (isNullDevice(status)) {
      return seen.null < 0
        ? []
        : [dup3(seen.null, fd, 0, "put the container's /dev/null in place of the host's")];
    }
    if (status.uid === uid) return [];
    return [orGoOn(fchown(fd, { uid, gid: -1 }, `give descriptor ${fd} to user ${uid}`))];
  });
  return seen.null < 0 ? operations : [...operations, close(seen.null)];
}

function checkStdio(operations: readonly Operation[]): void {
  const failed = operations.find(({ call, result = 0 }) => call === "fchown" && !mayStay(result));
  if (failed !== undefined) throw operationError(failed);
}

/**
 * AS RUNC: the owner may stay as it is on a read-only file system, on a file system of somebody else, and if
 * the id has no mapping.
 */
function mayStay(result: number): boolean {
  return result >= 0 || [-EPERM, -EROFS, -EINVAL].includes(result);
}

function statusOf(reading: Reading): FileStatus | undefined {
  return reading.result === 0 ? parseStatx(reading.out.bytes) : undefined;
}

/** Both calls may fail. O_NONBLOCK is for a FIFO in its place, which would block. */
function readPasswd(): { file: Operation; first: Reading; operations: readonly Operation[] } {
  const attempt = "read the container's /etc/passwd";
  const file = orGoOn(openat(AT_FDCWD, "/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY, attempt));
  const first = orGoOn(read(file, FIRST_PASSWD, attempt));
  return { file, first, operations: [file, first] };
}

/** Enough bytes for most such files. The memory is sent in both directions, so it is kept small. */
const FIRST_PASSWD = 4096;
const MORE_PASSWD = 32768;
/** The file is not searched any further than this. */
const MOST_PASSWD = 4 << 20;

function findHome(proxy: Conversation, { file, first }: ReturnType<typeof readPasswd>, uid: number): string {
  const search = new HomeSearch(uid);
  const descriptor = file.result ?? -1;
  let isFound = descriptor < 0 || search.add(contentOf(first));
  let length = first.result ?? 0;
  for (let full = length === FIRST_PASSWD; full && !isFound && length < MOST_PASSWD; ) {
    const next = orGoOn(read(descriptor, MORE_PASSWD, first.attempt));
    proxy.ask(next);
    isFound = search.add(contentOf(next));
    length += next.result ?? 0;
    full = next.result === MORE_PASSWD;
  }
  return search.home;
}

function contentOf({ result = 0, out }: Reading): Uint8Array {
  return out.bytes.subarray(0, Math.max(0, result));
}

function checkWorkingDirectory({ result = 0, out, attempt }: Reading): void {
  const words = "current working directory is outside of container mount namespace root";
  if (result < 0) {
    // This need not be a breakout: a directory that was removed has no path either, and getcwd(3) reports
    // both alike.
    throw new TsrunError("E_SYSCALL", `cannot ${attempt}: ${errnoWords(-result)}`, {
      errno: errnoName(-result),
    });
  }
  if (outsideOfRoot(textUntilNul(out.bytes))) {
    throw new TsrunError("E_SYSCALL", `${words} -- possible container breakout detected`);
  }
}

function identityError(failed: Operation, plan: ProcessPlan): TsrunError {
  const errno = -(failed.result ?? 0);
  const { uid, gid } = plan.user;
  if (failed.call === "chdir") return cwdError(plan.cwd, errno);
  if (errno === EINVAL && failed.call === "setresuid")
    return unmapped(`cannot setuid to unmapped uid ${uid}`);
  if (errno === EINVAL && failed.call === "setresgid")
    return unmapped(`cannot setgid to unmapped gid ${gid}`);
  if (errno === EPERM && failed.call === "capset") {
    return new TsrunError("E_SYSCALL", "unable to apply caps: operation not permitted", {
      errno: errnoName(errno),
      hint: "process.capabilities asks for more than tsrun itself has",
      subject: { kind: "call", call: failed.call, attempt: failed.attempt },
    });
  }
  if (errno === EPERM && failed.call === "sched_setattr") {
    return new TsrunError("E_SYSCALL", operationError(failed).message, {
      errno: errnoName(errno),
      hint: schedulerHint(plan.scheduling),
    });
  }
  if (failed.call !== "write") return operationError(failed);
  const { message } = operationError(failed);
  return new TsrunError("E_SYSCALL", message, { errno: errnoName(errno), hint: labelHint(failed, plan) });
}

function unmapped(words: string): TsrunError {
  return new TsrunError("E_CONFIG", `${words} in user namespace`, {
    errno: "EINVAL",
    hint: "add the id to linux.uidMappings or linux.gidMappings",
  });
}
