// The bundles that `make bench` runs: a program that ends at once, one that stays, one with many mounts.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { baseConfig, type Config, type ConfigMount, type ConfigSeccomp } from "../support/config.ts";
import { makeRootfs } from "../support/rootfs.ts";
import { DOCKER_DEFAULT } from "../unit/seccomp/docker-default.ts";

export interface Bundles {
  /** Its program ends at once. */
  readonly short: string;
  /** Its program stays. */
  readonly long: string;
  /** Like `short`, with a hundred mounts of several kinds. */
  readonly mounts: string;
  /**
   * Like `short` and `long`, but for many containers: each has the cgroup that the runtime derives from its
   * id.
   */
  readonly many: string;
  readonly manyLong: string;
}

export interface Conditions {
  readonly seccomp: boolean;
  /** Whether memory and processes can be limited. */
  readonly limits: boolean;
}

/** Makes all of them in a folder; their names begin with `mark`. */
export function makeBundles(folder: string, mark: string, conditions: Conditions): Bundles {
  mkdirSync(folder);
  const make = (name: string, args: string[], edit: (config: Config) => void = () => {}): string => {
    const bundle = join(folder, `${mark}-${name}`);
    makeRootfs(join(bundle, "rootfs"), folder);
    const config = baseConfig(`${mark}-${name}`);
    config.process.args = args;
    // Room for twenty processes of runc at once, of ten threads each.
    if (conditions.limits) config.linux.resources = { memory: { limit: 512 << 20 }, pids: { limit: 1000 } };
    if (conditions.seccomp) config.linux.seccomp = profile();
    edit(config);
    writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
    return bundle;
  };
  const volumes = manyMounts(folder);
  const anyCgroup = (config: Config) => {
    delete config.linux.cgroupsPath;
  };
  const [ends, stays] = [["/bin/true"], ["/bin/sleep", "10000"]];
  return {
    short: make("short", ends),
    long: make("long", stays),
    mounts: make("mounts", ends, (config) => config.mounts.push(...volumes)),
    many: make("many", ends, anyCgroup),
    manyLong: make("many-long", stays, anyCgroup),
  };
}

/** Docker's profile, as Docker would send it on this machine. */
function profile(): ConfigSeccomp {
  const { architectures, ...rest } = DOCKER_DEFAULT;
  const ours = process.arch === "arm64" ? ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"] : architectures;
  return { ...rest, architectures: ours } as ConfigSeccomp;
}

/** A hundred volumes as engines make them: directories and files, some read-only, and tmpfs between them. */
function manyMounts(folder: string): ConfigMount[] {
  const volume = join(folder, "volume");
  const file = join(volume, "file");
  mkdirSync(volume);
  writeFileSync(file, "");
  const kinds: Omit<ConfigMount, "destination">[] = [
    { type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "size=64k"] },
    { type: "bind", source: volume, options: ["bind", "ro"] },
    { type: "bind", source: file, options: ["bind"] },
    { type: "bind", source: volume, options: ["rbind", "nosuid", "rprivate"] },
    { type: "bind", source: file, options: ["rbind", "ro", "noexec"] },
  ];
  return Array.from({ length: 20 }, (_, round) =>
    kinds.map((kind, index) => ({ ...kind, destination: `/mnt/${round}-${index}` })),
  ).flat();
}
