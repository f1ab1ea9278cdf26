// The container's control group in words: where it is, each limit with the file it is written to, and which
// devices may be used. Pure.

import { buildDeviceSet, type DeviceException, sortExceptions } from "../cgroups/devices/device-set.ts";
import { showAccess, WILDCARD } from "../cgroups/devices/rules.ts";
import { planLimits, writtenWithout } from "../cgroups/limits.ts";
import type { CgroupPlan } from "../cgroups/planned.ts";
import type { CgroupWrite, ControllerWrites } from "../cgroups/writes.ts";
import type { DeviceRule as DeviceRuleSpec } from "../spec/types.ts";
import { limitPointers, RESOURCES } from "./limit-pointers.ts";
import { type ExplainedPlan, inUnits, type Row, type Section } from "./model.ts";

/** `create` makes the cgroup first, so that everything after it is counted. */
export function describeCgroup({ cgroup }: ExplainedPlan): Section[] {
  const title = "Control group: where it is counted";
  const { unit, owner, directories, isDisabled } = cgroup;
  if (directories.length === 0) {
    const why = isDisabled === true ? "None is made, as asked for" : "None can be made here";
    const text = `${why}, so nothing counts or limits the container.`;
    return [{ topic: "cgroup", title, text: [text], pointer: CGROUPS_PATH }];
  }
  const who = unit === undefined ? "tsrun makes" : `systemd makes, as the unit "${unit.name}",`;
  const notes = owner === undefined ? [] : [`User ${owner} gets it, and may divide it further.`];
  return [
    {
      topic: "cgroup",
      title,
      pointer: CGROUPS_PATH,
      text: [
        "A control group is a directory of the kernel. What its processes use is counted together, and " +
          `limited together. ${who} the container's, and puts the first process into it; whatever that ` +
          "process starts is in it too.",
      ],
      table: {
        columns: [
          ["controllers", "COUNTS"],
          ["directory", "DIRECTORY"],
        ],
        rows: directories.map(({ controllers, path }) => ({
          controllers: controllers.map((one) => (one === "" ? "everything" : one)).join(","),
          directory: path,
          pointer: CGROUPS_PATH,
        })),
      },
      ...(notes.length === 0 ? {} : { notes }),
    },
  ];
}

const CGROUPS_PATH = "/linux/cgroupsPath";

/**
 * `create` sets the limits after the mounts, so that mounting does not count against a tight memory limit.
 */
export function describeLimits({ cgroup, missingFiles = new Set(), bundle }: ExplainedPlan): Section[] {
  if (cgroup.driver === "none") return [];
  return [limits(cgroup, missingFiles), deviceAccess(cgroup, bundle.spec.linux?.resources?.devices)];
}

function limits(cgroup: CgroupPlan, missing: ReadonlySet<string>): Section {
  const title = "Limits: how much it may use";
  const pointerOf = limitPointers(cgroup.resources);
  const rows = planLimits(cgroup).flatMap((one) => limitRows({ cgroup, missing, pointerOf }, one));
  if (rows.length === 0) {
    const text = ["None are asked for: it may use whatever the host has."];
    return { topic: "limits", title, text, pointer: RESOURCES };
  }
  const systemd = cgroup.unit === undefined ? "" : " systemd is told of them too, as properties of the unit.";
  return {
    topic: "limits",
    title,
    pointer: RESOURCES,
    text: [`Each is written into a file of the control group.${systemd}`],
    table: {
      columns: [
        ["limit", "LIMIT"],
        ["value", "VALUE"],
        ["file", "FILE"],
      ],
      rows,
    },
  };
}

interface LimitRequest {
  readonly cgroup: CgroupPlan;
  readonly missing: ReadonlySet<string>;
  readonly pointerOf: (write: CgroupWrite) => string;
}

function limitRows(
  { cgroup, missing, pointerOf }: LimitRequest,
  { controller, writes }: ControllerWrites,
): Row[] {
  const wanted = cgroup.driver === "v2" ? "" : controller;
  const directory = cgroup.directories.find(({ controllers }) => controllers.includes(wanted));
  const path = directory?.path ?? `no ${controller} hierarchy`;
  return writes.map((write) => {
    const { file, value } = writtenWithout(write, missing);
    return {
      limit: LIMIT_WORDS[file] ?? file,
      value: BYTES.test(file) ? bytesWords(value) : value,
      file: `${path}/${file}`,
      pointer: pointerOf(write),
    };
  });
}

function bytesWords(value: string): string {
  const units = inUnits(Number(value));
  return units === undefined ? value : `${value} (${units})`;
}

/** The files whose numbers are in bytes. */
const BYTES = /^memory\.(?!swappiness|oom|pressure)|^hugetlb\./;

const LIMIT_WORDS: Readonly<Record<string, string>> = {
  "memory.max": "memory",
  "memory.high": "memory, before it is slowed down",
  "memory.low": "memory that is left to it",
  "memory.min": "memory that is never taken",
  "memory.swap.max": "swap",
  "memory.limit_in_bytes": "memory",
  "memory.memsw.limit_in_bytes": "memory and swap together",
  "memory.soft_limit_in_bytes": "memory, when it is short",
  "memory.swappiness": "readiness to swap",
  "memory.oom_control": "1: wait, instead of being killed, when memory runs out",
  "pids.max": "processes and threads",
  "cpu.max": "processor time in a period, both in µs",
  "cpu.max.burst": "processor time saved up, µs",
  "cpu.weight": "share of the processors, 100 being usual",
  "cpu.idle": "1: only when nothing else wants to run",
  "cpu.shares": "share of the processors, 1024 being usual",
  "cpu.cfs_period_us": "period of the processor time, µs",
  "cpu.cfs_quota_us": "processor time in a period, µs",
  "cpu.cfs_burst_us": "processor time saved up, µs",
  "cpu.rt_period_us": "period of the realtime budget, µs",
  "cpu.rt_runtime_us": "realtime budget in a period, µs",
  "cpuset.cpus": "processors it may run on",
  "cpuset.mems": "memory nodes it may use",
  "io.max": "disk traffic of a device",
  "io.weight": "share of the disks",
  "io.bfq.weight": "share of the disks",
  "blkio.weight": "share of the disks",
  "blkio.leaf_weight": "share of the disks, against groups below",
  "blkio.throttle.read_bps_device": "bytes read a second from a device",
  "blkio.throttle.write_bps_device": "bytes written a second to a device",
  "blkio.throttle.read_iops_device": "reads a second from a device",
  "blkio.throttle.write_iops_device": "writes a second to a device",
  "net_cls.classid": "class of its network packets",
  "net_prio.ifpriomap": "priority of its network packets",
};

function deviceAccess(
  { devices, driver, directories }: CgroupPlan,
  asked: readonly DeviceRuleSpec[] = [],
): Section {
  const title = "Device access: which hardware it may use";
  if (driver === "v1" && !directories.some(({ controllers }) => controllers.includes("devices"))) {
    const text =
      "The caller may not make a group for devices, so only the permissions of device files decide.";
    return { topic: "device-access", title, text: [text] };
  }
  const pointerOf = rulePointers(asked);
  const { defaultAllow, exceptions } = buildDeviceSet(devices);
  const how =
    driver === "v2"
      ? "A small program (eBPF) on the control group decides whenever a device is opened or made."
      : "Written to devices.allow and devices.deny of the control group, after everything was denied.";
  const rest = defaultAllow ? "Every device may be used, except these:" : "Only these may be used:";
  return {
    topic: "device-access",
    title,
    pointer: `${RESOURCES}/devices`,
    text: [`${how} ${rest}`],
    table: {
      columns: [
        ["device", "DEVICE"],
        ["access", defaultAllow ? "NOT ALLOWED" : "ALLOWED"],
        ["known", "KNOWN AS"],
      ],
      rows: sortExceptions(exceptions.values()).map((one) => ({
        ...exceptionRow(one),
        ...pointerOf(one),
      })),
    },
  };
}

function exceptionRow({ type, major, minor, access }: DeviceException): Row {
  const number = (value: number): string => (value === WILDCARD ? "*" : String(value));
  const numbers = `${number(major)}:${number(minor)}`;
  const letters = showAccess(access);
  return {
    device: `${type === "c" ? "character" : "block"} ${numbers}`,
    access: [
      letters.includes("r") ? "read" : "",
      letters.includes("w") ? "write" : "",
      letters.includes("m") ? "make a node" : "",
    ]
      .filter((one) => one !== "")
      .join(", "),
    known: KNOWN_DEVICES[`${type} ${numbers}`] ?? "",
  };
}

/** Points to the last rule about a device. Every container also gets some devices that no rule names. */
function rulePointers(asked: readonly DeviceRuleSpec[]): (device: DeviceException) => Row {
  const keyOf = (type: string, major = WILDCARD, minor = WILDCARD): string => `${type} ${major}:${minor}`;
  const indices = new Map(
    asked.map(({ type = "a", major, minor }, index) => [keyOf(type, major, minor), index]),
  );
  return ({ type, major, minor }) => {
    const index = indices.get(keyOf(type, major, minor));
    return index === undefined ? {} : { pointer: `${RESOURCES}/devices/${index}` };
  };
}

/** Documentation/admin-guide/devices.txt */
export const KNOWN_DEVICES: Readonly<Record<string, string>> = {
  "c *:*": "any character device",
  "b *:*": "any block device",
  "c 1:3": "/dev/null",
  "c 1:5": "/dev/zero",
  "c 1:7": "/dev/full",
  "c 1:8": "/dev/random",
  "c 1:9": "/dev/urandom",
  "c 5:0": "/dev/tty",
  "c 5:1": "/dev/console",
  "c 5:2": "/dev/ptmx",
  "c 10:200": "/dev/net/tun",
  "c 10:229": "/dev/fuse",
  "c 136:*": "terminals, /dev/pts/*",
};
