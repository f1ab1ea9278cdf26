// The bundle of the container in which the build watches commands: what a container usually has, as far as a
// user namespace allows it. Called by watch.ts.

import { mkdirSync } from "node:fs";
import { $ } from "bun";
import { exampleSpec } from "../../src/spec/defaults.ts";
import { NATIVE } from "./quickjs.ts";
import { C_FLAGS } from "./toolchain.ts";

const { process, mounts = [], linux, ...rest } = exampleSpec({ cgroupV2: true });

/**
 * Left out: a cgroup mount, which would show the host's, and a group without an id in the user namespace,
 * which cannot own anything.
 */
const MOUNTS = [
  ...mounts
    .filter(({ type }) => type !== "cgroup")
    .map((mount) => ({ ...mount, options: mount.options?.filter((word) => !word.startsWith("gid=")) })),
  { destination: "/data", type: "bind", source: "data", options: ["rbind", "rprivate", "ro"] },
];

function config(more: object, args: readonly string[]): object {
  const { resources: _, ...isolation } = linux ?? {};
  return {
    ...rest,
    process: { ...process, terminal: false, args },
    root: { path: "rootfs" },
    mounts: MOUNTS,
    annotations: { "com.example.watched": "yes" },
    linux: { ...isolation, ...more },
  };
}

const RESOURCES = {
  cgroupsPath: "/watched",
  resources: {
    devices: [{ allow: false, access: "rwm" }],
    memory: { limit: 268435456 },
    cpu: { shares: 512, quota: 50000, period: 100000 },
    pids: { limit: 100 },
  },
};

/**
 * Makes `lived` in this directory, which can be created there, `ended`, whose program ends, and `explained`,
 * which has limits as well.
 */
export async function makeWatchedBundles(directory: string): Promise<void> {
  for (const [name, resources, args] of [
    ["lived", {}, ["/idle"]],
    ["ended", {}, ["/idle", "awhile"]],
    ["explained", RESOURCES, ["/idle"]],
  ] as const) {
    const bundle = `${directory}/${name}`;
    mkdirSync(`${bundle}/rootfs`, { recursive: true });
    mkdirSync(`${bundle}/data`, { recursive: true });
    await Bun.write(`${bundle}/config.json`, JSON.stringify(config(resources, args)));
    await $`musl-gcc ${C_FLAGS} -static -no-pie -o ${bundle}/rootfs/idle ${NATIVE}/idle.c`;
  }
}
