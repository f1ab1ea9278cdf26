// Finds out why a device is busy: it is mounted already, with other options (mount(2), EBUSY).

import { readTextIfThere } from "../linux/files/files.ts";
import { parseMounts } from "../rootfs/host/mountinfo.ts";
import { type Cause, named } from "./cause.ts";

/** @param attempt the words for the failed mount, which contain its source in double quotes */
export function whyDeviceBusy(attempt: string, errno: string): Cause | undefined {
  if (errno !== "EBUSY") return undefined;
  const mounts = parseMounts(readTextIfThere("/proc/self/mountinfo") ?? "");
  for (const { point, type, source, superOptions } of mounts) {
    if (!source.startsWith("/") || !attempt.includes(`"${source}"`)) continue;
    const access = superOptions.split(",")[0] === "ro" ? "ro" : "rw";
    return {
      words: `${named(source)} is mounted on ${named(point)} already, as ${type} with the option ${access}`,
      next: `give this mount the option ${access} too, or unmount that one`,
    };
  }
  return undefined;
}
