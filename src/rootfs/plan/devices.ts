// The device nodes and links of a container's /dev: the spec's default devices and the configuration's own.
// Pure; called by rootfs/plan/plan.ts. runtime-spec config-linux.md#devices and #default-devices.

import { TsrunError } from "../../errors.ts";
import { S_IFBLK, S_IFCHR, S_IFIFO } from "../../linux/numbers/fcntl.ts";
import type { Device } from "../../spec/types.ts";
import { cleanPath } from "./paths.ts";

export interface DevicePlan {
  /** Its path in the container, and on the host if it has to be bound. */
  readonly path: string;
  /** File type and permission bits. */
  readonly mode: number;
  readonly major: number;
  readonly minor: number;
  readonly uid: number;
  readonly gid: number;
}

export interface LinkPlan {
  readonly path: string;
  readonly target: string;
  /** An existing file of that name is removed. */
  readonly replaces: boolean;
}

/** In runc's order (specconv.AllowedDevices). */
const DEFAULT_DEVICES: readonly (readonly [path: string, major: number, minor: number])[] = [
  ["/dev/null", 1, 3],
  ["/dev/random", 1, 8],
  ["/dev/full", 1, 7],
  ["/dev/tty", 5, 0],
  ["/dev/zero", 1, 5],
  ["/dev/urandom", 1, 9],
];

const TYPES: Readonly<Record<string, number>> = { c: S_IFCHR, u: S_IFCHR, b: S_IFBLK, p: S_IFIFO };

export function planDevices(devices: readonly Device[]): DevicePlan[] {
  const own: DevicePlan[] = [];
  const paths = new Set(["/dev/ptmx"]);
  for (const [index, device] of devices.entries()) {
    const planned = planDevice(device, index);
    // /dev/ptmx is always a link to the container's own devpts. An existing device stays (runc:
    // createDeviceNode).
    if (!paths.has(planned.path)) own.push(planned);
    paths.add(planned.path);
  }
  const plans: DevicePlan[] = [];
  for (const [path, major, minor] of DEFAULT_DEVICES) {
    if (!paths.has(path)) plans.push({ path, major, minor, mode: S_IFCHR | 0o666, uid: 0, gid: 0 });
  }
  return [...plans, ...own];
}

function planDevice(device: Device, index: number): DevicePlan {
  const type = Object.hasOwn(TYPES, device.type) ? TYPES[device.type] : undefined;
  if (type === undefined) {
    throw new TsrunError("E_CONFIG", `cannot create device "${device.path}": unknown type "${device.type}"`, {
      hint: `linux.devices[${index}].type is one of c, u, b and p`,
    });
  }
  return {
    path: cleanPath(device.path),
    mode: type | ((device.fileMode ?? 0o666) & 0o7777),
    major: device.major ?? 0,
    minor: device.minor ?? 0,
    uid: device.uid ?? 0,
    gid: device.gid ?? 0,
  };
}

/** The links of /dev; `core` only if the kernel has /proc/kcore (runc: setupDevSymlinks). */
export function planLinks({ kcore }: { kcore: boolean }): LinkPlan[] {
  const links: LinkPlan[] = [
    { path: "/dev/ptmx", target: "pts/ptmx", replaces: true },
    { path: "/dev/fd", target: "/proc/self/fd", replaces: false },
    { path: "/dev/stdin", target: "/proc/self/fd/0", replaces: false },
    { path: "/dev/stdout", target: "/proc/self/fd/1", replaces: false },
    { path: "/dev/stderr", target: "/proc/self/fd/2", replaces: false },
  ];
  return kcore ? [...links, { path: "/dev/core", target: "/proc/kcore", replaces: false }] : links;
}
