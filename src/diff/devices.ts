// Reads what guards the devices of a container's cgroup: devices.list on v1, attached eBPF programs on v2.
// Called by diff.ts.

import { buildDeviceSet, isAllowed, parseDevicesList } from "../cgroups/devices/device-set.ts";
import { assembleDeviceProgram } from "../cgroups/devices/program.ts";
import type { DeviceRule } from "../cgroups/devices/rules.ts";
import type { CgroupRecord } from "../cgroups/record.ts";
import { TsrunError } from "../errors.ts";
import { attachedDevicePrograms, openProgram, type ProgramInfo, programInfo } from "../linux/files/bpf.ts";
import { open, readTextIfThere } from "../linux/files/files.ts";
import { errnoWords } from "../linux/numbers/errno.ts";
import { O_DIRECTORY, O_RDONLY } from "../linux/numbers/fcntl.ts";
import { compareDevices, type Guard, type Numbers } from "./device-rules.ts";
import { constantsOf, decides } from "./interpreter.ts";
import { type Comparison, type Difference, NOTHING, unseen } from "./model.ts";

/** A program that compares with more numbers than this is not understood. */
const MOST_NUMBERS = 48;

/** Compares the rules that a container should have with those in force. */
export function diffDevices({ driver, paths }: CgroupRecord, rules: readonly DeviceRule[]): Comparison {
  const directory = paths[driver === "v2" ? "" : "devices"];
  if (directory === undefined) return NOTHING;
  return driver === "v2" ? onV2(directory, rules) : onV1(directory, rules);
}

/** Whether a cgroup of v1 allows every device: then `fix` must start from that. */
export function allowsAll({ driver, paths }: CgroupRecord): boolean {
  if (driver !== "v1" || paths.devices === undefined) return false;
  return parseDevicesList(readTextIfThere(`${paths.devices}/devices.list`) ?? "").defaultAllow;
}

function onV1(directory: string, rules: readonly DeviceRule[]): Comparison {
  const list = readTextIfThere(`${directory}/devices.list`);
  if (list === undefined) return unseen("devices", `${directory}/devices.list cannot be read`);
  const asked = buildDeviceSet(rules);
  const found = parseDevicesList(list);
  // The list hides the exceptions of a set that allows by default.
  if (found.defaultAllow && asked.defaultAllow) return NOTHING;
  const guard: Guard = {
    allows: (request) => isAllowed(found, request),
    numbers: [...found.exceptions.values()],
  };
  return { differences: compareDevices(asked, guard) ?? [], unseen: [] };
}

function onV2(directory: string, rules: readonly DeviceRule[]): Comparison {
  const asked = buildDeviceSet(rules);
  let programs: readonly ProgramInfo[];
  try {
    programs = attached(directory);
  } catch (error) {
    if (!(error instanceof TsrunError)) throw error;
    return unseen("devices", error.message);
  }
  if (programs.length === 0) {
    const isOpen = asked.defaultAllow && asked.exceptions.size === 0;
    return isOpen ? NOTHING : { differences: [UNGUARDED], unseen: [] };
  }
  const own = assembleDeviceProgram(asked);
  const [first] = programs;
  if (programs.length === 1 && first?.instructions !== undefined && sameBytes(first.instructions, own)) {
    return NOTHING;
  }
  const differences = compareDevices(asked, guardOf(programs));
  return differences === undefined ? notUnderstood(programs, own) : { differences, unseen: [] };
}

const UNGUARDED: Difference = {
  topic: "devices",
  what: "device program",
  asked: "guards the devices",
  found: "none is attached",
  costs: "it may use every device of the host that it has a node for",
  next: '"diff --fix" attaches it again',
  fixable: true,
};

/** The guard that several programs make together: an access must pass all of them. */
function guardOf(programs: readonly ProgramInfo[]): Guard {
  const codes = programs.map(({ instructions }) => instructions);
  const constants = [...new Set(codes.flatMap((code) => (code === undefined ? [] : constantsOf(code))))];
  const numbers: Numbers[] = constants
    .slice(0, MOST_NUMBERS)
    .map((number) => ({ major: number, minor: number }));
  const isKnown = constants.length <= MOST_NUMBERS;
  return {
    numbers,
    allows: (request) => {
      if (!isKnown) return undefined;
      const verdicts = codes.map((code) => (code === undefined ? undefined : decides(code, request)));
      return verdicts.includes(undefined) ? undefined : !verdicts.includes(false);
    },
  };
}

function notUnderstood(programs: readonly ProgramInfo[], own: Uint8Array): Comparison {
  const others = programs.filter(
    ({ instructions }) => instructions === undefined || !sameBytes(instructions, own),
  );
  const names = others.map(({ tag, name }) => (name === "" ? `tag ${tag}` : `"${name}", tag ${tag}`));
  const difference: Difference = {
    topic: "devices",
    what: "device program",
    asked: "tsrun's alone",
    found: `${others.length === programs.length ? "another" : "also another"}: ${names.join("; ")}`,
    costs: "it is not known which devices that program refuses",
    next: '"diff --fix" replaces them all by tsrun\'s own program',
    fixable: true,
  };
  return { differences: [difference], unseen: [] };
}

function attached(directory: string): ProgramInfo[] {
  using cgroup = open(directory, O_RDONLY | O_DIRECTORY);
  return attachedDevicePrograms(cgroup.number).map((id) => {
    const descriptor = openProgram(id);
    if (typeof descriptor === "number") {
      throw new TsrunError("E_SYSCALL", `eBPF program ${id} cannot be opened: ${errnoWords(-descriptor)}`);
    }
    using program = descriptor;
    return programInfo(program.number);
  });
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
