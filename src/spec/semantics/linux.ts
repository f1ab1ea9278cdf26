// Rules about other members of `linux`: devices, seccomp, resource director, memory policy.

import { readAnnotations } from "../annotations.ts";
import { quoted } from "../shorten.ts";
import type { Linux } from "../types.ts";
import { numberListFault } from "./process.ts";
import { isAbsolute, type Report, type Rule } from "./report.ts";

export const LINUX_RULES: readonly Rule[] = [
  linuxRule("devices", { check: devices, reads: [] }),
  {
    about: ["linux", "seccomp"],
    reads: ["/linux/seccomp", "/annotations"],
    check: ({ spec, report }) => {
      // AS CRUN: a program in the annotation replaces the profile.
      if (readAnnotations(spec).seccompProgram === undefined) seccomp(spec.linux ?? {}, report);
    },
  },
  linuxRule("intelRdt", { check: intelRdt, reads: ["/linux/intelRdt"] }),
  linuxRule("memoryPolicy", { check: memoryPolicy, reads: ["/linux/memoryPolicy"] }),
  linuxRule("personality", { check: personality, reads: ["/linux/personality"] }),
];

function linuxRule(
  key: keyof Linux,
  { check, reads }: { check: (linux: Linux, report: Report) => void; reads: readonly string[] },
): Rule {
  return { about: ["linux", key], reads, check: ({ spec, report }) => check(spec.linux ?? {}, report) };
}

/** The kernel keeps 12 bits of a major number and 20 of a minor one (MINORBITS of linux/kdev_t.h). */
const DEVICE_NUMBERS = { major: 4095, minor: 1048575 };

function devices(linux: Linux, report: Report): void {
  report.each(linux.devices, "/linux/devices", (device, index) => {
    const at = `/linux/devices/${index}`;
    if (!isAbsolute(device.path)) {
      report.fault(`${at}/path`, `must be an absolute path, is ${JSON.stringify(device.path)}`);
    }
    if (device.type === "p") return;
    for (const key of ["major", "minor"] as const) {
      const number = device[key];
      if (number === undefined)
        report.fault(`${at}/${key}`, `missing, and required for type "${device.type}"`);
      else if (number < 0 || number > DEVICE_NUMBERS[key]) {
        report.fault(`${at}/${key}`, `must be from 0 to ${DEVICE_NUMBERS[key]}, is ${number}`);
      }
    }
  });
}

function seccomp({ seccomp: profile }: Linux, report: Report): void {
  if (profile === undefined) return;
  const at = "/linux/seccomp";
  const rules = profile.syscalls ?? [];
  if (profile.defaultAction === "SCMP_ACT_NOTIFY") {
    report.fault(`${at}/defaultAction`, "SCMP_ACT_NOTIFY cannot be used as default action");
  }
  const notifies = rules.some(({ action }) => action === "SCMP_ACT_NOTIFY");
  const listener = profile.listenerPath ?? "";
  if (notifies && listener === "")
    report.fault(`${at}/listenerPath`, "missing, and SCMP_ACT_NOTIFY needs it");
  if (listener === "" && (profile.listenerMetadata ?? "") !== "") {
    report.fault(`${at}/listenerMetadata`, "has no effect without listenerPath");
  }
  rules.forEach(({ names, action, args }, index) => {
    const rule = `${at}/syscalls/${index}`;
    if (action === "SCMP_ACT_NOTIFY" && names.includes("write")) {
      // The process that passes the listener on could no longer write to the socket.
      report.fault(`${rule}/names`, "SCMP_ACT_NOTIFY cannot be used for the write syscall");
    }
    if (names.includes("")) report.fault(`${rule}/names/${names.indexOf("")}`, "must not be empty");
    args?.forEach((arg, position) => {
      if (arg.index > 5)
        report.fault(`${rule}/args/${position}/index`, `must be from 0 to 5, is ${arg.index}`);
    });
  });
}

function intelRdt({ intelRdt: rdt }: Linux, report: Report): void {
  const id = rdt?.closID ?? "";
  // "/" is the default group.
  if (id === "." || id === ".." || (id.includes("/") && id !== "/") || id.includes("\n")) {
    report.fault("/linux/intelRdt/closID", `must be a name of a directory, is ${JSON.stringify(id)}`);
  }
  rdt?.schemata?.forEach((line, index) => {
    if (line.includes("\n")) report.fault(`/linux/intelRdt/schemata/${index}`, "must be one line");
  });
}

function memoryPolicy({ memoryPolicy: policy }: Linux, report: Report): void {
  const nodes = policy?.nodes ?? "";
  const reason = numberListFault(nodes);
  // AS RUNC, here and below: callers match the beginning.
  if (reason !== undefined) {
    report.fault("/linux/memoryPolicy/nodes", `invalid memory policy nodes ${quoted(nodes)}: ${reason}`);
  }
  const flags = policy?.flags ?? [];
  if (flags.includes("MPOL_F_STATIC_NODES") && flags.includes("MPOL_F_RELATIVE_NODES")) {
    const both = "cannot have both static and relative nodes";
    report.fault("/linux/memoryPolicy/flags", `${both}: set_mempolicy(2) calls that an invalid argument`);
  }
}

function personality({ personality: wanted }: Linux, report: Report): void {
  if ((wanted?.flags?.length ?? 0) === 0) return;
  report.warn("/linux/personality/flags", "the specification defines no flags, ignoring");
}
