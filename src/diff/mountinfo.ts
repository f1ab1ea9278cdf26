// Reads /proc/PID/mountinfo with everything that `diff` compares of a mount. Pure. proc_pid_mountinfo(5).

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
import { decodeOctal } from "../rootfs/host/mountinfo.ts";

export interface FoundMount {
  readonly id: number;
  /** `major:minor` of the file system. */
  readonly device: string;
  /** The part of the file system that is mounted. */
  readonly root: string;
  readonly point: string;
  /** MOUNT_ATTR_ flags. */
  readonly attributes: number;
  /** It came from the host, through a mount that is a slave of the host's. */
  readonly isPropagated: boolean;
  readonly type: string;
  readonly source: string;
}

export function parseFoundMounts(mountinfo: string): FoundMount[] {
  return mountinfo.split("\n").flatMap((line) => {
    const separator = line.indexOf(" - ");
    const [id, , device = "", root = "", point, options = "", ...tags] = line.slice(0, separator).split(" ");
    const [type = "", source = ""] = line.slice(separator + 3).split(" ");
    if (separator < 0 || point === undefined) return [];
    return [
      {
        id: Number(id),
        device,
        root: decodeOctal(root),
        point: decodeOctal(point),
        attributes: attributesIn(options),
        isPropagated: tags.some((tag) => tag.startsWith("master:")),
        type,
        source: decodeOctal(source),
      },
    ];
  });
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

/** Without a word about access times, each access is written. */
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

/** The attributes as the words of mount(8), those of access times only if they are asked for. */
export function attributeWords(attributes: number, { atime }: { readonly atime: boolean }): string[] {
  const words = WORDS.filter(([, attribute]) => (attributes & attribute) !== 0).map(([word]) => word);
  if (!atime) return words;
  if ((attributes & MOUNT_ATTR_NOATIME) !== 0) return [...words, "noatime"];
  return [...words, (attributes & MOUNT_ATTR_STRICTATIME) === 0 ? "relatime" : "strictatime"];
}
