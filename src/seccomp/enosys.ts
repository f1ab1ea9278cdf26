// Makes system calls newer than the profile fail with ENOSYS, whatever the profile's default is: C libraries
// then fall back to an older call, while EPERM would make them give up. This is a stub in front of
// libseccomp's program, as in runc's libcontainer/seccomp/patchbpf. Pure; called by program.ts.

import { ENOSYS } from "../linux/numbers/errno.ts";
import {
  DATA_ARCHITECTURE,
  DATA_NUMBER,
  type Instruction,
  JUMP_BITS,
  JUMP_EQUAL,
  JUMP_GREATER,
  jump,
  jumpIf,
  load,
  returns,
} from "./bpf.ts";
import { ARCHITECTURES, X32_BIT } from "./tables.ts";

/** The highest system call number that a profile names, on one architecture. */
export interface Limit {
  /** libseccomp's token. */
  readonly architecture: number;
  readonly highest: number;
}

const RETURN_ENOSYS = returns(0x00050000 | ENOSYS);

const X86_64 = ARCHITECTURES.SCMP_ARCH_X86_64;
const X32 = ARCHITECTURES.SCMP_ARCH_X32;
const S390: readonly number[] = [ARCHITECTURES.SCMP_ARCH_S390, ARCHITECTURES.SCMP_ARCH_S390X];

/**
 * The stub. Its end continues with the filter, which must follow it. An architecture without a limit goes
 * there too, and gets libseccomp's answer for foreign architectures.
 *
 *     load architecture
 *     per architecture:  not this one? next section
 *                        load number
 *                        too high? return ENOSYS
 *                        go to the filter
 */
export function enosysStub(limits: readonly Limit[]): Instruction[] {
  const sections = sectionsOf(limits);
  if (sections.length === 0) return [];
  const stub = [load(DATA_ARCHITECTURE)];
  let remaining = sections.reduce((sum, { body }) => sum + body.length + 2, 0);
  for (const { audit, body } of sections) {
    remaining -= body.length + 2;
    stub.push(jumpIf(JUMP_EQUAL, audit, { no: body.length + 1 }), ...body, jump(remaining));
  }
  return stub;
}

interface Section {
  /** AUDIT_ARCH_*, as `struct seccomp_data` has it. */
  readonly audit: number;
  /** Returns ENOSYS, or continues after its end. */
  readonly body: readonly Instruction[];
}

function sectionsOf(limits: readonly Limit[]): Section[] {
  const highest = new Map(limits.map((limit) => [limit.architecture, limit.highest]));
  const sections: Section[] = [];
  for (const [architecture, number] of highest) {
    if (architecture === X86_64 || architecture === X32) continue;
    const multiplexed = S390.includes(architecture) ? noSystemCallZero() : [];
    sections.push({ audit: architecture, body: [load(DATA_NUMBER), ...multiplexed, ...notAbove(number)] });
  }
  const x86 = highest.get(X86_64);
  const x32 = highest.get(X32);
  if (x86 !== undefined || x32 !== undefined) {
    sections.unshift({ audit: X86_64, body: [load(DATA_NUMBER), ...notAboveOnX86(x86, x32)] });
  }
  return sections;
}

/** A mode without a limit is left to the filter. */
function notAboveOnX86(x86: number | undefined, x32: number | undefined): Instruction[] {
  const forX86 = x86 === undefined ? [] : notAbove(x86);
  const forX32 = x32 === undefined ? [] : notAbove(x32);
  const x86Way = [...forX86, jump(forX32.length)];
  return [jumpIf(JUMP_BITS, X32_BIT, { yes: x86Way.length }), ...x86Way, ...forX32];
}

function notAbove(highest: number): Instruction[] {
  return [jumpIf(JUMP_GREATER, highest, { no: 1 }), RETURN_ENOSYS];
}

/**
 * On s390 a call through svc 0 has its number in a register, and a number that the kernel does not know
 * arrives here as 0, setup(2), which nothing has called for decades.
 */
function noSystemCallZero(): Instruction[] {
  return [jumpIf(JUMP_EQUAL, 0, { no: 1 }), RETURN_ENOSYS];
}
