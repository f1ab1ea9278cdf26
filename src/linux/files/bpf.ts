// The part of bpf(2) that cgroup device programs need: load, attach, detach, and list. Called on hosts with
// cgroup v2.

import { addressOf } from "../../engine/host/memory.ts";
import { mustCall, syscallError, tryCall } from "../call/call.ts";
import { textUntilNul, u64Struct, viewOf } from "../call/words.ts";
import { ENOSPC, EPERM } from "../numbers/errno.ts";
import { Descriptor } from "./files.ts";

/** enum bpf_cmd */
const BPF_PROG_LOAD = 5;
const BPF_PROG_ATTACH = 8;
const BPF_PROG_DETACH = 9;
const BPF_PROG_GET_FD_BY_ID = 13;
const BPF_PROG_QUERY = 16;

const BPF_PROG_TYPE_CGROUP_DEVICE = 15;
/** enum bpf_attach_type */
const BPF_CGROUP_DEVICE = 6;
/** Several programs on one cgroup: an access must pass all of them. */
const BPF_F_ALLOW_MULTI = 2;
const BPF_F_REPLACE = 4;

const INSTRUCTION_SIZE = 8;
/** BPF_CGROUP_MAX_PROGS */
const MOST_PROGRAMS = 64;

const RLIMIT_MEMLOCK = 8;

/** Loads a program of type BPF_PROG_TYPE_CGROUP_DEVICE. */
export function loadDeviceProgram(instructions: Uint8Array): Descriptor {
  let result = tryLoad(instructions);
  // Before Linux 5.11 programs count as locked memory, of which even root has little by default.
  if (result === -EPERM) result = withUnlimitedMemlock(() => tryLoad(instructions));
  if (result < 0) throw syscallError("load the eBPF program that guards devices", -result);
  return new Descriptor(result);
}

function tryLoad(instructions: Uint8Array): number {
  // The kernel requires the name of a licence; the program uses no helpers that only GPL programs may call.
  const license = new TextEncoder().encode("Apache-2.0\0");
  const attributes = new Uint8Array(64);
  const view = viewOf(attributes);
  view.setUint32(0, BPF_PROG_TYPE_CGROUP_DEVICE, true);
  view.setUint32(4, instructions.length / INSTRUCTION_SIZE, true);
  view.setBigUint64(8, BigInt(addressOf(instructions)), true);
  view.setBigUint64(16, BigInt(addressOf(license)), true);
  // The kernel takes three arguments; the others keep the memory behind the pointers alive during the call.
  return tryCall("bpf", BPF_PROG_LOAD, attributes, attributes.length, instructions, license);
}

function withUnlimitedMemlock(action: () => number): number {
  const old = new Uint8Array(16);
  const infinity = 0xffffffffffffffffn;
  if (tryCall("prlimit64", 0, RLIMIT_MEMLOCK, u64Struct(infinity, infinity), old) < 0) return -EPERM;
  try {
    return action();
  } finally {
    // The container would inherit it.
    tryCall("prlimit64", 0, RLIMIT_MEMLOCK, old, 0);
  }
}

/**
 * Attaches a program to the cgroup behind `cgroup`. With `replaced` it replaces that program in one step.
 */
export function attachDeviceProgram(cgroup: number, program: number, replaced?: number): void {
  const attributes = attachAttributes(cgroup, program);
  const view = viewOf(attributes);
  view.setUint32(12, replaced === undefined ? BPF_F_ALLOW_MULTI : BPF_F_ALLOW_MULTI | BPF_F_REPLACE, true);
  view.setUint32(16, replaced ?? 0, true);
  mustCall("attach the eBPF program that guards devices", "bpf", BPF_PROG_ATTACH, attributes, 20);
}

export function detachDeviceProgram(cgroup: number, program: number): void {
  const attributes = attachAttributes(cgroup, program);
  mustCall("detach an eBPF program that guards devices", "bpf", BPF_PROG_DETACH, attributes, 20);
}

function attachAttributes(cgroup: number, program: number): Uint8Array {
  const attributes = new Uint8Array(20);
  const view = viewOf(attributes);
  view.setUint32(0, cgroup, true);
  view.setUint32(4, program, true);
  view.setUint32(8, BPF_CGROUP_DEVICE, true);
  return attributes;
}

/** The device programs attached to a cgroup itself, by id. */
export function attachedDevicePrograms(cgroup: number): number[] {
  for (let room = MOST_PROGRAMS; ; ) {
    const ids = new Uint8Array(room * 4);
    const attributes = new Uint8Array(32);
    const view = viewOf(attributes);
    view.setUint32(0, cgroup, true);
    view.setUint32(4, BPF_CGROUP_DEVICE, true);
    view.setBigUint64(16, BigInt(addressOf(ids)), true);
    view.setUint32(24, room, true);
    const result = tryCall("bpf", BPF_PROG_QUERY, attributes, attributes.length, ids);
    const count = view.getUint32(24, true);
    if (result === -ENOSPC && count > room) {
      room = count;
      continue;
    }
    if (result < 0) throw syscallError("list the eBPF programs that guard devices", -result);
    const found = viewOf(ids);
    return Array.from({ length: count }, (_, index) => found.getUint32(index * 4, true));
  }
}

/** A descriptor of a loaded program, or the negated errno: a security module may deny it. */
export function openProgram(id: number): Descriptor | number {
  const attributes = new Uint8Array(12);
  viewOf(attributes).setUint32(0, id, true);
  const result = tryCall("bpf", BPF_PROG_GET_FD_BY_ID, attributes, attributes.length);
  return result < 0 ? result : new Descriptor(result);
}

/** enum bpf_cmd */
const BPF_OBJ_GET_INFO_BY_FD = 15;
/** Bytes of `struct bpf_prog_info` up to its name's end. */
const INFO_SIZE = 80;
/** BPF_MAXINSNS */
const MOST_INSTRUCTIONS = 4096;

export interface ProgramInfo {
  /** A hash of its instructions; two programs with the same one are the same. */
  readonly tag: string;
  /** At most 15 characters, which its loader chose. */
  readonly name: string;
  /** What the kernel runs; `undefined` if it does not show it. */
  readonly instructions: Uint8Array | undefined;
}

/** What the kernel tells of a loaded program (linux/bpf.h, `struct bpf_prog_info`). */
export function programInfo(program: number): ProgramInfo {
  const instructions = new Uint8Array(MOST_INSTRUCTIONS * INSTRUCTION_SIZE);
  const info = new Uint8Array(INFO_SIZE);
  const view = viewOf(info);
  view.setUint32(20, instructions.length, true);
  view.setBigUint64(32, BigInt(addressOf(instructions)), true);
  const attributes = new Uint8Array(16);
  viewOf(attributes).setUint32(0, program, true);
  viewOf(attributes).setUint32(4, info.length, true);
  viewOf(attributes).setBigUint64(8, BigInt(addressOf(info)), true);
  // As in tryLoad, the last arguments keep the memory behind the pointers alive.
  const attempt = "look at an eBPF program that guards devices";
  mustCall(attempt, "bpf", BPF_OBJ_GET_INFO_BY_FD, attributes, attributes.length, info, instructions);
  const length = view.getUint32(20, true);
  // Hidden instructions are told by a pointer of 0.
  const isShown = view.getBigUint64(32, true) !== 0n && length > 0 && length <= instructions.length;
  return {
    tag: [...info.subarray(8, 16)].map((byte) => byte.toString(16).padStart(2, "0")).join(""),
    name: textUntilNul(info.subarray(64, 80)),
    instructions: isShown ? instructions.subarray(0, length) : undefined,
  };
}
