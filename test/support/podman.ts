// Podman with the runtime under test: separate storage and state below a lab's folder, one image with
// busybox, as root or as an ordinary user with subordinate ids.

import { execFileSync, spawnSync } from "node:child_process";
import { chownSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Condition } from "./behaviour.ts";
import { cgroupHierarchies, findProgram } from "./host.ts";
import type { Lab } from "./lab.ts";
import { PodmanUsers, SECOND_GROUP, type User } from "./podman-users.ts";
import { makeRootfs } from "./rootfs.ts";
import { runtimePath } from "./runtime.ts";

export type Who = "root" | "rootless";

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
  return findProgram("newuidmap") === undefined ? "needs newuidmap (package uidmap)" : undefined;
}

/** For cases in which earlier versions behave differently; the reason says how. */
export function podmanFrom(version: string, reason: string): Condition {
  const { stdout } = spawnSync("podman", ["--version"], { encoding: "utf8" });
  const found = /\d[\d.]*/.exec(stdout ?? "")?.[0] ?? version;
  const isBefore = found.localeCompare(version, "en", { numeric: true }) < 0;
  return isBefore ? `Podman before ${version}: ${reason}` : undefined;
}

export function needsBuildah(): Condition {
  return findProgram("buildah") === undefined ? "needs buildah (package buildah)" : undefined;
}

/** Podman's init, and the first container of a pod. */
export function needsCatatonit(): Condition {
  return findProgram("catatonit") === undefined ? "needs catatonit (package catatonit)" : undefined;
}

/** If a process is in other hierarchies too, Podman thinks that the machine has cgroup v1. */
export function needsVersion2Alone(): Condition {
  return /^0::.*\n$/.test(readFileSync("/proc/self/cgroup", "utf8")) ? undefined : "needs cgroup v2 alone";
}

export class Podman {
  readonly folder: string;
  readonly #users: PodmanUsers;
  readonly #owner: User | undefined;
  readonly #runtime: string;
  /** Cgroups of containers that are not this Podman's. */
  readonly #before: ReadonlySet<string>;

  constructor(lab: Lab, who: Who) {
    this.folder = join(lab.folder, "podman");
    mkdirSync(this.folder);
    this.#users = new PodmanUsers(this.folder);
    this.#owner = who === "root" ? undefined : this.#users.ordinary;
    for (const name of ["", "home", "home/.config", "home/.config/containers", "run", "tmp"])
      this.#ownFolder(name);
    // A copy that the user can reach.
    this.#runtime = join(this.folder, basename(runtimePath));
    cpSync(runtimePath, this.#runtime, { dereference: true });
    writeFileSync(join(this.folder, "containers.conf"), this.#configuration());
    const policy = join(this.folder, "home/.config/containers/policy.json");
    writeFileSync(policy, '{"default":[{"type":"insecureAcceptAnything"}]}');
    makeRootfs(join(lab.folder, "image"), lab.store);
    execFileSync("tar", ["-C", join(lab.folder, "image"), "-cf", join(this.folder, "image.tar"), "."]);
    this.#before = new Set(cgroups());
    lab.atClose(() => this.#close());
    // Podman 4 gives the containers of `kube play` no PATH of its own.
    this.must("import", "--quiet", "--change", "ENV PATH=/bin", join(this.folder, "image.tar"), IMAGE);
  }

  /** Without a network, and without limits for which version 2 may have no controller. */
  #configuration(): string {
    const name = this.#name;
    return [
      "[containers]",
      'netns = "none"',
      // The most that root may set without CAP_SYS_RESOURCE.
      'default_ulimits = ["nofile=1000:1000", "nproc=1000:1000"]',
      `init_path = "${findProgram("catatonit") ?? ""}"`,
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

  /** The runtime's name, by which Podman chooses it, and which names the runtime's folder. */
  get #name(): string {
    return basename(this.#runtime);
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

  /** Calls the runtime itself on Podman's containers, as the user sees them. */
  ask(...args: readonly string[]): Said {
    const folder = this.#owner === undefined ? "/run" : join(this.folder, "run");
    const call = [this.#runtime, "--root", join(folder, this.#name), ...args];
    return this.#owner === undefined ? this.#spawn(call) : this.call("unshare", ...call);
  }

  must(...args: readonly string[]): string {
    const { code, out, err } = this.call(...args);
    if (code !== 0) throw new Error(`podman ${args.join(" ")}: exit status ${code}: ${err}${out}`);
    return out;
  }

  /**
   * Podman's command that removes. With a user namespace Podman 4 forgets now and then, on a busy host, that
   * unmounting a container's /dev/shm has failed (in 12 of 60 removals, with runc as with tsrun). Another
   * call removes it.
   */
  remove(...args: readonly string[]): void {
    for (let tried = 1; ; tried++) {
      const { code, out, err } = this.call(...args);
      if (code === 0) return;
      const forgot = /userdata\/shm: device or resource busy/.test(err + out);
      if (!forgot || tried === 4) throw new Error(`podman ${args.join(" ")}: ${err}${out}`);
    }
  }

  /**
   * What a command prints in a new container. On a busy host conmon may learn of the container's end before
   * it has accepted Podman's connection for the output, since its loop ends with the round of the signal.
   * Then only the log has the output.
   */
  run(flags: readonly string[], ...command: readonly string[]): string {
    const name = "prints";
    const said = this.must("run", "--name", name, "--log-driver=k8s-file", ...flags, IMAGE, ...command);
    const output = said === "" ? this.must("logs", name) : said;
    this.remove("rm", "--ignore", name);
    return output;
  }

  #spawn(command: readonly string[]): Said {
    const owner = this.#owner;
    const become =
      owner === undefined
        ? ["setpriv", `--groups=${SECOND_GROUP.gid}`]
        : ["setpriv", `--reuid=${owner.uid}`, `--regid=${owner.gid}`, "--init-groups", "--reset-env"];
    const enter = this.#users.enter;
    const [program = "", ...args] = [...enter, ...become, "env", ...this.#environment(), ...command];
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

  /** Containers, pods, and the process that keeps a user's namespace. Files go with the lab's folder. */
  #close(): void {
    this.call("pod", "rm", "--all", "--force", "--time", "0");
    this.call("rm", "--all", "--force", "--time", "0");
    this.call("volume", "rm", "--all", "--force");
    this.call("system", "migrate");
    this.#awaitHelpers();
    const states = [join(this.#users.run, this.#name), join(this.folder, "run", this.#name)];
    const left = [...states.flatMap((folder) => entries(folder, /^[0-9a-f]{64}$/)), ...this.#emptyCgroups()];
    this.#users.close();
    if (left.length > 0) throw new Error(`left of Podman's containers: ${left.join(" ")}`);
  }

  /** Waits for Podman's cleanup after a container, which its monitor starts in the background. */
  #awaitHelpers(): void {
    const script =
      'for i in $(seq 200); do pgrep --full -- "$1/storage" >/dev/null || exit 0; sleep 0.1; done';
    spawnSync("sh", ["-c", script, "wait", this.folder]);
  }

  /**
   * Empty cgroups that were made after this Podman. Those of others go with the cleanup that their monitors
   * start, which may take a while on a busy machine.
   */
  #emptyCgroups(): string[] {
    const isLeft = (path: string) => !this.#before.has(path) && isEmpty(path);
    let left = cgroups().filter(isLeft);
    for (let looked = 0; left.length > 0 && looked < 100; looked++) {
      spawnSync("sleep", ["0.2"]);
      left = left.filter(isLeft);
    }
    return left;
  }
}

function isEmpty(cgroup: string): boolean {
  // It may be gone by now, which is no error.
  const { stdout } = spawnSync("cat", [join(cgroup, "cgroup.procs")], { encoding: "utf8" });
  return stdout === "" && existsSync(cgroup);
}

function cgroups(): string[] {
  return cgroupHierarchies().flatMap(({ mountpoint }) =>
    entries(join(mountpoint, "libpod_parent"), /^libpod-[0-9a-f]{64}$/),
  );
}

function entries(folder: string, pattern: RegExp): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => pattern.test(name))
    .map((name) => join(folder, name));
}
