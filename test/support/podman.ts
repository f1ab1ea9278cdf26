// Podman with the runtime under test: storage and state of its own below a lab's folder, one image with
// busybox, as root or as an ordinary user who has subordinate ids.

import { execFileSync, spawnSync } from "node:child_process";
import { chownSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Condition } from "./behaviour.ts";
import { cgroupHierarchies, findProgram } from "./host.ts";
import type { Lab } from "./lab.ts";
import { makeRootfs } from "./rootfs.ts";
import { runtimePath } from "./runtime.ts";

export type Who = "root" | "rootless";

interface Owner {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const LIMIT_MS = 60_000;
export const IMAGE = "box";

export function needsPodman(who: Who): Condition {
  if (findProgram("podman") === undefined) return "needs podman (packages podman and fuse-overlayfs)";
  if (who === "root") return undefined;
  if (findProgram("newuidmap") === undefined) return "needs newuidmap (package uidmap)";
  return ordinaryUser() === undefined ? "needs a user with ids in /etc/subuid" : undefined;
}

/** Podman's own mapper knows the user by this name alone. */
export function needsUserOfAutomaticIds(): Condition {
  const given = readFileSync("/etc/subuid", "utf8").split("\n");
  const isGiven = given.some((line) => line.startsWith("containers:"));
  return isGiven && userNamed("containers") !== undefined
    ? undefined
    : 'needs a user "containers" with ids in /etc/subuid';
}

export function needsBuildah(): Condition {
  return findProgram("buildah") === undefined ? "needs buildah (package buildah)" : undefined;
}

/** Podman takes a process' other hierarchies for a machine with version 1. */
export function needsVersion2Alone(): Condition {
  return /^0::.*\n$/.test(readFileSync("/proc/self/cgroup", "utf8")) ? undefined : "needs cgroup v2 alone";
}

/** The first of /etc/subuid who is not Podman's own. */
function ordinaryUser(): Owner | undefined {
  const names = readFileSync("/etc/subuid", "utf8")
    .split("\n")
    .map((line) => line.split(":")[0] ?? "");
  return names.filter((name) => name !== "containers").flatMap((name) => userNamed(name) ?? [])[0];
}

function userNamed(wanted: string): Owner | undefined {
  const lines = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  const found = lines.find(([name]) => name === wanted);
  return found === undefined ? undefined : { name: wanted, uid: Number(found[2]), gid: Number(found[3]) };
}

export class Podman {
  readonly folder: string;
  readonly #owner: Owner | undefined;
  readonly #runtime: string;
  /** Of containers that are not this Podman's. */
  readonly #before: ReadonlySet<string>;

  constructor(lab: Lab, who: Who) {
    this.#owner = who === "root" ? undefined : ordinaryUser();
    this.folder = join(lab.folder, "podman");
    for (const name of ["", "home", "home/.config", "home/.config/containers", "run", "tmp"])
      this.#ownFolder(name);
    // Where the user reaches it.
    this.#runtime = join(this.folder, basename(runtimePath));
    cpSync(runtimePath, this.#runtime, { dereference: true });
    writeFileSync(join(this.folder, "containers.conf"), this.#configuration());
    const policy = join(this.folder, "home/.config/containers/policy.json");
    writeFileSync(policy, '{"default":[{"type":"insecureAcceptAnything"}]}');
    makeRootfs(join(lab.folder, "image"), lab.store);
    execFileSync("tar", ["-C", join(lab.folder, "image"), "-cf", join(this.folder, "image.tar"), "."]);
    this.#before = new Set(this.#traces());
    lab.atClose(() => this.#close());
    this.must("import", "--quiet", join(this.folder, "image.tar"), IMAGE);
  }

  /** Without a network, and without a limit that version 2 may have no controller for. */
  #configuration(): string {
    const name = basename(this.#runtime);
    return [
      "[containers]",
      'netns = "none"',
      "pids_limit = 0",
      "[engine]",
      'cgroup_manager = "cgroupfs"',
      'events_logger = "none"',
      `runtime_supports_nocgroup = ["${name}"]`,
      `runtime_supports_json = ["${name}"]`,
      `runtime = "${name}"`,
      "[engine.runtimes]",
      `${name} = ["${this.#runtime}"]`,
      "",
    ].join("\n");
  }

  #ownFolder(name: string): string {
    const path = join(this.folder, name);
    mkdirSync(path, { mode: 0o755, recursive: true });
    if (this.#owner !== undefined) chownSync(path, this.#owner.uid, this.#owner.gid);
    return path;
  }

  /** A folder of the caller's, to be mounted. */
  data(name: string): string {
    return this.#ownFolder(name);
  }

  get uid(): number {
    return this.#owner?.uid ?? 0;
  }

  /** Podman's or Buildah's flags for all of its commands. */
  get #storage(): readonly string[] {
    return ["--root", join(this.folder, "storage"), "--runroot", join(this.folder, "run/storage")];
  }

  call(...args: readonly string[]): Said {
    return this.#spawn(["podman", ...this.#storage, "--tmpdir", join(this.folder, "tmp"), ...args]);
  }

  buildah(...args: readonly string[]): Said {
    return this.#spawn(["buildah", ...this.#storage, ...args]);
  }

  get runtime(): string {
    return this.#runtime;
  }

  must(...args: readonly string[]): string {
    const { code, out, err } = this.call(...args);
    if (code !== 0) throw new Error(`podman ${args.join(" ")}: exit status ${code}: ${err}${out}`);
    return out;
  }

  run(flags: readonly string[], ...command: readonly string[]): string {
    return this.must("run", "--rm", ...flags, IMAGE, ...command);
  }

  #spawn(command: readonly string[]): Said {
    const owner = this.#owner;
    const become =
      owner === undefined
        ? []
        : ["setpriv", `--reuid=${owner.uid}`, `--regid=${owner.gid}`, "--init-groups", "--reset-env"];
    const [program = "", ...args] = [...become, "env", ...this.#environment(), ...command];
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd: this.folder,
      encoding: "utf8",
      timeout: LIMIT_MS,
      stdio: ["ignore", "pipe", "pipe"],
    });
    return { code: status ?? -1, out: stdout.trim(), err: stderr.trim() };
  }

  #environment(): readonly string[] {
    return [
      `HOME=${join(this.folder, "home")}`,
      `XDG_RUNTIME_DIR=${join(this.folder, "run")}`,
      `CONTAINERS_CONF=${join(this.folder, "containers.conf")}`,
      "PODMAN_IGNORE_CGROUPSV1_WARNING=1",
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ];
  }

  /** Containers, pods and storage: layers belong to other ids, and are unmounted by Podman alone. */
  #close(): void {
    this.call("pod", "rm", "--all", "--force", "--time", "0");
    this.call("rm", "--all", "--force", "--time", "0");
    this.call("volume", "rm", "--all", "--force");
    const left = this.#traces().filter((path) => !this.#before.has(path));
    // Ends the process that keeps an ordinary user's namespace.
    this.call("system", "migrate");
    const own = ["rm", "-rf", join(this.folder, "storage")];
    this.#spawn(this.#owner === undefined ? own : ["podman", ...this.#storage, "unshare", ...own]);
    if (this.#owner === undefined) spawnSync("umount", ["--quiet", join(this.folder, "storage/overlay")]);
    if (left.length > 0) throw new Error(`left of Podman's containers: ${left.join(" ")}`);
  }

  /** What the runtime keeps of containers, by the names that Podman gives them, and their cgroups. */
  #traces(): string[] {
    const name = basename(this.#runtime);
    const states = [join("/run", name), join(this.folder, "run", name)].flatMap((folder) =>
      entries(folder, /^[0-9a-f]{64}$/),
    );
    const cgroups = cgroupHierarchies().flatMap(({ mountpoint }) =>
      entries(join(mountpoint, "libpod_parent"), /^libpod-[0-9a-f]{64}$/),
    );
    return [...states, ...cgroups];
  }
}

function entries(folder: string, pattern: RegExp): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => pattern.test(name))
    .map((name) => join(folder, name));
}
