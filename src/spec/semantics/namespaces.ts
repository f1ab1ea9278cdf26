// Rules about namespaces, id mappings and members that need a namespace; runtime-spec
// config-linux.md#namespaces, runc's libcontainer/configs/validate.

import { childPointer } from "../json-positions.ts";
import { nearestWord } from "../nearest.ts";
import type { IDMapping } from "../types.ts";
import { type Context, isAbsolute, NAMESPACES, namespaceOf, type Report, type Rule } from "./report.ts";

const MAPPINGS = ["/linux/uidMappings", "/linux/gidMappings"];

export const NAMESPACE_RULES: readonly Rule[] = [
  { about: ["linux", "namespaces"], reads: [], check: duplicates },
  { about: ["linux", "namespaces"], reads: [], check: paths },
  { about: ["linux", "namespaces"], reads: [NAMESPACES, ...MAPPINGS, "/process/user"], check: userIsMapped },
  { about: ["linux", "namespaces"], reads: [NAMESPACES, ...MAPPINGS], check: userNamespace },
  mappingsRule("uidMappings"),
  mappingsRule("gidMappings"),
  { about: ["linux", "timeOffsets"], reads: [NAMESPACES, "/linux/timeOffsets"], check: timeOffsets },
  utsRule("hostname"),
  utsRule("domainname"),
  sealRule("maskedPaths"),
  sealRule("readonlyPaths"),
  { about: ["linux", "netDevices"], reads: [NAMESPACES, "/linux/netDevices"], check: netDevices },
];

function duplicates({ spec, report }: Context): void {
  const seen = new Map<string, number>();
  report.each(spec.linux?.namespaces, NAMESPACES, ({ type }, index) => {
    const earlier = seen.get(type);
    if (earlier === undefined) seen.set(type, index);
    else
      report.fault(`${NAMESPACES}/${index}`, `duplicate namespace "${type}", see ${NAMESPACES}/${earlier}`);
  });
}

function paths({ spec, report }: Context): void {
  report.each(spec.linux?.namespaces, NAMESPACES, ({ path = "" }, index) => {
    if (path === "" || isAbsolute(path)) return;
    report.fault(`${NAMESPACES}/${index}/path`, `must be an absolute path, is ${JSON.stringify(path)}`);
  });
}

function userNamespace({ spec, report }: Context): void {
  const user = namespaceOf(spec, "user");
  for (const kind of ["uidMappings", "gidMappings"] as const) {
    const pointer = `/linux/${kind}`;
    const given = spec.linux?.[kind] ?? [];
    if (user === undefined) continue;
    if (user.path !== undefined) {
      // containerd and CRI-O give both. Whether they agree is checked when the namespace is joined.
      if (given.length > 0) {
        report.warn(pointer, `the user namespace "${user.path}" has mappings of its own, ignoring these`);
      }
    } else if (given.length === 0) {
      report.fault(pointer, "missing, and a new user namespace has no ids without it");
    } else if (!maps(given, 0)) {
      // AS RUNC: the setup before the program starts runs as the container's root.
      report.fault(pointer, "must map id 0, the container's root");
    }
  }
}

function maps(mappings: readonly IDMapping[], id: number): boolean {
  return mappings.some(({ containerID, size }) => id >= containerID && id - containerID < size);
}

function mappingsRule(kind: "uidMappings" | "gidMappings"): Rule {
  const at = `/linux/${kind}`;
  const check = ({ spec, report }: Context): void => {
    const given = spec.linux?.[kind] ?? [];
    checkMappings(given, at, report);
    // AS RUNC and AS CRUN.
    if (given.length > 0 && report.isSound(NAMESPACES) && namespaceOf(spec, "user") === undefined) {
      report.warn(at, 'is ignored without a "user" namespace in /linux/namespaces');
    }
  };
  return { about: ["linux", kind], reads: [at], check };
}

/** The kernel's rules for uid_map, user_namespaces(7). */
export function checkMappings(mappings: readonly IDMapping[], at: string, report: Report): void {
  if (mappings.length > MOST_MAPPINGS) {
    report.fault(at, `must have at most ${MOST_MAPPINGS} entries, has ${mappings.length}`);
    // Too many to compare each with each.
    return;
  }
  mappings.forEach((mapping, index) => {
    const pointer = `${at}/${index}`;
    if (mapping.size === 0) report.fault(`${pointer}/size`, "must be at least 1, is 0");
    for (const side of ["containerID", "hostID"] as const) {
      // The largest 32-bit number is not an id.
      if (mapping[side] + mapping.size > 0xffffffff) {
        report.fault(
          `${pointer}/size`,
          `leads beyond the last id, 4294967294, from ${side} ${mapping[side]}`,
        );
      }
      const other = mappings.findIndex((earlier, at) => at < index && overlap(earlier, mapping, side));
      if (other !== -1) report.fault(`${pointer}/${side}`, `overlaps with ${at}/${other}`);
    }
  });
}

const MOST_MAPPINGS = 340;

function overlap(a: IDMapping, b: IDMapping, side: "containerID" | "hostID"): boolean {
  return a[side] < b[side] + b.size && b[side] < a[side] + a.size;
}

function userIsMapped({ spec, report }: Context): void {
  const user = namespaceOf(spec, "user");
  if (user === undefined || user.path !== undefined) return;
  const { uid = 0, gid = 0, additionalGids = [] } = spec.process?.user ?? {};
  const { uidMappings = [], gidMappings = [] } = spec.linux ?? {};
  const check = (
    id: number,
    mappings: readonly IDMapping[],
    { at, by }: { at: string; by: string },
  ): void => {
    // Missing mappings, and a missing mapping of root, have been reported already.
    if (maps(mappings, 0) && !maps(mappings, id)) report.fault(at, `${id} is not mapped in ${by}`);
  };
  check(uid, uidMappings, { at: "/process/user/uid", by: "/linux/uidMappings" });
  check(gid, gidMappings, { at: "/process/user/gid", by: "/linux/gidMappings" });
  additionalGids.forEach((id, index) => {
    check(id, gidMappings, { at: `/process/user/additionalGids/${index}`, by: "/linux/gidMappings" });
  });
}

const CLOCKS = ["monotonic", "boottime"];

function timeOffsets({ spec, report }: Context): void {
  const clocks = Object.keys(spec.linux?.timeOffsets ?? {});
  if (clocks.length === 0) return;
  const time = namespaceOf(spec, "time");
  if (time === undefined) report.fault("/linux/timeOffsets", 'needs a "time" namespace in /linux/namespaces');
  else if (time.path !== undefined) {
    report.fault("/linux/timeOffsets", `cannot be set for a time namespace that is joined, "${time.path}"`);
  }
  for (const clock of clocks.filter((name) => !CLOCKS.includes(name))) {
    const near = report.isFull ? undefined : nearestWord(clock, CLOCKS);
    const hint = near === undefined ? undefined : `did you mean "${near}"?`;
    report.fault(`/linux/timeOffsets/${clock}`, 'must be of the clock "monotonic" or "boottime"', hint);
  }
}

/** __NEW_UTS_LEN of linux/utsname.h. */
const LONGEST_NAME = 64;

/** The most bytes that one unit of a JavaScript string takes in UTF-8. */
const MOST_BYTES = 3;

function utsRule(key: "hostname" | "domainname"): Rule {
  const check = ({ spec, report }: Context): void => {
    const name = spec[key] ?? "";
    if (name === "") return;
    if (namespaceOf(spec, "uts") === undefined) {
      report.fault(`/${key}`, `unable to set ${key} without a private UTS namespace`);
    }
    if (name.length * MOST_BYTES <= LONGEST_NAME) return;
    const length = new TextEncoder().encode(name).length;
    if (length <= LONGEST_NAME) return;
    report.fault(`/${key}`, `must have at most ${LONGEST_NAME} bytes, has ${length}`);
  };
  return { about: ["spec", key], reads: [NAMESPACES, `/${key}`], check };
}

function sealRule(key: "maskedPaths" | "readonlyPaths"): Rule {
  const at = `/linux/${key}`;
  const check = ({ spec, report }: Context): void => {
    const paths = spec.linux?.[key] ?? [];
    if (paths.length > 0 && namespaceOf(spec, "mount") === undefined) {
      report.fault(at, "unable to restrict sys entries without a private MNT namespace");
    }
    report.each(paths, at, (path, index) => {
      if (isAbsolute(path)) return;
      report.fault(`${at}/${index}`, `must be an absolute path, is ${JSON.stringify(path)}`);
    });
  };
  return { about: ["linux", key], reads: [NAMESPACES, at], check };
}

function netDevices({ spec, report }: Context): void {
  const devices = spec.linux?.netDevices ?? {};
  const names = Object.keys(devices);
  if (names.length > 0 && namespaceOf(spec, "network") === undefined) {
    report.fault("/linux/netDevices", "unable to move network devices without a NET namespace");
  }
  const taken = new Map<string, string>();
  for (const device of names) {
    const { name = "" } = devices[device] ?? {};
    const inside = name === "" ? device : name;
    if (!isInterfaceName(device)) report.fault(pointerOf(device), noName(device));
    if (inside !== device && !isInterfaceName(inside)) {
      report.fault(`${pointerOf(device)}/name`, noName(inside));
    }
    const other = taken.get(inside);
    if (other !== undefined) {
      report.fault(pointerOf(device), `"${inside}" is also the name of "${other}" in the container`);
    }
    taken.set(inside, device);
  }
}

function pointerOf(device: string): string {
  return childPointer("/linux/netDevices", device);
}

function noName(text: string): string {
  return `${JSON.stringify(text)} is no name of a network device`;
}

/** The kernel's dev_valid_name(): up to 15 bytes that are a valid file name in sysfs. */
function isInterfaceName(name: string): boolean {
  // Nearly all names match this.
  if (/^\w{1,15}$/.test(name)) return true;
  const length = new TextEncoder().encode(name).length;
  return length > 0 && length <= 15 && name !== "." && name !== ".." && !/[/:\s\0]/.test(name);
}
