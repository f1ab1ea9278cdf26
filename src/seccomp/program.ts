// A planned filter made into a BPF program by libseccomp; called by build.ts. The order of the calls is
// runc's (libcontainer/seccomp, functions InitSeccomp and matchCall).

import { TsrunError } from "../errors.ts";
import { cString, joinBytes, viewOf } from "../linux/call/words.ts";
import {
  LibseccompFilter,
  memoryDenied,
  NR_SCMP_ERROR,
  SCMP_ARG_CMP_SIZE,
  SCMP_FLTATR_CTL_NNP,
  SCMP_FLTATR_CTL_OPTIMIZE,
  seccompApiGet,
  seccompArchNative,
  seccompSyscallResolveName,
  seccompSyscallResolveNameArch,
} from "../linux/libraries/libseccomp.ts";
import { EEXIST, EINVAL, errnoWords } from "../linux/numbers/errno.ts";
import { encode } from "./bpf.ts";
import { enosysStub, type Limit } from "./enosys.ts";
import type { Condition, FilterPlan, RuleGroup } from "./plan.ts";
import { architectureName } from "./tables.ts";
import { LIBSECCOMP_VERSION } from "./version.ts";

export interface BuildOptions {
  readonly debug: (message: string) => void;
  /** A name that libseccomp does not know is an error instead of being skipped. */
  readonly refusesUnknownCalls?: boolean;
}

/** <asm-generic/errno-base.h> */
const EDOM = 33;

/** SCMP_FLTATR_CTL_OPTIMIZE: a binary tree over the numbers instead of a list. */
const BINARY_TREE = 2;

/**
 * AS RUNC: only from this many rules on, since libseccomp up to 2.5.4 builds a wrong tree from no rules, and
 * a leaf holds four.
 */
const BINARY_TREE_FROM = 33;

/** API level at which libseccomp and the kernel know SCMP_ACT_NOTIFY. */
const NOTIFY_API_LEVEL = 6;

/** The program for `plan`, an array of `struct sock_filter`. */
export function buildProgram(plan: FilterPlan, options: BuildOptions): Uint8Array {
  if (plan.notify && seccompApiGet() < NOTIFY_API_LEVEL) {
    throw new TsrunError("E_UNSUPPORTED", "cannot use SCMP_ACT_NOTIFY: it needs Linux 5.7");
  }
  using filter = createFilter(plan);
  let rules = 0;
  for (const group of plan.groups) {
    // AS RUNC: libseccomp refuses a rule whose action is the default.
    if (group.action === plan.defaultAction) continue;
    rules += addGroup(filter, group, options);
  }
  if (rules >= BINARY_TREE_FROM) filter.setAttribute(SCMP_FLTATR_CTL_OPTIMIZE, BINARY_TREE);
  const program = filter.exportProgram();
  if (typeof program === "number") throw refused("export the seccomp program", program);
  return plan.enosysForNewer ? joinBytes([encode(enosysStub(limits(plan))), program]) : program;
}

/** The highest number that the profile names on each of its architectures, the machine's own included. */
function limits(plan: FilterPlan): Limit[] {
  const names = plan.groups.flatMap((group) => group.names).map(cString);
  const architectures = new Set([seccompArchNative(), ...plan.architectures]);
  return [...architectures].flatMap((architecture) => {
    // A name that this architecture lacks resolves to a negative number. DIFFERS: runc starts from 0, and has
    // no limit for a profile that names nothing but system call 0.
    let highest = 0;
    for (const name of names) highest = Math.max(highest, seccompSyscallResolveNameArch(architecture, name));
    return highest < 0 ? [] : [{ architecture, highest }];
  });
}

function createFilter(plan: FilterPlan): LibseccompFilter {
  const filter = LibseccompFilter.create(plan.defaultAction);
  if (filter === undefined) {
    if (memoryDenied()) throw outOfMemory("create a seccomp filter");
    throw new TsrunError("E_CONFIG", "cannot create a seccomp filter: libseccomp refuses the default action");
  }
  // The native architecture is always included.
  for (const token of plan.architectures) {
    const result = filter.addArchitecture(token);
    if (result < 0 && result !== -EEXIST) {
      throw refused(`add ${architectureName(token)} to the seccomp filter`, result, architectureHint(result));
    }
  }
  // Only process.noNewPrivileges decides about no_new_privs; libseccomp sets it by default.
  filter.setAttribute(SCMP_FLTATR_CTL_NNP, 0);
  return filter;
}

/** Adds the rules of a group and returns the number of system calls in them. */
function addGroup(
  filter: LibseccompFilter,
  { action, names, alternatives }: RuleGroup,
  { debug, refusesUnknownCalls }: BuildOptions,
): number {
  const arrays = alternatives.map(comparisons);
  let added = 0;
  for (const name of names) {
    const number = seccompSyscallResolveName(cString(name));
    if (number === NR_SCMP_ERROR) {
      if (refusesUnknownCalls === true) throw unknownCall(name);
      debug(`unknown seccomp system call "${name}", ignoring`);
      continue;
    }
    for (const array of arrays) {
      const result = filter.addRule({ action, number, comparisons: array });
      if (result < 0) throw refused(`add a seccomp rule for ${name}`, result);
    }
    added += 1;
  }
  return added;
}

/** An array of `struct scmp_arg_cmp`. */
function comparisons(conditions: readonly Condition[]): Uint8Array {
  const bytes = new Uint8Array(conditions.length * SCMP_ARG_CMP_SIZE);
  const view = viewOf(bytes);
  conditions.forEach((condition, index) => {
    const offset = index * SCMP_ARG_CMP_SIZE;
    view.setUint32(offset, condition.index, true);
    view.setInt32(offset + 4, condition.operator, true);
    view.setBigUint64(offset + 8, condition.value, true);
    view.setBigUint64(offset + 16, condition.valueTwo, true);
  });
  return bytes;
}

function unknownCall(name: string): TsrunError {
  const reason = `libseccomp ${LIBSECCOMP_VERSION} does not know the system call ${JSON.stringify(name)}`;
  return new TsrunError("E_CONFIG", `cannot use the seccomp profile: ${reason}`, {
    hint: "without /annotations/run.oci.seccomp_fail_unknown_syscall it is skipped",
  });
}

function architectureHint(result: number): string | undefined {
  if (result === -EINVAL) return `libseccomp ${LIBSECCOMP_VERSION} does not know this architecture`;
  return result === -EDOM ? "its byte order is not that of this machine" : undefined;
}

/** Whatever libseccomp answered to it, an allocation that failed is the reason. */
function refused(attempt: string, result: number, hint?: string): TsrunError {
  if (memoryDenied()) return outOfMemory(attempt);
  return new TsrunError("E_CONFIG", `cannot ${attempt}: ${errnoWords(-result)}`, { hint });
}

function outOfMemory(attempt: string): TsrunError {
  return new TsrunError("E_NOMEM", `cannot ${attempt}: out of memory`);
}
