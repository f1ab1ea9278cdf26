// The proxy as an executable: a static ELF of three program headers and the interpreter (elf(5)). Pure.

import { viewOf } from "../../linux/call/words.ts";
import type { Machine } from "../../linux/numbers/syscalls.ts";
import { BUFFER, SEGMENT_SIZE } from "../wire/protocol.ts";
import { clockedCode } from "./clock.ts";
import { ENTRY_OFFSET, interpreterCode, setControl } from "./interpreter.ts";

const HEADER = 64;
const PROGRAM_HEADER = 56;
const BASE = 0x400000;
/** The largest page size of the two machines: arm64 kernels may have pages of 64 KiB. */
const ALIGNMENT = 0x10000;

const PT_LOAD = 1;
const PT_GNU_STACK = 0x6474e551;
const EXECUTE = 1;
const WRITE = 2;
const READ = 4;

const CODE = HEADER + 3 * PROGRAM_HEADER;

/** The address, in the process, of a signal handler that ends it with 128 + signal, as a shell counts. */
export const TERMINATE = BASE + CODE;

/** The instruction that makes a system call: `syscall`, and `svc #0`. */
const CALL: Readonly<Record<Machine, readonly number[]>> = {
  "x86-64": [0x0f, 0x05],
  arm64: [0x01, 0x00, 0x00, 0xd4],
};

/**
 * The addresses behind the interpreter's system calls, as the kernel tells them to a seccomp filter; those of
 * either interpreter.
 */
export function callAddresses(machine: Machine): number[] {
  const call = CALL[machine];
  const addresses = new Set<number>();
  for (const code of [interpreterCode(machine, 0), clockedCode(machine, 0)]) {
    for (let at = 0; at + call.length <= code.length; at++) {
      const isCall = call.every((byte, index) => code[at + index] === byte);
      if (isCall) addresses.add(BASE + CODE + at + call.length);
    }
  }
  return [...addresses].sort((one, other) => one - other);
}

/** They are made with the snapshot, because making one would take 1 % of the time of an `exec`. */
const executables: Readonly<Record<Machine, { plain: Uint8Array; clocked: Uint8Array }>> = {
  "x86-64": executablesFor("x86-64"),
  arm64: executablesFor("arm64"),
};

/**
 * The bytes of an executable that runs the interpreter on descriptor `control`.
 * @param clocked whether it notes when each call began and ended
 */
export function proxyExecutable(machine: Machine, control: number, clocked = false): Uint8Array {
  const file = new Uint8Array(executables[machine][clocked ? "clocked" : "plain"]);
  setControl(file, { machine, control, code: CODE });
  return file;
}

function executablesFor(machine: Machine) {
  return {
    plain: executable(machine, interpreterCode(machine, 0)),
    clocked: executable(machine, clockedCode(machine, 0)),
  };
}

function executable(machine: Machine, code: Uint8Array): Uint8Array {
  const file = new Uint8Array(CODE + code.length);
  const view = viewOf(file);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // \x7fELF, 64 bits, little-endian, version 1
  view.setUint16(16, 2, true); // ET_EXEC
  view.setUint16(18, machine === "arm64" ? 183 : 62, true); // EM_AARCH64, EM_X86_64
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(BASE + CODE + ENTRY_OFFSET[machine]), true); // entry
  view.setBigUint64(32, BigInt(HEADER), true); // program headers
  view.setUint16(52, HEADER, true);
  view.setUint16(54, PROGRAM_HEADER, true);
  view.setUint16(56, 3, true);
  programHeader(view, 0, { type: PT_LOAD, flags: READ | EXECUTE, address: BASE, inFile: file.length });
  programHeader(view, 1, { type: PT_LOAD, flags: READ | WRITE, address: BUFFER, inMemory: SEGMENT_SIZE });
  // Without this header older kernels would make the stack executable, and some kernels every page.
  programHeader(view, 2, { type: PT_GNU_STACK, flags: READ | WRITE });
  file.set(code, CODE);
  return file;
}

interface ProgramHeader {
  readonly type: number;
  readonly flags: number;
  readonly address?: number;
  readonly inFile?: number;
  readonly inMemory?: number;
}

function programHeader(view: DataView, index: number, header: ProgramHeader): void {
  const at = HEADER + index * PROGRAM_HEADER;
  const { address = 0, inFile = 0, inMemory = inFile } = header;
  view.setUint32(at, header.type, true);
  view.setUint32(at + 4, header.flags, true);
  view.setBigUint64(at + 16, BigInt(address), true);
  view.setBigUint64(at + 24, BigInt(address), true);
  view.setBigUint64(at + 32, BigInt(inFile), true);
  view.setBigUint64(at + 40, BigInt(inMemory), true);
  view.setBigUint64(at + 48, BigInt(ALIGNMENT), true);
}
