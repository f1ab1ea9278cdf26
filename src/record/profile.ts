// Makes the seccomp profile that allows the calls that a container used, and no call that its own profile
// denies. Pure.
//
// The rules of the container's own profile stay, with fewer names. So a call that was allowed only with
// certain arguments stays so, and a call that fails with a certain errno, which tells a C library to use an
// older call, still fails with it. If the own profile allows by default, the result denies by default, and a
// rule that denies a used call with certain arguments is inverted.

import type { Seccomp, SeccompArch, SeccompArg, SeccompSyscall } from "../spec/types.ts";

/**
 * Calls that a runtime makes under the filter before the program runs, if it installs the filter last, as
 * with `noNewPrivileges`. tsrun only calls execve(2); the others are those of runc and of Go's runtime, found
 * by leaving out one after the other (docs/adr/0028-record.md). Calls that the container's own profile denies
 * are not added.
 */
const LATE_CALLS: readonly string[] = [
  ...[
    "clone",
    "close",
    "close_range",
    "epoll_ctl",
    "epoll_pwait",
    "execve",
    "exit_group",
    "fcntl",
    "fstatfs",
  ],
  ...["futex", "getdents64", "getpid", "gettid", "madvise", "mmap", "nanosleep", "openat", "openat2", "read"],
  ...["readlinkat", "rt_sigprocmask", "rt_sigreturn", "sched_yield", "sigaltstack", "tgkill", "write"],
];

/**
 * Further calls if the filter is installed before the user changes: tsrun calls capset(2), runc all of
 * these.
 */
const EARLY_CALLS: readonly string[] = [
  ...["capget", "capset", "chdir", "faccessat", "faccessat2", "fchown", "fstat", "getcwd", "getppid"],
  ...["newfstatat", "prctl", "setgid", "setgroups", "setuid", "statx"],
];

export interface Learnt {
  /** The container's own profile; `undefined` if it has none. */
  readonly own: Seccomp | undefined;
  /** Names of the calls that were allowed. */
  readonly used: ReadonlySet<string>;
  /** SCMP_ARCH_* of the machine, and of calls that were made. */
  readonly architectures: readonly SeccompArch[];
  /** `process.noNewPrivileges` */
  readonly noNewPrivileges: boolean;
}

export interface LearntProfile {
  readonly profile: Seccomp;
  /** The calls that it allows only because runtimes make them. */
  readonly runtime: readonly string[];
  /** Used calls that the profile leaves out because their conditions cannot be inverted. */
  readonly inexpressible: readonly string[];
}

const EPERM = 1;
const UNCONDITIONAL: readonly (readonly SeccompArg[])[] = [[]];

/** Whether an action lets a call happen. */
export function allows(action: string): boolean {
  return action === "SCMP_ACT_ALLOW" || action === "SCMP_ACT_LOG";
}

export function learntProfile({ own, used, architectures, noNewPrivileges }: Learnt): LearntProfile {
  const rules = own?.syscalls ?? [];
  const deniesOthers = own !== undefined && !allows(own.defaultAction);
  const needed = noNewPrivileges ? LATE_CALLS : [...LATE_CALLS, ...EARLY_CALLS];
  const runtime = needed.filter((name) => !used.has(name) && allowsSomehow(own, name)).sort();
  const kept = new Set([...used, ...runtime]);
  const head = {
    ...(deniesOthers
      ? { defaultAction: own.defaultAction, ...numberOf(own.defaultErrnoRet) }
      : { defaultAction: "SCMP_ACT_ERRNO" as const, defaultErrnoRet: EPERM }),
    architectures: [...new Set([...(own?.architectures ?? []), ...architectures])],
    ...(own?.flags === undefined ? {} : { flags: own.flags }),
  };
  if (deniesOthers) {
    const syscalls = rules.flatMap((rule) => narrowed(rule, kept));
    return { profile: { ...head, syscalls }, runtime, inexpressible: [] };
  }
  const { allowed, inexpressible } = turnedRound(rules, [...kept].sort());
  const denying = rules.filter(({ action }) => !allows(action));
  return { profile: { ...head, syscalls: [...allowed, ...denying] }, runtime, inexpressible };
}

function numberOf(errno: number | undefined): Pick<Seccomp, "defaultErrnoRet"> {
  return errno === undefined ? {} : { defaultErrnoRet: errno };
}

/** Whether a profile allows this call, at least with some arguments. */
export function allowsSomehow(own: Seccomp | undefined, name: string): boolean {
  if (own === undefined) return true;
  const naming = (own.syscalls ?? []).filter(({ names }) => names.includes(name));
  if (naming.some(({ action }) => allows(action))) return true;
  const isDenied = naming.some(({ args = [] }) => args.length === 0);
  return allows(own.defaultAction) && !isDenied;
}

/** An allowing rule with only the kept names; a denying rule as it is. */
function narrowed(rule: SeccompSyscall, kept: ReadonlySet<string>): SeccompSyscall[] {
  if (!allows(rule.action)) return [rule];
  const names = rule.names.filter((name) => kept.has(name));
  return names.length === 0 ? [] : [{ ...rule, names }];
}

/** Rules that allow `names` unless one of `rules` denies the call. */
function turnedRound(
  rules: readonly SeccompSyscall[],
  names: readonly string[],
): { readonly allowed: readonly SeccompSyscall[]; readonly inexpressible: readonly string[] } {
  const free: string[] = [];
  const conditional: SeccompSyscall[] = [];
  const inexpressible: string[] = [];
  for (const name of names) {
    const denying = rules.filter((rule) => !allows(rule.action) && rule.names.includes(name));
    const alternatives = denying.reduce<readonly (readonly SeccompArg[])[] | undefined>(
      (so, rule) => so && both(so, opposite(rule)),
      UNCONDITIONAL,
    );
    if (denying.length === 0) free.push(name);
    else if (alternatives === undefined) inexpressible.push(name);
    else {
      conditional.push(
        ...alternatives.map((args) => ({ names: [name], action: "SCMP_ACT_ALLOW" as const, args })),
      );
    }
  }
  const plain = { names: free, action: "SCMP_ACT_ALLOW" as const };
  return { allowed: free.length === 0 ? conditional : [plain, ...conditional], inexpressible };
}

/**
 * The cases in which a rule does not apply, as alternatives. If a rule has two conditions on one argument,
 * one of them is enough for it to apply (src/seccomp/plan.ts), so all of them must fail.
 */
function opposite({ args = [] }: SeccompSyscall): readonly (readonly SeccompArg[])[] | undefined {
  const indexes = new Set(args.map(({ index }) => index));
  if (indexes.size === args.length) return args.flatMap((arg) => notSo(arg).map((one) => [one]));
  return args.reduce<readonly (readonly SeccompArg[])[] | undefined>(
    (so, arg) =>
      so &&
      both(
        so,
        notSo(arg).map((one) => [one]),
      ),
    UNCONDITIONAL,
  );
}

/** Conditions of which one holds exactly if the given one does not. */
function notSo(arg: SeccompArg): SeccompArg[] {
  const turned = TURNED[arg.op];
  if (turned !== undefined) return [{ ...arg, op: turned }];
  // SCMP_CMP_MASKED_EQ: some bit of the mask differs.
  const [mask, wanted] = [BigInt(arg.value), BigInt(arg.valueTwo ?? 0)];
  const bits: SeccompArg[] = [];
  for (let bit = 1n; bit <= mask; bit <<= 1n) {
    if ((mask & bit) === 0n) continue;
    const value = exact(bit);
    bits.push({ ...arg, value, valueTwo: (wanted & bit) === 0n ? value : 0 });
  }
  return bits;
}

const TURNED: Readonly<Record<string, SeccompArg["op"] | undefined>> = {
  SCMP_CMP_EQ: "SCMP_CMP_NE",
  SCMP_CMP_NE: "SCMP_CMP_EQ",
  SCMP_CMP_LT: "SCMP_CMP_GE",
  SCMP_CMP_GE: "SCMP_CMP_LT",
  SCMP_CMP_LE: "SCMP_CMP_GT",
  SCMP_CMP_GT: "SCMP_CMP_LE",
};

/** Like a loaded configuration, which has large numbers as bigints (src/spec/normalise.ts). */
function exact(value: bigint): number {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : (value as unknown as number);
}

/** The most alternatives for one call: libseccomp makes a chain of comparisons for each. */
const MOST_ALTERNATIVES = 64;

/** All pairs; `undefined` if a pair has two conditions on one argument, which a rule cannot express. */
function both(
  these: readonly (readonly SeccompArg[])[],
  those: readonly (readonly SeccompArg[])[] | undefined,
): readonly (readonly SeccompArg[])[] | undefined {
  if (those === undefined || these.length * those.length > MOST_ALTERNATIVES) return undefined;
  const pairs = these.flatMap((one) => those.map((other) => [...one, ...other]));
  const isClear = pairs.every((args) => new Set(args.map(({ index }) => index)).size === args.length);
  return isClear ? pairs : undefined;
}

/** How many of `names` a profile allows, at least with some arguments. */
export function countAllowed(profile: Seccomp | undefined, names: readonly string[]): number {
  return names.filter((name) => allowsSomehow(profile, name)).length;
}

/**
 * The profile that allows what either allows. Both must come from the same configuration, or from
 * configurations that deny in the same way. A call that one allows with all arguments and the other denies is
 * allowed.
 */
export function mergedProfile(one: Seccomp, other: Seccomp): Seccomp {
  const groups = new Map<string, SeccompSyscall>();
  for (const rule of [...(one.syscalls ?? []), ...(other.syscalls ?? [])]) {
    const { names, ...rest } = rule;
    const key = keyOf(rest);
    const known = groups.get(key);
    const all = [...new Set([...(known?.names ?? []), ...names])].sort();
    groups.set(key, { ...rest, names: all });
  }
  const free = new Set(
    [...groups.values()]
      .filter(({ action, args = [] }) => action === "SCMP_ACT_ALLOW" && args.length === 0)
      .flatMap(({ names }) => names),
  );
  const syscalls = [...groups.values()].flatMap((rule) => {
    const deniesAlways = !allows(rule.action) && (rule.args ?? []).length === 0;
    const names = deniesAlways ? rule.names.filter((name) => !free.has(name)) : rule.names;
    return names.length === 0 ? [] : [{ ...rule, names }];
  });
  const architectures = [...new Set([...(one.architectures ?? []), ...(other.architectures ?? [])])];
  return { ...one, architectures, syscalls };
}

function keyOf({ action, errnoRet, args = [] }: Omit<SeccompSyscall, "names">): string {
  const conditions = args.map(({ index, op, value, valueTwo }) => `${index} ${op} ${value} ${valueTwo}`);
  return [action, errnoRet, ...conditions].join("\n");
}
