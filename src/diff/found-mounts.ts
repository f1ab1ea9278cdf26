// The mounts of a container as `diff` compares them: the lines of /proc/PID/mountinfo, with flags. Pure.

import {
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_RELATIME,
  MOUNT_ATTR_STRICTATIME,
} from "../linux/numbers/mount.ts";
import { type MountinfoEntry, parseMounts } from "../rootfs/host/mountinfo.ts";

export interface FoundMount extends MountinfoEntry {
  /** MOUNT_ATTR_ flags. */
  readonly attributes: number;
  /** It came from the host, through a mount that is a slave of the host's. */
  readonly isPropagated: boolean;
}

export function foundMounts(mountinfo: string): FoundMount[] {
  return parseMounts(mountinfo).map((entry) => ({
    ...entry,
    attributes: attributesIn(entry.mountOptions),
    isPropagated: entry.tags.some((tag) => tag.startsWith("master:")),
  }));
}

/** Attributes by the words for them. */
const WORDS: readonly (readonly [word: string, attribute: number])[] = [
  ["ro", MOUNT_ATTR_RDONLY],
  ["nosuid", MOUNT_ATTR_NOSUID],
  ["nodev", MOUNT_ATTR_NODEV],
  ["noexec", MOUNT_ATTR_NOEXEC],
  ["nosymfollow", MOUNT_ATTR_NOSYMFOLLOW],
  ["nodiratime", MOUNT_ATTR_NODIRATIME],
];

/** If no word names an access time mode, the mount has strictatime. */
function attributesIn(options: string): number {
  const words = options.split(",");
  let attributes = words.includes("noatime")
    ? MOUNT_ATTR_NOATIME
    : words.includes("relatime")
      ? MOUNT_ATTR_RELATIME
      : MOUNT_ATTR_STRICTATIME;
  for (const [word, attribute] of WORDS) if (words.includes(word)) attributes |= attribute;
  return attributes;
}

/** The attributes as the words of mount(8); the access time mode only if `atime` is set. */
export function attributeWords(attributes: number, { atime }: { readonly atime: boolean }): string[] {
  const words = WORDS.filter(([, attribute]) => (attributes & attribute) !== 0).map(([word]) => word);
  if (!atime) return words;
  if ((attributes & MOUNT_ATTR_NOATIME) !== 0) return [...words, "noatime"];
  return [...words, (attributes & MOUNT_ATTR_STRICTATIME) === 0 ? "relatime" : "strictatime"];
}
