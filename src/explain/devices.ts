// The device nodes and links of a container's /dev in words. Pure.

import { S_IFBLK, S_IFIFO, S_IFMT } from "../linux/numbers/fcntl.ts";
import { type DevicePlan, type LinkPlan, planLinks } from "../rootfs/plan/devices.ts";
import { cleanPath } from "../rootfs/plan/paths.ts";
import type { ExplainedPlan, Row, Section } from "./model.ts";

export function describeDevices({ rootfs, bundle }: ExplainedPlan): Section[] {
  const { setsUpDev, devices, bindDevices } = rootfs;
  const title = "Devices: what is in /dev";
  if (!setsUpDev) {
    const text = "One of the mounts puts another directory on /dev, so that is left as it is.";
    return [{ topic: "devices", title, text: [text] }];
  }
  const asked = new Map<string, number>();
  for (const [index, { path }] of (bundle.spec.linux?.devices ?? []).entries()) {
    // If a path is listed twice, the first entry counts.
    if (!asked.has(cleanPath(path))) asked.set(cleanPath(path), index);
  }
  const how = bindDevices
    ? "In a user namespace no device may be made, so the host's are mounted over empty files."
    : "Made with mknod(2); where that is not allowed, the host's are mounted over empty files.";
  return [
    {
      topic: "devices",
      title,
      text: [`The few devices that programs take for granted, and those of linux.devices. ${how}`],
      table: {
        columns: [
          ["path", "PATH"],
          ["device", "DEVICE"],
          ["mode", "MODE"],
          ["owner", "OWNER"],
        ],
        rows: [
          ...devices.map((device) => nodeRow(device, asked)),
          ...planLinks({ kcore: false }).map(linkRow),
        ],
      },
    },
  ];
}

/** A device that the configuration does not name is in every container, and has no pointer. */
function nodeRow(
  { path, mode, major, minor, uid, gid }: DevicePlan,
  asked: ReadonlyMap<string, number>,
): Row {
  const device = kindOf(mode) === "pipe" ? "pipe" : `${kindOf(mode)} ${major}:${minor}`;
  const index = asked.get(path);
  return {
    path,
    device,
    mode: `0${(mode & 0o7777).toString(8)}`,
    owner: `${uid}:${gid}`,
    ...(index === undefined ? {} : { pointer: `/linux/devices/${index}` }),
  };
}

function kindOf(mode: number): string {
  if ((mode & S_IFMT) === S_IFIFO) return "pipe";
  return (mode & S_IFMT) === S_IFBLK ? "block" : "character";
}

function linkRow({ path, target }: LinkPlan): Row {
  return { path, device: `link to ${target}`, mode: "", owner: "" };
}
