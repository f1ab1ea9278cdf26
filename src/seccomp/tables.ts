// The words of a seccomp profile (config-linux.md#seccomp) and their numbers (<seccomp.h>, <linux/audit.h>
// and <linux/seccomp.h>). Pure; `features` prints the names.

/** Actions: the filter's return value (SECCOMP_RET_*), without the data bits. */
const ACTIONS = {
  SCMP_ACT_ALLOW: 0x7fff0000,
  SCMP_ACT_ERRNO: 0x00050000,
  SCMP_ACT_KILL: 0x00000000,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_KILL_THREAD: 0x00000000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_NOTIFY: 0x7fc00000,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_TRAP: 0x00030000,
} as const;

/** Operators: libseccomp's `enum scmp_compare`. */
const OPERATORS = {
  SCMP_CMP_EQ: 4,
  SCMP_CMP_GE: 5,
  SCMP_CMP_GT: 6,
  SCMP_CMP_LE: 3,
  SCMP_CMP_LT: 2,
  SCMP_CMP_MASKED_EQ: 7,
  SCMP_CMP_NE: 1,
} as const;

/** Architectures: libseccomp's token, which is the kernel's AUDIT_ARCH_* for all but x32. */
export const ARCHITECTURES = {
  SCMP_ARCH_AARCH64: 0xc00000b7,
  SCMP_ARCH_ARM: 0x40000028,
  SCMP_ARCH_LOONGARCH64: 0xc0000102,
  SCMP_ARCH_M68K: 0x00000004,
  SCMP_ARCH_MIPS: 0x00000008,
  SCMP_ARCH_MIPS64: 0x80000008,
  SCMP_ARCH_MIPS64N32: 0xa0000008,
  SCMP_ARCH_MIPSEL: 0x40000008,
  SCMP_ARCH_MIPSEL64: 0xc0000008,
  SCMP_ARCH_MIPSEL64N32: 0xe0000008,
  SCMP_ARCH_PARISC: 0x0000000f,
  SCMP_ARCH_PARISC64: 0x8000000f,
  SCMP_ARCH_PPC: 0x00000014,
  SCMP_ARCH_PPC64: 0x80000015,
  SCMP_ARCH_PPC64LE: 0xc0000015,
  SCMP_ARCH_RISCV64: 0xc00000f3,
  SCMP_ARCH_S390: 0x00000016,
  SCMP_ARCH_S390X: 0x80000016,
  SCMP_ARCH_SH: 0x4000002a,
  SCMP_ARCH_SHEB: 0x0000002a,
  SCMP_ARCH_X32: 0x4000003e,
  SCMP_ARCH_X86: 0x40000003,
  SCMP_ARCH_X86_64: 0xc000003e,
} as const;

/**
 * Once an agent has received a notification, only a fatal signal interrupts the wait for its answer; Linux
 * 5.19.
 */
export const SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV = 1 << 5;

/** Leaves out the mitigations of speculation that a filter otherwise brings. */
export const SECCOMP_FILTER_FLAG_SPEC_ALLOW = 1 << 2;

/** Flags: the bit in the flags of seccomp(2). */
const FLAGS = {
  // AS RUNC: accepted and ignored. The filter is installed by the container's only thread.
  SECCOMP_FILTER_FLAG_TSYNC: 0,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW,
  SECCOMP_FILTER_FLAG_LOG: 1 << 1,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
} as const;

export type Action = keyof typeof ACTIONS;
export type Operator = keyof typeof OPERATORS;
export type Architecture = keyof typeof ARCHITECTURES;
export type Flag = keyof typeof FLAGS;

/** SECCOMP_FILTER_FLAG_NEW_LISTENER: seccomp(2) returns the descriptor that notifications arrive on. */
export const SECCOMP_FILTER_FLAG_NEW_LISTENER = 1 << 3;

/** __X32_SYSCALL_BIT of a number: how the kernel tells x32 from x86-64, which share their AUDIT_ARCH. */
export const X32_BIT = 1 << 30;

/** SECCOMP_SET_MODE_FILTER, the operation of seccomp(2) that installs a program. */
export const SECCOMP_SET_MODE_FILTER = 1;

/** BPF_MAXINSNS: the kernel accepts no longer program. */
export const MAX_INSTRUCTIONS = 4096;

/** Sorted, as `features` prints them. */
export const SECCOMP_ACTIONS = Object.keys(ACTIONS) as readonly Action[];
export const SECCOMP_OPERATORS = Object.keys(OPERATORS) as readonly Operator[];
export const SECCOMP_ARCHITECTURES = Object.keys(ARCHITECTURES) as readonly Architecture[];

/** Every flag that a profile may have, in runc's order. */
export const SECCOMP_FLAGS = Object.keys(FLAGS) as readonly Flag[];

/** The flags that any profile may have; the remaining one has an effect only with SCMP_ACT_NOTIFY. */
export const SECCOMP_UNCONDITIONAL_FLAGS: readonly Flag[] = [
  "SECCOMP_FILTER_FLAG_TSYNC",
  "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
  "SECCOMP_FILTER_FLAG_LOG",
];

/** The token of `name` in a table, `undefined` if the table does not have it. */
export function actionToken(name: string): number | undefined {
  return lookUp(ACTIONS, name);
}

export function operatorToken(name: string): number | undefined {
  return lookUp(OPERATORS, name);
}

export function architectureToken(name: string): number | undefined {
  return lookUp(ARCHITECTURES, name);
}

export function flagBit(name: string): number | undefined {
  return lookUp(FLAGS, name);
}

/** The name of a libseccomp architecture token, for messages. */
export function architectureName(token: number): string {
  const found = Object.entries(ARCHITECTURES).find(([, value]) => value === token);
  return found === undefined ? `architecture 0x${token.toString(16)}` : found[0];
}

/** Looks up own properties only: a profile with the word "constructor" must not find one. */
function lookUp(table: Readonly<Record<string, number>>, name: string): number | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
