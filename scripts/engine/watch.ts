// Watches which blocks of the snapshot commands use, in an executable of the build's own
// (src/engine/native/watch.c). docs/adr/0019-layout-by-use.md. Called by link.ts.

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { $ } from "bun";
import { layoutOf, plainest, readBlocks } from "./layout.ts";
import type { Toolchain } from "./toolchain.ts";
import { makeWatchedBundles } from "./watched-bundle.ts";

/**
 * Short commands come first, so that blocks which all commands use lie at the beginning. The last ones are
 * for hosts on which no container can be made (watchCommands), and for features that the build's container
 * does not have.
 */
const WATCHED = [
  ...["state", "delete", "kill", "start", "list", "exec", "root-create", "root-run", "create"],
  ...["no-state", "no-delete", "no-kill", "no-start", "no-list", "no-exec", "no-traced"],
  ...["traced-exec", "traced", "explain"],
];

/** What is added to a command's name for each of its runs. */
const RUNS = ["", "-2", "-3"];

/**
 * Runs commands with the executable `watched` of this directory, and returns the table. The container gets
 * namespaces of its own, if the kernel allows that: nothing reaches the host, and everything ends with them.
 * Otherwise the table comes from the commands that make no container.
 */
export async function watchCommands(directory: string, { emulator }: Toolchain): Promise<Uint8Array> {
  const files = `${directory}/watched-files`;
  mkdirSync(`${files}/root`, { recursive: true });
  await makeWatchedBundles(files);
  const commands = `${import.meta.dir}/watched-commands.sh`;
  const namespaces = [
    "--user",
    "--map-root-user",
    "--mount",
    "--pid",
    "--fork",
    "--mount-proc",
    "--kill-child",
  ];
  const words = [`${directory}/watched`, files, emulator ?? ""];
  // An emulator of a single program cannot make containers.
  if (emulator === undefined) {
    await $`timeout --kill-after=1 60 unshare ${namespaces} sh ${commands} lives ${words}`.quiet().nothrow();
  }
  await $`timeout --kill-after=1 60 sh ${commands} words ${words}`.quiet().nothrow();
  const runsOf = (name: string) =>
    RUNS.map((run) => `${files}/${name}${run}`)
      .filter((path) => existsSync(path))
      .map((path) => readBlocks(readFileSync(path)));
  const watched = WATCHED.map(runsOf).filter((runs) => runs.length > 0);
  return layoutOf(watched.map(plainest));
}
