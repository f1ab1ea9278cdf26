// Simulates a kernel that lacks system calls: runs every call of the runtime under a filter that makes them
// fail with ENOSYS, and that its children inherit. WITHOUT names the calls: `make test-e2e WITHOUT=openat2`.

import { machine, type SyscallName, syscallNumber } from "../../src/linux/numbers/syscalls.ts";
import { findProgram } from "./host.ts";

/** System calls that not every kernel or filter knows and for which docs/kernel.md names a substitute. */
export const REPLACEABLE = [
  "openat2",
  "mount_setattr",
  "open_tree",
  "move_mount",
  "fsopen",
  "clone3",
  "close_range",
  "faccessat2",
  "pidfd_open",
  "pidfd_send_signal",
  "statx",
] as const satisfies readonly SyscallName[];

/** The value of WITHOUT that runs the tests once for each of them (test/run.ts). */
export const EACH = "each";

/** The calls that are missing in this run. */
export const missingCalls: readonly SyscallName[] = (process.env.WITHOUT ?? "")
  .split(/[ ,]+/)
  .filter((name) => name !== "" && name !== EACH)
  .map(replaceable);

function replaceable(name: string): SyscallName {
  const known = REPLACEABLE.find((one) => one === name);
  if (known === undefined) throw new Error(`WITHOUT=${name}: not one of ${REPLACEABLE.join(", ")}`);
  return known;
}

/** A condition for cases that need the call; another case checks tsrun's error without it. */
export function needsCall(name: SyscallName, what: string): string | undefined {
  return missingCalls.includes(name) ? `${what} needs ${name}, and the whole run is without` : undefined;
}

const ERRNO_ENOSYS = 0x00050000 | 38;
const ALLOW = 0x7fff0000;
const LOAD_WORD = 0x20;
const JUMP_EQUAL = 0x15;
const RETURN = 0x06;

/**
 * Perl is part of every Debian and starts in two milliseconds. It does not set no_new_privs, which would
 * disable newuidmap's setuid bit; so installing the filter needs root, and must come before the change to
 * another user. A mount(8) that comes after it has no substitute for move_mount(2) unless it is told so.
 */
const INSTALL =
  '$ENV{LIBMOUNT_FORCE_MOUNT2} = "always"; ' +
  '$f = pack "H*", shift; syscall(0 + shift, 1, 0, pack("S x6 P", length($f) / 8, $f)) == 0 ' +
  'or die "cannot install a filter: $!\\n"; exec {$ARGV[0]} @ARGV or die "cannot execute $ARGV[0]: $!\\n"';

/** The prefix of a command under which the calls are missing; empty if there are none. */
export const withoutCalls: readonly string[] = missingCalls.length === 0 ? [] : filtered(missingCalls);

/** The options of one call of the runtime that is made without this system call, in any run. */
export function without(name: SyscallName): { readonly wrapper: readonly string[] } {
  return { wrapper: filtered([name]) };
}

function filtered(names: readonly SyscallName[]): string[] {
  const matches = names.map((name, index) => ({
    code: JUMP_EQUAL,
    // Jump over the following comparisons and the return.
    yes: names.length - index,
    value: syscallNumber(name, machine),
  }));
  const instructions = [
    { code: LOAD_WORD, yes: 0, value: 0 },
    ...matches,
    { code: RETURN, yes: 0, value: ALLOW },
    { code: RETURN, yes: 0, value: ERRNO_ENOSYS },
  ];
  const program = Buffer.alloc(instructions.length * 8);
  instructions.forEach(({ code, yes, value }, index) => {
    program.writeUInt16LE(code, index * 8);
    program.writeUInt8(yes, index * 8 + 2);
    program.writeUInt32LE(value, index * 8 + 4);
  });
  // By its path: a case may give the runtime a PATH of its own.
  const perl = findProgram("perl") ?? "perl";
  return [perl, "-e", INSTALL, program.toString("hex"), `${syscallNumber("seccomp", machine)}`];
}
