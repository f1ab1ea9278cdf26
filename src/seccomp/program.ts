// Has libseccomp turn a planned filter into a BPF program; called by compile.ts. The order of the calls is
// runc's (libcontainer/seccomp, functions InitSeccomp and matchCall).

import { TsrunError } from "../errors.ts";
import { cString, viewOf } from "../linux/call/words.ts";
import {
  type Libseccomp,
  type LibseccompFilter,
  NR_SCMP_ERROR,
  type Rule,
  SCMP_ARG_CMP_SIZE,
  SCMP_FLTATR_CTL_NNP,
  SCMP_FLTATR_CTL_OPTIMIZE,
} from "../linux/libraries/libseccomp.ts";
import { EEXIST, EINVAL, errnoWords } from "../linux/numbers/errno.ts";
import { encode } from "./bpf.ts";
import { enosysStub, type Limit } from "./enosys.ts";
import type { Condition, FilterPlan, RuleGroup } from "./plan.ts";
import { architectureName } from "./tables.ts";

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
export function buildProgram(library: Libseccomp, plan: FilterPlan, options: BuildOptions): Uint8Array {
  if (plan.notify && library.apiLevel < NOTIFY_API_LEVEL) {
    throw new TsrunError(
      "E_UNSUPPORTED",
      "cannot use SCMP_ACT_NOTIFY: it needs libseccomp 2.5 and Linux 5.7",
      {
        hint: `this host has libseccomp ${library.version} at API level ${library.apiLevel}`,
      },
    );
  }
  const filter = createFilter(library, plan);
  let rules = 0;
  for (const group of plan.groups) {
    // AS RUNC: libseccomp refuses a rule whose action is the default.
    if (group.action === plan.defaultAction) continue;
    rules += addGroup(library, filter, group, options);
  }
  // libseccomp before 2.5 does not know the attribute; the program is then a list, which is slower but
  // correct.
  if (rules >= BINARY_TREE_FROM) filter.setAttribute(SCMP_FLTATR_CTL_OPTIMIZE, BINARY_TREE);
  const program = filter.exportProgram();
  if (typeof program === "number") throw refused("export the seccomp program", program);
  return plan.enosysForNewer ? joined(encode(enosysStub(limits(library, plan))), program) : program;
}

/** The highest number that the profile names on each of its architectures, the machine's own included. */
function limits(library: Libseccomp, plan: FilterPlan): Limit[] {
  const names = plan.groups.flatMap((group) => group.names).map(cString);
  const architectures = new Set([library.nativeArchitecture, ...plan.architectures]);
  return [...architectures].flatMap((architecture) => {
    // A name that this architecture lacks resolves to a negative number. DIFFERS: runc starts from 0, and has
    // no limit for a profile that names nothing but system call 0.
    const numbers = library.resolveNamesOn(architecture, names);
    const highest = numbers.reduce((most, number) => Math.max(most, number), 0);
    return highest < 0 ? [] : [{ architecture, highest }];
  });
}

function joined(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const whole = new Uint8Array(head.length + tail.length);
  whole.set(head);
  whole.set(tail, head.length);
  return whole;
}

function createFilter(library: Libseccomp, plan: FilterPlan): LibseccompFilter {
  const filter = library.createFilter(plan.defaultAction);
  if (filter === undefined) {
    throw new TsrunError("E_CONFIG", "cannot create a seccomp filter: libseccomp refuses the default action");
  }
  // The native architecture is always included.
  for (const token of plan.architectures) {
    const result = filter.addArchitecture(token);
    if (result < 0 && result !== -EEXIST) {
      throw refused(
        `add ${architectureName(token)} to the seccomp filter`,
        result,
        architectureHint(library, result),
      );
    }
  }
  // Only process.noNewPrivileges decides about no_new_privs; libseccomp sets it by default.
  filter.setAttribute(SCMP_FLTATR_CTL_NNP, 0);
  return filter;
}

/** Adds the rules of a group and returns the number of system calls in them. */
function addGroup(
  library: Libseccomp,
  filter: LibseccompFilter,
  group: RuleGroup,
  { debug, refusesUnknownCalls }: BuildOptions,
): number {
  const alternatives = group.alternatives.map(comparisons);
  const numbers = library.resolveNames(group.names.map(cString));
  const rules: Rule[] = [];
  const names: string[] = [];
  let added = 0;
  group.names.forEach((name, index) => {
    const number = numbers[index] ?? NR_SCMP_ERROR;
    if (number === NR_SCMP_ERROR) {
      if (refusesUnknownCalls === true) throw unknownCall(library, name);
      debug(`unknown seccomp system call "${name}", ignoring`);
      return;
    }
    for (const alternative of alternatives) {
      rules.push({ action: group.action, number, comparisons: alternative });
      names.push(name);
    }
    added += 1;
  });
  filter.addRules(rules).forEach((result, index) => {
    if (result < 0) throw refused(`add a seccomp rule for ${names[index]}`, result);
  });
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

function unknownCall({ version }: Libseccomp, name: string): TsrunError {
  const reason = `libseccomp ${version} does not know the system call ${JSON.stringify(name)}`;
  return new TsrunError("E_CONFIG", `cannot use the seccomp profile: ${reason}`, {
    hint: "without /annotations/run.oci.seccomp_fail_unknown_syscall it is skipped",
  });
}

function architectureHint(library: Libseccomp, result: number): string | undefined {
  if (result === -EINVAL) return `libseccomp ${library.version} does not know this architecture`;
  return result === -EDOM ? "its byte order is not that of this machine" : undefined;
}

function refused(attempt: string, result: number, hint?: string): TsrunError {
  return new TsrunError("E_CONFIG", `cannot ${attempt}: ${errnoWords(-result)}`, { hint });
}
