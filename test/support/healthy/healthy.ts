// Containers that are as they were asked for. test/e2e/healthy.test.ts takes each through its life, and asks
// `why`, `diff`, `gc` and `check` about it: none of them may say that anything is wrong.

import { chownSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DOCKER_DEFAULT } from "../../unit/seccomp/docker-default.ts";
import type { Condition } from "../behaviour.ts";
import { type Config, type ConfigMount, mapIds } from "../config.ts";

/** What an edit may use. */
export interface Place {
  /** The test's folder on the host, in which it may make what the container is to mount. */
  readonly folder: string;
  readonly rootfs: string;
  /** The first process of a container that runs already. */
  readonly other: number;
}

export interface Healthy {
  readonly name: string;
  readonly edit: (config: Config, place: Place) => void;
  readonly conditions?: readonly Condition[];
  /** Its namespaces are those of another container. */
  readonly joins?: true;
  /** An ordinary user makes it. */
  readonly rootless?: true;
  /** Options before the command. */
  readonly globals?: readonly string[];
}

/** What Docker, containerd and Podman leave a container. */
export const USUAL = [
  ...["AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE"],
  ...["NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"],
].map((name) => `CAP_${name}`);

/** And what they give with --privileged. */
export const PRIVILEGED = [
  ...USUAL,
  ...["BPF", "CHECKPOINT_RESTORE", "DAC_READ_SEARCH", "IPC_LOCK", "IPC_OWNER", "LEASE", "LINUX_IMMUTABLE"],
  ...["MAC_ADMIN", "MAC_OVERRIDE", "NET_ADMIN", "PERFMON", "SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_MODULE"],
  ...["SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_TIME", "SYS_TTY_CONFIG", "WAKE_ALARM"],
].map((name) => (name.startsWith("CAP_") ? name : `CAP_${name}`));

export function give(config: Config, names: readonly string[]): void {
  config.process.capabilities = { bounding: [...names], effective: [...names], permitted: [...names] };
}

export function profile(): NonNullable<Config["linux"]["seccomp"]> {
  const { architectures: _, ...rest } = DOCKER_DEFAULT;
  return rest as unknown as NonNullable<Config["linux"]["seccomp"]>;
}

/** A file of the host's, or a folder if the name ends with a slash, mounted at `destination`. */
export function bound(folder: string, destination: string, ...options: string[]): ConfigMount {
  const source = join(folder, `source${destination.replaceAll("/", "-")}`);
  if (destination.endsWith("/")) mkdirSync(join(source, "inner"), { recursive: true });
  else writeFileSync(source, "");
  const target = destination.replace(/\/$/, "");
  return { destination: target, type: "bind", source, options: ["rbind", ...options] };
}

/** Mounts in place of those with the same destination, others behind them. */
export function remount(config: Config, mounts: readonly ConfigMount[]): void {
  const others = config.mounts.filter(
    ({ destination }) => !mounts.some((one) => one.destination === destination),
  );
  config.mounts = [...others, ...mounts];
}

/** Takes the namespaces of these kinds from a process, or the host's if there is none. */
export function share(config: Config, kinds: readonly string[], pid?: number): void {
  const others = config.linux.namespaces.filter(({ type }) => !kinds.includes(type));
  const file = (kind: string) => (kind === "network" ? "net" : kind);
  const joined =
    pid === undefined ? [] : kinds.map((type) => ({ type, path: `/proc/${pid}/ns/${file(type)}` }));
  config.linux.namespaces = [...others, ...joined];
}

/** Gives the container users of its own, and their root the root file system's folders, as engines do. */
export function mapUsers(config: Config, { rootfs }: Place, first: number, size: number): void {
  mapIds(config, first, size);
  const entries = readdirSync(rootfs, { recursive: true, withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory());
  for (const path of [rootfs, ...folders.map(({ parentPath, name }) => join(parentPath, name))]) {
    chownSync(path, first, first);
  }
}
