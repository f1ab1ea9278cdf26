// Turns a seccomp profile of config.json into numbers for libseccomp, and refuses wrong words. Pure; called
// by compile.ts. The rules are runc's (libcontainer/seccomp, function InitSeccomp).

import { TsrunError } from "../errors.ts";
import { ENOSYS, EPERM } from "../linux/numbers/errno.ts";
import type { Seccomp, SeccompArg, SeccompSyscall } from "../spec/types.ts";
import { usesNotify } from "./profile.ts";
import {
  actionToken,
  architectureToken,
  flagBit,
  operatorToken,
  SECCOMP_ACTIONS,
  SECCOMP_ARCHITECTURES,
  SECCOMP_FILTER_FLAG_NEW_LISTENER,
  SECCOMP_FLAGS,
  SECCOMP_OPERATORS,
} from "./tables.ts";

/** `struct scmp_arg_cmp`. */
export interface Condition {
  /** Which argument of the system call, from 0. */
  readonly index: number;
  readonly operator: number;
  readonly value: bigint;
  readonly valueTwo: bigint;
}

export interface RuleGroup {
  readonly names: readonly string[];
  readonly action: number;
  /** Each is a separate rule; within one, all conditions must hold. Without conditions: one empty list. */
  readonly alternatives: readonly (readonly Condition[])[];
}

export interface FilterPlan {
  readonly defaultAction: number;
  /** libseccomp's tokens, without the native one. */
  readonly architectures: readonly number[];
  /** Flags of seccomp(2). */
  readonly flags: number;
  /** Whether installing the filter yields a descriptor for an agent. */
  readonly notify: boolean;
  /** Whether system calls that are newer than the profile are to fail with ENOSYS. */
  readonly enosysForNewer: boolean;
  readonly groups: readonly RuleGroup[];
}

/** AS RUNC: EPERM if no errno is given. */
const DEFAULT_ERRNO = EPERM;

/** MAX_ERRNO of <linux/err.h>; also the limit for a tracer's number in SECCOMP_RET_DATA. */
const MAX_ERRNO = 4095;
const MAX_DATA = 0xffff;

const FLAG_SPEC_ALLOW = "SECCOMP_FILTER_FLAG_SPEC_ALLOW";
const FLAG_TSYNC = "SECCOMP_FILTER_FLAG_TSYNC";
const FLAG_WAIT_KILLABLE_RECV = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV";

/** The plan of a profile. Throws E_CONFIG for an unknown action, operator, architecture or flag. */
export function planFilter(profile: Seccomp): FilterPlan {
  const defaultAction = actionValue(profile.defaultAction, profile.defaultErrnoRet);
  const syscalls = profile.syscalls ?? [];
  const notify = usesNotify(profile);
  if (profile.defaultAction === "SCMP_ACT_NOTIFY") {
    throw new TsrunError("E_CONFIG", "cannot use SCMP_ACT_NOTIFY as the default action of a seccomp profile");
  }
  return {
    defaultAction,
    architectures: (profile.architectures ?? []).map(architecture),
    flags: filterFlags(profile.flags, notify),
    notify,
    enosysForNewer: wantsEnosys(profile),
    groups: syscalls.map(ruleGroup),
  };
}

/**
 * Whether the filter needs the ENOSYS stub. A permissive default needs none, nor does a default of ENOSYS.
 * TRACE counts as permissive, as in runc: a tracer decides about newer system calls itself.
 */
function wantsEnosys({ defaultAction, defaultErrnoRet }: Seccomp): boolean {
  if (defaultAction === "SCMP_ACT_ERRNO" && defaultErrnoRet === ENOSYS) return false;
  return !["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"].includes(defaultAction);
}

/** Flags of seccomp(2) by their names. */
export function filterFlags(flags: readonly string[] | undefined, notify: boolean): number {
  let bits = notify ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
  // AS RUNC: an absent list means SPEC_ALLOW, an empty one means no flag.
  for (const flag of flags ?? [FLAG_SPEC_ALLOW]) {
    const bit = known(flagBit(flag), { kind: "flag", word: flag, words: SECCOMP_FLAGS });
    // DIFFERS: the kernel refuses this flag for a filter that never notifies, where it has no effect.
    if (flag === FLAG_WAIT_KILLABLE_RECV && !notify) continue;
    // It has no effect in a process with one thread, and the kernel refuses it together with a listener.
    if (flag === FLAG_TSYNC && notify) continue;
    bits |= bit;
  }
  return bits;
}

function ruleGroup(rule: SeccompSyscall): RuleGroup {
  const action = actionValue(rule.action, rule.errnoRet);
  for (const name of rule.names) {
    if (name === "") throw new TsrunError("E_CONFIG", "cannot use an empty name in a seccomp rule");
    // AS RUNC: the call that passes the listener to the agent may not wait for that agent.
    if (name === "write" && rule.action === "SCMP_ACT_NOTIFY") {
      throw new TsrunError("E_CONFIG", "SCMP_ACT_NOTIFY cannot be used for the write syscall");
    }
  }
  return { names: rule.names, action, alternatives: alternatives((rule.args ?? []).map(condition)) };
}

/**
 * AS RUNC: libseccomp refuses two conditions on one argument. In a rule that has them any one condition
 * suffices: profiles from the time before libseccomp checked this rely on it.
 */
function alternatives(conditions: readonly Condition[]): readonly (readonly Condition[])[] {
  const indexes = new Set(conditions.map(({ index }) => index));
  return indexes.size === conditions.length ? [conditions] : conditions.map((one) => [one]);
}

function condition(arg: SeccompArg): Condition {
  if (!Number.isInteger(arg.index) || arg.index < 0 || arg.index > 5) {
    throw new TsrunError(
      "E_CONFIG",
      `cannot use seccomp argument index ${arg.index}: it must be from 0 to 5`,
    );
  }
  return {
    index: arg.index,
    operator: known(operatorToken(arg.op), { kind: "operator", word: arg.op, words: SECCOMP_OPERATORS }),
    value: operand(arg.value),
    valueTwo: operand(arg.valueTwo ?? 0),
  };
}

/** A number above 2^53 has lost its low digits in JSON.parse, and a filter must not guess them. */
function operand(value: number | bigint): bigint {
  const exact = typeof value === "bigint" || Number.isSafeInteger(value);
  if (exact && value >= 0 && value < 2n ** 64n) return BigInt(value);
  throw new TsrunError(
    "E_CONFIG",
    `cannot use ${value} as a seccomp operand: it must be an unsigned integer`,
  );
}

function architecture(name: string): number {
  return known(architectureToken(name), { kind: "architecture", word: name, words: SECCOMP_ARCHITECTURES });
}

function actionValue(name: string, errnoRet: number | undefined): number {
  const token = known(actionToken(name), { kind: "action", word: name, words: SECCOMP_ACTIONS });
  if (name !== "SCMP_ACT_ERRNO" && name !== "SCMP_ACT_TRACE") return token;
  const most = name === "SCMP_ACT_ERRNO" ? MAX_ERRNO : MAX_DATA;
  const data = errnoRet ?? DEFAULT_ERRNO;
  if (data >= 0 && data <= most) return token | data;
  // DIFFERS: runc keeps the low sixteen bits, so 65537 silently means EPERM.
  throw new TsrunError(
    "E_CONFIG",
    `cannot use ${data} as the number of ${name}: it must be from 0 to ${most}`,
  );
}

interface Word {
  readonly kind: string;
  readonly word: string;
  readonly words: readonly string[];
}

function known(token: number | undefined, { kind, word, words }: Word): number {
  if (token !== undefined) return token;
  throw new TsrunError("E_CONFIG", `cannot use ${JSON.stringify(word)} as a seccomp ${kind}`, {
    hint: `use one of ${words.join(", ")}`,
  });
}
