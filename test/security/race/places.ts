// Each place where the runtime uses a path of the container during its creation, prepared so that the path
// leads alternately into the container and out of it: a directory or file is exchanged with a symbolic link.

import { execFileSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { parseMountinfo } from "../../support/host.ts";
import { SECRET } from "../../support/outside.ts";
import { unreadConsole } from "../../support/terminal.ts";
import type { Scene } from "./scene.ts";

export type Swap = readonly [string, string];

export interface Place {
  readonly name: string;
  /** Prepares the scene; returns the paths to exchange. */
  readonly prepare: (scene: Scene) => Swap[];
  /** Further flags of create. */
  readonly flags?: (scene: Scene) => string[];
  /** Returns what is wrong inside a container that was created. */
  readonly inspect?: (scene: Scene, pid: number) => string[];
  /** The reason why it cannot be tried on this machine, if there is one. */
  readonly impossible?: () => string | undefined;
}

/** A directory of the volume and, beside it, a link to somewhere else. */
function directoryAndLink(scene: Scene, target: string): Swap {
  const [directory, link] = [join(scene.volume, "target"), join(scene.volume, "link")];
  mkdirSync(directory);
  scene.hold(directory);
  symlinkSync(target, link);
  return [directory, link];
}

const mountDestination: Place = {
  name: "mount destination",
  prepare: (scene) => {
    scene.volumeAt("/vol");
    scene.box.config.mounts.push(
      { destination: "/vol/target/made/deep", type: "tmpfs", source: "tmpfs" },
      { destination: "/vol/target/folder", type: "tmpfs", source: "tmpfs" },
      { destination: "/vol/target/file", type: "bind", source: "/etc/hostname", options: ["bind", "ro"] },
    );
    return [directoryAndLink(scene, scene.outside.folder)];
  },
};

const device: Place = {
  name: "device",
  prepare: (scene) => {
    scene.volumeAt("/vol");
    scene.box.config.linux.devices = ["made", "file"].map((name) => ({
      ...{ type: "c", path: `/vol/target/${name}`, major: 1, minor: 3 },
      ...{ fileMode: 0o600, uid: 5, gid: 6 },
    }));
    return [directoryAndLink(scene, scene.outside.folder)];
  },
};

/** A /dev in the image whose `null` is the null device half of the time (CVE-2025-31133). */
function hostileDev(scene: Scene): void {
  for (const name of ["null", "zero", "full", "random", "urandom", "tty"]) {
    const minor = { null: "3", zero: "5", full: "7", random: "8", urandom: "9", tty: "0" }[name] ?? "3";
    const major = name === "tty" ? "5" : "1";
    execFileSync("mknod", ["-m", "666", join(scene.volume, name), "c", major, minor]);
  }
  for (const name of ["pts", "shm", "mqueue"]) mkdirSync(join(scene.volume, name));
  const dev = scene.box.config.mounts.findIndex(({ destination }) => destination === "/dev");
  scene.box.config.mounts[dev] = {
    destination: "/dev",
    type: "bind",
    source: scene.volume,
    options: ["rbind", "rw"],
  };
}

const MASKED = ["/proc/keys", "/proc/timer_list", "/etc/hidden"];

const maskedPath: Place = {
  name: "masked path",
  prepare: (scene) => {
    hostileDev(scene);
    writeFileSync(join(scene.box.rootfs, "etc/hidden"), "visible");
    writeFileSync(join(scene.box.rootfs, "etc/evil"), "evil");
    symlinkSync("/etc/evil", join(scene.volume, "evil"));
    scene.box.config.linux.maskedPaths = MASKED;
    return [[join(scene.volume, "null"), join(scene.volume, "evil")]];
  },
  inspect: (scene, pid) =>
    MASKED.filter((path) => existsSync(join("/proc/self/root", path)) || path === "/etc/hidden")
      .filter((path) => !isDevice(`/proc/${pid}/root${path}`, 1, 3))
      .map((path) => `"${path}" of ${scene.box.id} is not masked`),
};

function isDevice(path: string, major: number, minor: number): boolean {
  const status = lstatSync(path);
  return status.isCharacterDevice() && status.rdev === major * 256 + minor;
}

const workingDirectory: Place = {
  name: "cwd",
  prepare: (scene) => {
    scene.volumeAt("/vol");
    scene.box.config.process.cwd = "/vol/target/folder/made";
    const [directory, link] = directoryAndLink(scene, scene.outside.folder);
    // Another way out: a descriptor of the host that the first process may still have open.
    const [second, third] = ["second", "third"].map((name) => join(scene.volume, name));
    symlinkSync("/proc/self/fd/7", second ?? "");
    symlinkSync("/proc/self/cwd/../../..", third ?? "");
    return [
      [directory, link],
      [directory, second ?? ""],
      [directory, third ?? ""],
    ];
  },
  inspect: (scene, pid) => {
    const inside = statSync(`/proc/${pid}/cwd`);
    const suspects = [
      "/",
      scene.outside.folder,
      join(scene.outside.folder, "folder"),
      scene.box.bundle,
      scene.lab.folder,
    ];
    return suspects
      .map((path) => ({ path, found: statSync(path) }))
      .filter(({ found }) => found.dev === inside.dev && found.ino === inside.ino)
      .map(({ path }) => `the working directory is "${path}" of the host`);
  },
};

const console: Place = {
  name: "console",
  prepare: (scene) => {
    hostileDev(scene);
    scene.box.config.process.terminal = true;
    const [file, link] = [join(scene.volume, "console"), join(scene.volume, "evil")];
    writeFileSync(file, "");
    symlinkSync(scene.outside.file, link);
    const [pts, otherPts] = [join(scene.volume, "pts"), join(scene.volume, "other")];
    symlinkSync(scene.outside.folder, otherPts);
    unreadConsole(scene.lab, socketOf(scene));
    return [
      [file, link],
      [pts, otherPts],
    ];
  },
  flags: (scene) => ["--console-socket", socketOf(scene)],
};

function socketOf(scene: Scene): string {
  return join(scene.lab.folder, "console.sock");
}

const copyUp: Place = {
  name: "tmpcopyup",
  prepare: (scene) => {
    scene.volumeAt("/vol");
    scene.box.config.mounts.push({
      destination: "/vol/target/covered",
      type: "tmpfs",
      source: "tmpfs",
      options: ["tmpcopyup", "mode=755"],
    });
    const swap = directoryAndLink(scene, scene.outside.folder);
    const covered = join(scene.volume, "target/covered");
    mkdirSync(join(covered, "sub"), { recursive: true });
    writeFileSync(join(covered, "sub/file"), "of the image");
    symlinkSync(join(scene.outside.folder, "folder"), join(covered, "spare"));
    symlinkSync(scene.outside.file, join(covered, "filelink"));
    writeFileSync(join(covered, "plain"), "of the image");
    return [
      [join(covered, "sub"), join(covered, "spare")],
      [join(covered, "plain"), join(covered, "filelink")],
      swap,
    ];
  },
  inspect: (_scene, pid) => {
    const copy = openCopy(pid);
    if (copy === undefined) return [];
    const found = filesBelow(`/proc/self/fd/${copy}`).filter((path) => readFileSync(path, "utf8") === SECRET);
    closeSync(copy);
    return found.map((path) => `"${basename(path)}" is a copy of the host's file`);
  },
};

/** Opens the new tmpfs, which the attacker cannot reach, by the present name of its mount point. */
function openCopy(pid: number): number | undefined {
  const mounts = parseMountinfo(readFileSync(`/proc/${pid}/mountinfo`, "utf8"));
  const copies = mounts.filter(({ target, type }) => type === "tmpfs" && target.startsWith("/vol/"));
  for (const name of ["target", "link", "target", "link"]) {
    try {
      const opened = openSync(`/proc/${pid}/root/vol/${name}/covered`, "r");
      if (copies.some(({ id }) => id === mountOf(opened))) return opened;
      closeSync(opened);
    } catch {
      // It has the other name.
    }
  }
  return undefined;
}

/** The mount's id: the volume may be on a tmpfs as well. */
function mountOf(descriptor: number): number {
  const [, id] = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, "utf8")) ?? [];
  return Number(id);
}

/** Links are not followed. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : entry.isFile() ? [path] : [];
  });
}

/** An image whose /proc is a directory and, the next instant, a link to a folder of forged files. */
function hostileProc(scene: Scene): Swap {
  const { rootfs } = scene.box;
  const forged = join(rootfs, "forged");
  for (const folder of ["sys/net/ipv4", "sys/kernel", "self/attr", "thread-self/attr"]) {
    mkdirSync(join(forged, folder), { recursive: true });
  }
  const files = ["sys/net/ipv4/ip_forward", "sys/kernel/shmmni", "self/attr/exec", "thread-self/attr/exec"];
  for (const name of [...files, "self/oom_score_adj"]) {
    symlinkSync(scene.outside.file, join(forged, name));
  }
  const link = join(rootfs, "otherproc");
  symlinkSync("/forged", link);
  return [join(rootfs, "proc"), link];
}

const sysctl: Place = {
  name: "sysctl",
  prepare: (scene) => {
    scene.box.config.linux.sysctl = { "net.ipv4.ip_forward": "1", "kernel.shmmni": "4000" };
    scene.box.config.process.oomScoreAdj = 500;
    return [hostileProc(scene)];
  },
  inspect: (_scene, pid) => {
    const score = readFileSync(`/proc/${pid}/oom_score_adj`, "utf8").trim();
    return score === "500" ? [] : [`oomScoreAdj is ${score}: what was written went elsewhere`];
  },
};

const APPARMOR = "/sys/module/apparmor/parameters/enabled";

const label: Place = {
  name: "label",
  impossible: () => {
    const enabled = existsSync(APPARMOR) && readFileSync(APPARMOR, "utf8").startsWith("Y");
    return enabled ? undefined : "needs a kernel with AppArmor";
  },
  prepare: (scene) => {
    Object.assign(scene.box.config.process, { apparmorProfile: "unconfined" });
    return [hostileProc(scene)];
  },
};

/** All places, with the names that the command takes. */
export const PLACES: readonly Place[] = [
  mountDestination,
  device,
  maskedPath,
  workingDirectory,
  console,
  copyUp,
  sysctl,
  label,
];
