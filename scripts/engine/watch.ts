// Watches which blocks of the snapshot commands use, in an executable of the build's own
// (src/engine/native/watch.c). docs/adr/0019-layout-by-use.md. Called by link.ts.

import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { $ } from "bun";
import { layoutOf, readBlocks } from "./layout.ts";
import type { Toolchain } from "./toolchain.ts";
import { makeWatchedBundles } from "./watched-bundle.ts";

/**
 * Short ones first: what all commands use comes to lie at the beginning. The last ones are there for a host
 * that makes no container (watchCommands), and for what a container needs beyond that of the build.
 */
const WATCHED = [
  ...["state", "delete", "kill", "start", "list", "exec", "create"],
  ...["no-state", "no-delete", "no-kill", "no-start", "no-list", "no-exec", "explain"],
];

/**
 * Runs commands in the executable `watched` of this directory, and returns the table. The container gets
 * namespaces of its own, where the kernel allows that: nothing reaches the host, and all ends with them.
 * Elsewhere the table comes from the commands that make no container.
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
  // An emulator of one program makes no containers.
  if (emulator === undefined) {
    await $`timeout 60 unshare ${namespaces} sh ${commands} lives ${words}`.quiet().nothrow();
  }
  await $`timeout 60 sh ${commands} words ${words}`.quiet().nothrow();
  const watched = WATCHED.map((name) => `${files}/${name}`).filter((path) => existsSync(path));
  return layoutOf(watched.map((path) => readBlocks(readFileSync(path))));
}
