// Records which bytecode the commands of a container's life use, for the layout of the executable. Called by
// `make profile`, as root, when much has changed: bun scripts/profile-startup.ts

import { $ } from "bun";

const root = `${import.meta.dir}/..`;
const binary = `${root}/build/tsrun-profiling`;
const state = `${root}/build/profile-state`;
const id = `profile-${process.pid}`;
const orders = `${import.meta.dir}/startup`;

await $`rm -rf ${state} && mkdir -p ${orders}`;
await $`bun ${import.meta.dir}/build.ts ${binary}`.env({ ...process.env, TSRUN_PROFILE: "1" });

const lives: readonly (readonly [string, readonly string[]])[] = [
  ["create", ["create", "--bundle", `${root}/bundle-fixtures/hello`, id]],
  ["exec", ["exec", id, "/bin/true"]],
  ["start", ["start", id]],
  ["delete", ["delete", "--force", id]],
];
for (const [name, args] of lives) {
  const done = Bun.spawnSync([binary, "--root", state, ...args], {
    env: { ...process.env, BUN_BYTECODE_ORDER_OUT: `${orders}/${name}.order` },
    // The container keeps what it is given open: nothing that somebody reads to the end.
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (done.exitCode !== 0) throw new Error(`${name} failed`);
}
