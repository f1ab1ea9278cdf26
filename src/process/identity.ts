// How the first process gives up tsrun's user, groups and capabilities (runc: finalizeNamespace). Pure.
// Called by become-user.ts and, for the last steps, by the stories.
//
// The order, and why:
//   1  bounding set     needs CAP_SETPCAP, which goes with the rest
//   2  keep             otherwise a change from root to another user empties the permitted set
//   3  groups, gid, uid needs CAP_SETGID and CAP_SETUID
//   4  working directory  a second time, if only the user may enter it; then check that it is inside
//   5  capset, ambient  what remains; nothing privileged is possible after it
//   6  no_new_privs
// The seccomp filter needs CAP_SYS_ADMIN or no_new_privs. With no_new_privs it comes last, right before
// execve, so that the profile need not allow tsrun's calls. Without, CAP_SYS_ADMIN stays permitted (never
// effective) until the filter is installed, and is dropped right after it: see `placeFilter`. After the
// filter, capset is the only call that a profile must allow besides reading, waiting and executing. `exec`
// does all of this in a process that the container cannot see (stand.ts), so that CAP_SYS_PTRACE gains the
// container nothing. Its child, which the container can see, has only the program's capabilities, and in rare
// cases one more: CAP_SYS_ADMIN, for a filter that notifies, or whose profile forbids the calls before execve
// (allows.ts); CAP_SYS_NICE, for a scheduler that a child does not inherit. A filter that notifies is always
// installed before the wait: `create` has to pass on its listener.
// DIFFERS: runc installs that filter before all of the above, so its profiles must allow all of it.

import { u32Array } from "../linux/call/words.ts";
import {
  PR_CAP_AMBIENT,
  PR_CAP_AMBIENT_CLEAR_ALL,
  PR_CAP_AMBIENT_RAISE,
  PR_CAPBSET_DROP,
  PR_SET_KEEPCAPS,
  PR_SET_NO_NEW_PRIVS,
} from "../linux/numbers/sched.ts";
import { data, octal, out, shown } from "../proxy/calls/arguments.ts";
import { chdir, prctl, type Reading } from "../proxy/calls/calls.ts";
import { type Operation, operation, orGoOn } from "../proxy/calls/operation.ts";
import {
  type CapabilityMasks,
  type CapsetMasks,
  capabilityData,
  capabilityHeader,
  capabilityName,
  numbersOf,
} from "./capabilities.ts";
import type { ProcessPlan } from "./plan.ts";

const CAP_SYS_ADMIN = 1n << 21n;
export const CAP_SYS_NICE = 1n << 23n;

export interface IdentityOptions {
  /** If setgroups(2) is denied, or the caller's groups are to be kept, the groups stay. */
  readonly maySetGroups: boolean;
  /** The kernel's last capability. */
  readonly lastCapability: number;
  /** The working directory could not be entered by root. */
  readonly changeDirectory: boolean;
  /** A seccomp filter is still to come. */
  readonly filter: boolean;
  /** Further capabilities that stay permitted, for later steps. */
  readonly alsoPermitted?: bigint | undefined;
}

export interface Identity {
  readonly operations: readonly Operation[];
  /** The working directory at the end: see `outsideOfRoot`. */
  readonly workingDirectory: Reading;
}

/** Everything from the bounding set to no_new_privs. */
export function becomeOperations(plan: ProcessPlan, options: IdentityOptions): Identity {
  const { uid, gid, additionalGids } = plan.user;
  const workingDirectory = getWorkingDirectory();
  const { capabilities } = plan;
  const operations = [
    ...dropBounding(capabilities.bounding, options.lastCapability),
    keepCapabilities(true),
    ...(options.maySetGroups ? [setGroups(additionalGids)] : []),
    operation("setresgid", [gid, gid, gid], `become group ${gid}`),
    operation("setresuid", [uid, uid, uid], `become user ${uid}`),
    ...(options.changeDirectory ? [chdir(plan.cwd, `enter the working directory "${plan.cwd}"`)] : []),
    workingDirectory,
    keepCapabilities(false),
    operation("umask", [octal(plan.umask)], "set the umask"),
    setCapabilities(permitting(capabilities, permittedFor(plan, options))),
    ...setAmbient(capabilities.ambient),
    ...(plan.noNewPrivileges ? [setNoNewPrivileges()] : []),
  ];
  return { operations, workingDirectory };
}

/** Where the operations that install the seccomp filter go in the batches that end with execve. */
export interface FilterPlaces {
  readonly beforeWaiting: readonly Operation[];
  /** A separate batch, used when an agent has the filter's notifications: each of its calls may notify. */
  readonly afterHandOver: readonly Operation[];
  readonly beforeExecute: readonly Operation[];
}

/**
 * Distributes the filter's operations, if there is a filter, over the last batches.
 * @param notifies whether the filter has a listener, which must be passed on before tsrun exits
 * @param late put all of them right before execve if possible: tsrun is still there then, and makes calls
 * that the profile need not allow
 */
export function placeFilter(
  plan: ProcessPlan,
  filter: readonly Operation[],
  { notifies = false, late = false }: { readonly notifies?: boolean; readonly late?: boolean } = {},
): FilterPlaces {
  const places = { beforeWaiting: [], afterHandOver: [], beforeExecute: [] };
  if (filter.length === 0) return places;
  if (plan.noNewPrivileges) {
    return notifies ? { ...places, beforeWaiting: filter } : { ...places, beforeExecute: filter };
  }
  const { capabilities } = plan;
  const install = [setCapabilities(raising(capabilities, CAP_SYS_ADMIN)), ...filter];
  const lower = setCapabilities(capabilities);
  if (notifies) return { ...places, beforeWaiting: install, afterHandOver: [lower] };
  return { ...places, [late ? "beforeExecute" : "beforeWaiting"]: [...install, lower] };
}

/**
 * Runs `operations` with the capabilities that they need made effective; afterwards only those needed later
 * stay permitted. Both must be permitted now.
 */
export function withCapability(
  { capabilities }: ProcessPlan,
  { needed, later }: { readonly needed: bigint; readonly later: bigint },
  operations: readonly Operation[],
): Operation[] {
  const raised = raising(permitting(capabilities, later), needed);
  return [setCapabilities(raised), ...operations, setCapabilities(permitting(capabilities, later))];
}

/** The capabilities that the filter needs and the container does not have. */
export function filterNeeds(plan: ProcessPlan, { filter }: { readonly filter: boolean }): bigint {
  return filter && !plan.noNewPrivileges ? CAP_SYS_ADMIN : 0n;
}

function permittedFor(plan: ProcessPlan, { filter, alsoPermitted = 0n }: IdentityOptions): bigint {
  return filterNeeds(plan, { filter }) | alsoPermitted;
}

function permitting(masks: CapabilityMasks, more: bigint): CapabilityMasks {
  return more === 0n ? masks : { ...masks, permitted: masks.permitted | more };
}

function raising(masks: CapabilityMasks, more: bigint): CapabilityMasks {
  return { ...permitting(masks, more), effective: masks.effective | more };
}

/**
 * Whether the result of getcwd(2) is a directory outside the container's root: then the kernel puts
 * "(unreachable)" before it. A leaked descriptor of the host would make such a working directory possible
 * (CVE-2024-21626).
 */
export function outsideOfRoot(path: string): boolean {
  return !path.startsWith("/");
}

/** Forty operations of every start: all but their copies is there already, and no BigInt is needed. */
function dropBounding(kept: bigint, last: number): Operation[] {
  const words = [Number(kept & 0xffffffffn), Number(kept >> 32n)];
  const drops: Operation[] = [];
  for (let number = 0; number <= last; number++) {
    if ((((words[number >> 5] ?? 0) >>> (number & 31)) & 1) === 0)
      drops.push({ ...(DROPS[number] as Operation) });
  }
  return drops;
}

/** Copied for each use: a batch records its position and its result in an operation. */
const DROPS: readonly Operation[] = Array.from({ length: 64 }, (_, number) => {
  const name = capabilityName(number);
  const attempt = `drop ${name} from the bounding set`;
  return prctl(PR_CAPBSET_DROP, [shown(number, name)], "PR_CAPBSET_DROP", attempt);
});

function keepCapabilities(keep: boolean): Operation {
  const attempt = `${keep ? "keep" : "stop keeping"} capabilities over a change of user`;
  return prctl(PR_SET_KEEPCAPS, [keep ? 1 : 0], "PR_SET_KEEPCAPS", attempt);
}

function setGroups(gids: readonly number[]): Operation {
  const attempt = gids.length === 0 ? "leave tsrun's groups" : `join the groups ${gids.join(", ")}`;
  const list = data(u32Array(gids), () => `[${gids.join(", ")}]`);
  return operation("setgroups", [gids.length, list], attempt);
}

/** getcwd(2) fills in the path, with its NUL. */
export function getWorkingDirectory(): Reading {
  const memory = out(4096);
  const attempt = "find out the working directory";
  return orGoOn({ ...operation("getcwd", [memory, memory.size], attempt), out: memory });
}

/** Ambient capabilities must already be permitted and inheritable, and stay as long as they are. */
function setAmbient(mask: bigint): Operation[] {
  const clear = shown(PR_CAP_AMBIENT_CLEAR_ALL, "PR_CAP_AMBIENT_CLEAR_ALL");
  return [
    prctl(PR_CAP_AMBIENT, [clear, 0, 0, 0], "PR_CAP_AMBIENT", "clear the ambient capabilities"),
    ...numbersOf(mask).map(raiseAmbient),
  ];
}

function raiseAmbient(number: number): Operation {
  const name = capabilityName(number);
  const raise = shown(PR_CAP_AMBIENT_RAISE, "PR_CAP_AMBIENT_RAISE");
  return prctl(PR_CAP_AMBIENT, [raise, shown(number, name), 0, 0], "PR_CAP_AMBIENT", `make ${name} ambient`);
}

function setCapabilities(masks: CapsetMasks): Operation {
  const { effective, permitted, inheritable } = masks;
  const header = data(capabilityHeader(), () => "{_LINUX_CAPABILITY_VERSION_3, 0}");
  const hex = (mask: bigint) => `0x${mask.toString(16)}`;
  const sets = data(
    capabilityData(masks),
    () => `{effective=${hex(effective)}, permitted=${hex(permitted)}, inheritable=${hex(inheritable)}}`,
  );
  return operation("capset", [header, sets], "set the capabilities");
}

function setNoNewPrivileges(): Operation {
  return prctl(PR_SET_NO_NEW_PRIVS, [1, 0, 0, 0], "PR_SET_NO_NEW_PRIVS", "give up new privileges");
}
