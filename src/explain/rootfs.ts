// The container's files in words: each mount with its final flags, the change of root, and the paths that are
// masked or made read-only afterwards. Pure.

import {
  MOUNT_ATTR__ATIME,
  MOUNT_ATTR_FLAGS,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_STRICTATIME,
  MS_PRIVATE,
  MS_REC,
  MS_SHARED,
  MS_SLAVE,
} from "../linux/numbers/mount.ts";
import type { BindMount, FilesystemMount, Flagged, MountPlan, RemountMount } from "../rootfs/plan/mounts.ts";
import { cleanPath } from "../rootfs/plan/paths.ts";
import type { RootfsPlan } from "../rootfs/plan/plan.ts";
import type { Spec } from "../spec/types.ts";
import { type ExplainedPlan, entryPointers, type Row, type Section } from "./model.ts";

/** `create` makes the mounts before it sets limits and runs hooks. */
export function describeMounts({ rootfs, rootless }: ExplainedPlan): Section[] {
  return [
    {
      topic: "mounts",
      title: "Mounts: its tree of files",
      pointer: "/mounts",
      text: [
        `The directory "${rootfs.rootfs}" is made a mount of its own. ${hostMounts(rootfs)}`,
        "Then these are mounted below it, one after the other. A link in the image that would lead out " +
          "of it is followed inside. A missing mount point is made.",
      ],
      table: {
        columns: [
          ["destination", "WHERE"],
          ["what", "WHAT"],
          ["flags", "FLAGS"],
          ["note", "AND"],
        ],
        rows: rootfs.mounts.map((mount) => ({
          ...mountRow(mount, rootless),
          pointer: `/mounts/${mount.index}`,
        })),
      },
      notes: [FLAG_WORDS, ...labelNote(rootfs)],
    },
  ];
}

const FLAG_WORDS =
  "ro: cannot be written to; nosuid: programs there give nobody another user's rights; nodev: device " +
  "files there do nothing; noexec: programs there cannot be run; relatime, noatime, strictatime: when the " +
  "time of the last access is noted.";

function labelNote({ mountLabel, mountContext }: RootfsPlan): string[] {
  if (mountLabel === undefined) return [];
  const option = mountContext === "context" ? "" : `, by the option ${mountContext} of mount(8)`;
  return [`SELinux labels what is in them "${mountLabel}"${option}.`];
}

function hostMounts({ treePropagation }: RootfsPlan): string {
  if (treePropagation === undefined) return "The host's own mounts stay as they are.";
  const kind = propagationWords(treePropagation);
  if ((treePropagation & MS_SHARED) !== 0) {
    return `All mounts become ${kind}: what is mounted inside can appear on the host.`;
  }
  if ((treePropagation & MS_SLAVE) !== 0) {
    return `All mounts become ${kind}: what is mounted inside is not seen by the host.`;
  }
  return `All mounts become ${kind}: neither side sees what the other mounts.`;
}

function mountRow(mount: MountPlan, rootless: boolean): Row {
  switch (mount.kind) {
    case "filesystem":
      return filesystemRow(mount);
    case "bind":
      return bindRow(mount, rootless);
    case "remount":
      return remountRow(mount);
    case "symlink":
      return { destination: mount.destination, what: `link to ${mount.target}`, flags: "", note: "" };
  }
}

function filesystemRow(mount: FilesystemMount): Row {
  const { destination, type, source, superblock, attributes, readonlyLater, data } = mount;
  const flags = [...superblock.filter((word) => word !== "ro"), ...attributeWords(attributes)];
  const named = source === "" || source === type ? "" : ` "${source}"`;
  return {
    destination,
    what: `new ${type}${named}`,
    flags: flags.join(","),
    note: joinNotes(mount, [
      data.join(" "),
      readonlyLater ? "ro when all is in place" : "",
      mount.copyUp ? "with a copy of what it covers" : "",
      mount.otherwise === undefined ? "" : `"${mount.otherwise.source}" bound if that is not allowed`,
    ]),
  };
}

/** The row of a bind mount. An ordinary user's container may have no cgroup of its own to show. */
function bindRow(mount: BindMount, rootless: boolean): Row {
  const { destination, source, parsed, idMap, otherSource } = mount;
  const { change, withSubmounts, sourceLink } = parsed;
  const maps = idMap === undefined ? "" : "owners shown as other users, by an id map";
  const flags = change === undefined ? "as there" : changeWords(change);
  return {
    destination,
    what: `the host's ${source}`,
    flags,
    note: joinNotes(parsed, [
      withSubmounts ? "with its own mounts" : "",
      maps,
      otherSource === undefined || !rootless ? "" : `or "${otherSource}" if that is missing`,
      sourceLink === "copied" ? "a link is copied, not mounted" : "",
      sourceLink === "bound" ? "a link is mounted itself" : "",
    ]),
  };
}

function remountRow(mount: RemountMount): Row {
  const { destination, change, data } = mount;
  const note = joinNotes(mount, [data.join(" ")]);
  return { destination, what: "new flags for an existing mount", flags: changeWords(change), note };
}

function joinNotes({ propagation, recursive }: Flagged, notes: readonly string[]): string {
  const below =
    recursive === undefined
      ? ""
      : `it and all below: ${[
          ...attributeWords(recursive.set, "set"),
          ...cleared(recursive.clear & ~recursive.set),
        ].join(",")}`;
  return [...notes, below, ...propagation.map(propagationWords)].filter((one) => one !== "").join("; ");
}

/** `ro,nosuid,relatime` */
export function attributeWords(attributes: number, what: "all" | "set" = "all"): string[] {
  const words: string[] = [];
  for (const [name, bit] of Object.entries(MOUNT_ATTR_FLAGS)) {
    if ((bit & MOUNT_ATTR__ATIME) === 0 && (attributes & bit) !== 0) words.push(word(name));
  }
  const atime = attributes & MOUNT_ATTR__ATIME;
  if (atime === MOUNT_ATTR_NOATIME) words.push("noatime");
  else if (atime === MOUNT_ATTR_STRICTATIME) words.push("strictatime");
  else if (what === "all") words.push("relatime");
  return words;
}

function word(name: string): string {
  const bare = name.replace("MOUNT_ATTR_", "").toLowerCase();
  return bare === "rdonly" ? "ro" : bare;
}

/** The names of flags that are cleared: `rw`, `suid`. */
function cleared(attributes: number): string[] {
  return attributeWords(attributes & ~MOUNT_ATTR__ATIME, "set").map((one) =>
    one === "ro" ? "rw" : one.replace(/^no/, ""),
  );
}

/** The flags after a change: exactly those in `set`. */
function changeWords({ set, clear }: { readonly set: number; readonly clear: number }): string {
  const words = attributeWords(set, (clear & MOUNT_ATTR__ATIME) === 0 ? "set" : "all");
  return words.length === 0 ? "none of those below" : words.join(",");
}

/** `rslave` */
function propagationWords(flags: number): string {
  const recursive = (flags & MS_REC) === 0 ? "" : "r";
  if ((flags & MS_SHARED) !== 0) return `${recursive}shared`;
  if ((flags & MS_SLAVE) !== 0) return `${recursive}slave`;
  return (flags & MS_PRIVATE) === 0 ? `${recursive}unbindable` : `${recursive}private`;
}

const CHANGES: Readonly<Record<RootfsPlan["change"], string>> = {
  pivot_root:
    "pivot_root(2) makes that directory the root of the container's tree of mounts, and the host's is " +
    "detached: no path leads to it any more.",
  move:
    "The mount is moved to the top and chroot(2) makes it the root (--no-pivot). The host's mounts stay " +
    "beneath it, out of reach of any path.",
  chroot:
    "chroot(2) makes that directory the root. There is no mount namespace, so the host's mounts are still " +
    "there: a root user can get out of this.",
};

/** `create` does this after the container's root has become `/`. */
export function describeRoot({ rootfs, bundle, process }: ExplainedPlan): Section[] {
  const { hostname = "", domainname = "" } = bundle.spec;
  const { change, rootPropagation, readonlyRoot } = rootfs;
  const text = [CHANGES[change]];
  if (rootPropagation !== undefined) text.push(`Then the root becomes ${propagationWords(rootPropagation)}.`);
  if (hostname !== "") text.push(`The host name becomes "${hostname}".`);
  const hasDomainSysctl = bundle.spec.linux?.sysctl?.["kernel.domainname"] !== undefined;
  if (domainname !== "" && !hasDomainSysctl) text.push(`The domain name becomes "${domainname}".`);
  if (process.cwd !== "/") text.push(`The directory "${process.cwd}" is made, if it is missing.`);
  if (readonlyRoot)
    text.push("Finally the root itself becomes read-only; the mounts in it have their own flags.");
  const { readonlyPaths = [], maskedPaths = [] } = bundle.spec.linux ?? {};
  const closed = (becomes: string, list: string, asked: readonly string[]) => {
    const pointerOf = entryPointers(list, asked.map(cleanPath));
    return (path: string): Row => ({ path, becomes, pointer: pointerOf(path) });
  };
  const rows = [
    ...rootfs.readonlyPaths.map(closed("read-only", "/linux/readonlyPaths", readonlyPaths)),
    ...rootfs.maskedPaths.map(closed("hidden", "/linux/maskedPaths", maskedPaths)),
  ];
  const root = {
    topic: "root",
    title: "The root: nothing else can be reached",
    text,
    pointer: "/root",
    facts: rootFacts(rootfs, bundle.spec),
  };
  if (rows.length === 0) return [root];
  return [
    root,
    {
      topic: "paths",
      pointer: "/linux/maskedPaths",
      title: "Closed paths: what exists but is not for it",
      text: [
        "Files of the kernel that show or change the whole machine. A read-only path is mounted over " +
          "itself. A hidden path is covered: a file by /dev/null, a directory by an empty one. A path that " +
          "does not exist is skipped.",
      ],
      table: {
        columns: [
          ["path", "PATH"],
          ["becomes", "BECOMES"],
        ],
        rows,
      },
    },
  ];
}

function rootFacts({ rootfs, readonlyRoot, treePropagation = 0 }: RootfsPlan, spec: Spec): Row[] {
  const { hostname = "", domainname = "" } = spec;
  return [
    { name: "root file system", value: rootfs, pointer: "/root/path" },
    { name: "root", value: readonlyRoot ? "read-only" : "writable", pointer: "/root/readonly" },
    ...(treePropagation === 0
      ? []
      : [
          {
            name: "propagation",
            value: propagationWords(treePropagation),
            pointer: "/linux/rootfsPropagation",
          },
        ]),
    ...(hostname === "" ? [] : [{ name: "host name", value: hostname, pointer: "/hostname" }]),
    ...(domainname === "" ? [] : [{ name: "domain name", value: domainname, pointer: "/domainname" }]),
  ];
}
