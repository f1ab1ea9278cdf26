// Impossible mounts and roots: one line names the mount, the option and the reason, and nothing is left
// mounted.

import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SyscallName } from "../../src/linux/numbers/syscalls.ts";
import {
  behaviour,
  type Condition,
  nothingLeft,
  notOfCrun,
  refused,
  tsrunOnly,
} from "../support/behaviour.ts";
import { type Config, type ConfigMount, type IdMapping, mapIds } from "../support/config.ts";
import type { Lab } from "../support/lab.ts";
import { missingCalls } from "../support/without.ts";

type MappedMount = ConfigMount & { uidMappings?: IdMapping[]; gidMappings?: IdMapping[] };

interface BadMount {
  readonly what: string;
  readonly mount: (lab: Lab) => MappedMount;
  readonly line: RegExp;
  /** The line if the only call that can explain the error is missing. */
  readonly lacking?: { readonly call: SyscallName; readonly line: RegExp };
  /** Other edits that make it invalid. */
  readonly edit?: (config: Config) => void;
  readonly condition?: Condition;
}

const RUNC_ACCEPTS = tsrunOnly("it, or the version at hand, accepts it");
const MAPPED = tsrunOnly("the version at hand has other words or other rules for id-mapped mounts");

const map = (hostID: number, { size = 10, containerID = 0 } = {}): IdMapping => ({
  containerID,
  hostID,
  size,
});

/** An id-mapped bind mount of the lab's folder. */
function idMapped(
  uidMappings: IdMapping[],
  gidMappings: IdMapping[] = [map(1000)],
): (lab: Lab) => MappedMount {
  return (lab) => ({
    ...{ destination: "/tmp", type: "bind", source: lab.folder, options: ["bind", "idmap"] },
    ...(uidMappings.length === 0 ? {} : { uidMappings }),
    ...(gidMappings.length === 0 ? {} : { gidMappings }),
  });
}

const tmpfs =
  (destination: string, ...options: string[]) =>
  () => {
    return { destination, type: "tmpfs", source: "tmpfs", options };
  };

const bind =
  (destination: string, source: string, ...options: string[]) =>
  (lab: Lab) => {
    const path = source.startsWith("/") ? source : join(lab.folder, source);
    return { destination, type: "bind", source: path, options: ["bind", ...options] };
  };

/** mount(2) returns EINVAL for any wrong option. */
function refusedByMount(options: string): RegExp {
  const call = `cannot mount "tmpfs" on "/tmp": mount\\(.*,${options}"\\) = EINVAL \\(invalid argument\\)`;
  return new RegExp(`${call}.*kernel's log may say which option "tmpfs" .*options "${options}"`);
}

const BAD: readonly BadMount[] = [
  {
    what: "a type that the kernel does not know",
    mount: () => ({ destination: "/tmp", type: "nosuchfs", source: "thing" }),
    line: /cannot mount "thing" on "\/tmp": .*ENODEV.*kernel has no filesystem "nosuchfs".*type "nosuchfs"/,
  },
  {
    what: "the type bind without the option",
    mount: (lab) => ({ destination: "/tmp", type: "bind", source: lab.folder }),
    line: /on "\/tmp": no file system has the type "bind".*bind or rbind among the options/,
  },
  {
    what: "a misspelt option of ours, which the file system gets",
    mount: tmpfs("/tmp", "nosiud"),
    line: /on "\/tmp": .*Unknown parameter 'nosiud'.*did you mean "nosuid"\?.*options "nosiud"/,
    lacking: { call: "fsopen", line: refusedByMount("nosiud") },
  },
  {
    what: "an id that the user namespace does not map",
    mount: tmpfs("/tmp", "gid=50"),
    edit: (config) => mapIds(config, 0, 10),
    line: /on "\/tmp": .*Invalid gid '50'.*the user namespace maps no gid 50/,
    lacking: { call: "fsopen", line: refusedByMount("gid=50") },
  },
  {
    what: "an option that the file system does not know",
    mount: tmpfs("/tmp", "frobnicate"),
    line: /on "\/tmp": .*Unknown parameter 'frobnicate'.*options "frobnicate"/,
    lacking: { call: "fsopen", line: refusedByMount("frobnicate") },
  },
  {
    what: "a value that the file system cannot use",
    mount: tmpfs("/tmp", "size=lots"),
    line: /on "\/tmp": .*Bad value for 'size'.*options "size=lots"/,
    lacking: { call: "fsopen", line: refusedByMount("size=lots") },
  },
  {
    what: "a misspelt option of a bind mount",
    mount: bind("/tmp", ".", "readonly"),
    line: /\/mounts\/\d+\/options\/1 .*"readonly"/,
    condition: RUNC_ACCEPTS,
  },
  {
    what: "ids among the options, which crun takes there,",
    mount: bind("/tmp", ".", "idmap=uids=0-1000-1;gids=0-1000-1"),
    line: /\/mounts\/\d+\/options\/1 .*"idmap=uids=.* is one.*give the mount uidMappings and gidMappings/,
    condition: notOfCrun("it maps them"),
  },
  {
    what: "tmpcopyup on what is no tmpfs",
    mount: bind("/tmp", ".", "tmpcopyup"),
    line: /\/mounts\/\d+\/options\/1 .*"tmpcopyup" is for a tmpfs/,
    condition: RUNC_ACCEPTS,
  },
  {
    what: "control groups over a directory of /proc",
    mount: () => ({ destination: "/proc/sys", type: "cgroup", source: "cgroup" }),
    line: /cannot mount "cgroup" on "\/proc\/sys": .* cannot be mounted because it is inside \/proc/,
    condition: notOfCrun("it mounts them there"),
  },
  {
    what: "control groups over the root",
    mount: () => ({ destination: "/", type: "cgroup", source: "cgroup" }),
    line: /cannot mount "cgroup" on "\/": the mount point is the root file system itself/,
  },
  {
    what: "a remount of what is no mount",
    mount: () => ({ destination: "/tmp", type: "bind", source: "/tmp", options: ["remount", "ro"] }),
    line: /cannot remount "\/tmp".*EINVAL/,
  },
  {
    what: "a source that does not exist",
    mount: bind("/tmp", "/no/such/source"),
    line: /cannot mount "\/no\/such\/source" on "\/tmp": .*ENOENT.*the source must be there on the host/,
  },
  {
    what: "a source that is a link to itself",
    mount: bind("/tmp", "loop"),
    line: /loop" on "\/tmp": .*ELOOP/,
  },
  {
    what: "a source below a file",
    mount: bind("/tmp", "file/below"),
    line: /file\/below" on "\/tmp": .*ENOTDIR/,
  },
  {
    what: "a file system over a file",
    mount: tmpfs("/etc/passwd"),
    line: /cannot mount "tmpfs" on "\/etc\/passwd": .*not a directory/,
  },
  {
    what: "a destination below a file",
    mount: tmpfs("/etc/passwd/below"),
    line: /cannot mount "tmpfs" on "\/etc\/passwd\/below": .*not a directory/,
  },
  {
    what: "a directory over a file",
    mount: bind("/etc/passwd", "."),
    line: /on "\/etc\/passwd": the source is a directory, the mount point is not a directory/,
  },
  {
    what: "a file over a directory",
    mount: bind("/etc", "file"),
    line: /on "\/etc": the source is not a directory, the mount point is a directory/,
  },
  {
    what: "a file system over the root itself",
    mount: tmpfs("/"),
    line: /on "\/": .*root file system itself/,
  },
  { what: "an empty destination", mount: tmpfs(""), line: /\/mounts\/\d+\/destination .*empty/ },
  {
    what: "a destination with a name that is too long",
    mount: tmpfs(`/${"x".repeat(300)}`),
    line: /ENAMETOOLONG/,
  },
  {
    what: "an overlay of nothing",
    mount: () => ({
      destination: "/tmp",
      type: "overlay",
      source: "overlay",
      options: ["lowerdir=/no/such"],
    }),
    line: /cannot mount "overlay" on "\/tmp": .*options "lowerdir=\/no\/such"/,
  },
  {
    what: "idmap without any mapping",
    mount: idMapped([], []),
    line: /\/mounts\/\d+ .*must have both uid and gid mappings/,
    condition: MAPPED,
  },
  {
    what: "idmap with uids only",
    mount: idMapped([map(1000)], []),
    line: /\/mounts\/\d+ .*must have both uid and gid mappings/,
    condition: MAPPED,
  },
  {
    what: "idmap on a file system of its own",
    mount: () => ({ ...tmpfs("/tmp", "idmap")(), uidMappings: [map(1000)], gidMappings: [map(1000)] }),
    line: /\/mounts\/\d+ .*only supported for bind-mounts/,
    condition: MAPPED,
  },
  {
    what: "idmap of a file system that cannot",
    mount: (lab) => ({ ...idMapped([map(1000)])(lab), source: "/sys" }),
    line: /cannot map the ids of the mount of "\/sys" on "\/tmp": .*EINVAL.*does not support idmap/,
    lacking: {
      call: "mount_setattr",
      line: /cannot map the ids of the mount of "\/sys" on "\/tmp": .*ENOSYS.*need mount_setattr\(2\)/,
    },
    condition: MAPPED,
  },
  {
    what: "mappings that overlap inside",
    mount: idMapped([map(1000), map(3000, { containerID: 5 })]),
    line: /\/uidMappings\/1\/containerID .*overlaps with \/mounts\/\d+\/uidMappings\/0/,
    condition: MAPPED,
  },
  {
    what: "mappings that overlap outside",
    mount: idMapped([map(1000), map(1005, { containerID: 50 })]),
    line: /\/uidMappings\/1\/hostID .*overlaps with \/mounts\/\d+\/uidMappings\/0/,
    condition: MAPPED,
  },
  {
    what: "a mapping beyond the last id",
    mount: idMapped([map(4_294_967_290)]),
    line: /\/uidMappings\/0\/size .*beyond the last id/,
    condition: MAPPED,
  },
  {
    what: "a mapping of nothing",
    mount: idMapped([map(1000, { size: 0 })]),
    line: /\/uidMappings\/0\/size .*at least 1/,
    condition: MAPPED,
  },
];

for (const { what, mount, line, lacking, edit, condition } of BAD) {
  const expected = lacking !== undefined && missingCalls.includes(lacking.call) ? lacking.line : line;
  behaviour(
    `${what} is refused in one line, and nothing is left mounted`,
    async (t, lab) => {
      writeFileSync(join(lab.folder, "file"), "");
      symlinkSync("loop", join(lab.folder, "loop"));
      const box = lab.container(edit);
      // An earlier mount is undone with the rest.
      box.config.mounts.push({ destination: "/mnt", type: "tmpfs", source: "tmpfs" }, mount(lab));
      box.writeConfig();
      refused(t, await box.create(), expected);
      await nothingLeft(t, lab, "after the refusal");
    },
    condition,
  );
}

behaviour(
  "files that the container's root user may not use are told of, with what to look at",
  async (t, lab) => {
    // Without statx(2) the mount that holds the root file system is looked for by trying.
    const attempt = missingCalls.includes("statx")
      ? "make the mount of .* private"
      : "bind the root file system";
    for (const [mode, line] of [
      ["rootfs", /cannot mount "proc" on "\/proc": .*EACCES.*root user may not enter .*see who owns that/],
      ["bundle", new RegExp(`cannot ${attempt}.*EACCES.*able to enter every directory above it`)],
    ] as const) {
      const box = lab.container((config) => mapIds(config, 100_000, 65_536));
      chmodSync(box[mode], 0o700);
      refused(t, await box.create(), line);
      await nothingLeft(t, lab, "after the refusal");
    }
  },
);

behaviour("id maps of the container that overlap or overflow are refused", async (t, lab) => {
  for (const [mappings, line] of [
    [[map(100_000), map(200_000, { containerID: 5 })], /uidMappings\/1\/containerID .*overlaps/],
    [[map(100_000), map(100_005, { containerID: 50 })], /uidMappings\/1\/hostID .*overlaps/],
    [[map(4_294_967_290)], /uidMappings\/0\/size .*beyond the last id/],
    [[map(100_000, { containerID: 4_294_967_290 })], /uidMappings\/0\/size .*beyond the last id/],
    [[map(100_000, { size: 0 })], /uidMappings\/0\/size .*at least 1/],
  ] as const) {
    const box = lab.container((config) => mapIds(config, 100_000, 10));
    box.config.linux.uidMappings = [...mappings];
    box.writeConfig();
    refused(t, await box.create(), line);
    await nothingLeft(t, lab, "after the refusal");
  }
});

behaviour(
  "a root that is a link, a file, nothing, or the host's own is refused",
  async (t, lab) => {
    const box = lab.container();
    symlinkSync("rootfs", join(box.bundle, "link"));
    symlinkSync("loop", join(box.bundle, "loop"));
    symlinkSync("/", join(box.bundle, "host"));
    writeFileSync(join(box.bundle, "file"), "");
    mkdirSync(join(box.bundle, "empty"));
    for (const [path, line] of [
      ["/", /rootfs "\/" .*the host's own root/],
      ["../../../../../../..", /rootfs "\/" .*the host's own root/],
      ["link", /rootfs ".*\/link" .*is a symbolic link/],
      ["loop", /rootfs ".*\/loop" .*is a symbolic link/],
      ["host", /rootfs ".*\/host" .*is a symbolic link/],
      ["file", /rootfs ".*\/file" .*is not a directory/],
      ["file/below", /file\/below": not a directory/],
      ["missing", /rootfs ".*\/missing" .*does not exist/],
      ["empty", /exec: "\/bin\/true": stat \/bin\/true: no such file or directory/],
    ] as const) {
      box.config.root.path = path;
      box.writeConfig();
      refused(t, await box.create(), line);
      await nothingLeft(t, lab, `after the refusal of ${path}`);
    }
  },
  tsrunOnly("it follows links that lead to directories, and refuses / only when it has pivoted"),
);
