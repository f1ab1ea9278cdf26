// Parts of `mounts` and `root`: every kind of source, place and option.

import type { ConfigMount } from "../support/config.ts";
import { BUNDLE, MAPPED, type Maker, type Part, pick, type Random, SOURCES, some } from "./draft.ts";

const PLACES = [
  ..."/mnt/new /var/data /tmp /link-tmp/new /absolute-link/data /a/b/c/d /run /dev/extra /mnt/../mnt2".split(
    " ",
  ),
  ..."/var/data/sub /etc/new /opt/ mnt/relative /outward/etc /root/./x /bin/extra".split(" "),
];

const FILE_PLACES = ["/target-file", "/etc/hosts", "/new-file", "/deep/new/file", "/link-file", "/tmp/file"];

const FLAGS = [
  ..."ro rw nosuid nodev noexec suid dev exec noatime nodiratime relatime strictatime nosymfollow".split(" "),
  ..."norelatime sync dirsync lazytime atime diratime rnosuid rnodev rro rnoexec rnoatime".split(" "),
];

const PROPAGATIONS = "private rprivate slave rslave shared rshared unbindable runbindable".split(" ");

const TMPFS_DATA = [
  "mode=755",
  "mode=1777",
  "size=64k",
  "size=1m",
  "uid=1000",
  "gid=5",
  "nr_inodes=100",
  "size=10%",
];

const SOURCE_FOLDERS = [
  "dir",
  "link-dir",
  "mounted",
  "readonly",
  "private/dir",
  "dir/../dir",
  "mounted/below",
];
const SOURCE_FILES = ["file", "link-file", "private/file", "mounted/file"];

function mount(value: ConfigMount): Part {
  return { name: `mount ${JSON.stringify(value)}`, apply: ({ config }) => config.mounts.push(value) };
}

function flags(random: Random): string[] {
  const chosen = some(FLAGS, random, 8);
  if (random(40) === 0) chosen.push("defaults");
  return random(4) === 0 ? [...chosen, pick(PROPAGATIONS, random)] : chosen;
}

function bind(random: Random): Part {
  const file = random(3) === 0;
  const name = pick(file ? SOURCE_FILES : SOURCE_FOLDERS, random);
  const source = random(8) === 0 ? `../sources/${name}` : `${SOURCES}/${name}`;
  const options = [pick(["bind", "rbind", "rbind"], random), ...flags(random)];
  if (random(10) === 0) options.reverse();
  const destination = pick(file ? FILE_PLACES : PLACES, random);
  return mount({
    destination,
    ...(random(3) === 0 ? {} : { type: pick(["bind", "none"], random) }),
    source,
    options,
  });
}

function idmapped(random: Random): Part {
  const mappings = { containerID: 0, hostID: pick([0, 1000, MAPPED], random), size: 1 + random(2000) };
  const value = {
    destination: pick(PLACES, random),
    type: "bind",
    source: `${SOURCES}/${pick(SOURCE_FOLDERS, random)}`,
    options: [pick(["bind", "rbind"], random), pick(["idmap", "ridmap"], random), ...flags(random)],
    uidMappings: [mappings],
    gidMappings: [mappings],
  };
  return mount(value);
}

function tmpfs(random: Random): Part {
  const options = [...flags(random), ...some(TMPFS_DATA, random, 4)];
  if (random(4) === 0) options.push("tmpcopyup");
  const source = pick(["tmpfs", "none", "shm"], random);
  return mount({ destination: pick(PLACES, random), type: "tmpfs", source, options });
}

const KERNEL: readonly ConfigMount[] = [
  { destination: "/mnt/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
  { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "hidepid=2"] },
  { destination: "/mnt/sys", type: "sysfs", source: "sysfs", options: ["ro"] },
  { destination: "/mnt/queue", type: "mqueue", source: "mqueue", options: ["nosuid"] },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["newinstance", "gid=5", "mode=600"],
  },
  { destination: "/mnt/pts", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0666"] },
  { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["ro", "nosuid", "nodev"] },
  { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options: ["rw"] },
  { destination: "/mnt/cgroup", type: "cgroup", source: "cgroup", options: ["nosuid", "noexec", "relatime"] },
  { destination: "/dev", type: "bind", source: "/dev", options: ["rbind", "rslave"] },
  { destination: "/sys", type: "bind", source: "/sys", options: ["rbind", "ro"] },
  { destination: "/proc", type: "bind", source: "/proc", options: ["rbind"] },
  { destination: "/mnt/ram", type: "ramfs", source: "ramfs", options: ["mode=700"] },
];

function overlay(random: Random): Part {
  const data = [
    `lowerdir=${SOURCES}/dir:${SOURCES}/readonly`,
    `upperdir=${SOURCES}/upper`,
    `workdir=${SOURCES}/work`,
  ];
  const options = random(2) === 0 ? data : [`lowerdir=${SOURCES}/dir:${SOURCES}/mounted`];
  return mount({
    destination: pick(PLACES, random),
    type: "overlay",
    source: "overlay",
    options: [...options, ...flags(random)],
  });
}

function dropped(random: Random): Part {
  const destination = pick(["/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys"], random);
  return {
    name: `no mount at ${destination}`,
    apply: ({ config }) => {
      config.mounts = config.mounts.filter((one) => one.destination !== destination);
    },
  };
}

/** A standard mount with other options. */
function altered(random: Random): Part {
  const destination = pick(["/proc", "/dev", "/dev/shm", "/dev/mqueue", "/sys"], random);
  const options = flags(random);
  return {
    name: `mount at ${destination} with ${options}`,
    apply: ({ config }) => {
      const found = config.mounts.find((one) => one.destination === destination);
      if (found !== undefined) found.options = options;
    },
  };
}

export const MOUNTS: readonly Maker[] = [
  ...[bind, bind, bind, bind, tmpfs, tmpfs, idmapped, overlay, dropped, altered],
  (random) => mount(pick(KERNEL, random)),
  (random) => mount(pick(KERNEL, random)),
];

export const ROOT: readonly Maker[] = [
  () => ({
    name: "root readonly",
    apply: ({ config }) => {
      config.root.readonly = true;
    },
  }),
  (random) => {
    const path = pick(["./rootfs", "rootfs/", `${BUNDLE}/rootfs`, "x/../rootfs", "rootfs-link"], random);
    return {
      name: `root at ${path}`,
      apply: ({ config }) => {
        config.root.path = path;
      },
    };
  },
  (random) => {
    const rootfsPropagation = pick(PROPAGATIONS, random);
    return {
      name: `propagation of the root ${rootfsPropagation}`,
      apply: ({ config }) => {
        config.linux.rootfsPropagation = rootfsPropagation;
      },
    };
  },
];
