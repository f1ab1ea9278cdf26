// What explain says of a configuration or of a container is the same on every machine: the executable for
// arm64, under qemu-user, is compared with that of this machine. Called by main.ts.

import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { $ } from "bun";
import { BUNDLES } from "./bundles.ts";

/** The words before a command's own, for this machine and for arm64. */
type Programs = readonly [readonly string[], readonly string[]];

/** The first line in which the two say something else; nothing if they say the same. */
async function compare([own, arm64]: Programs, title: string, what: string): Promise<string[]> {
  const [ours, theirs] = await Promise.all(
    [own, arm64].map((program) => $`${program} explain --json ${what} 2>&1`.quiet().nothrow()),
  );
  if (ours?.exitCode !== 0) return [`explain of ${title} fails: ${ours?.text()}`];
  const [mine, its] = [ours.text().split("\n"), theirs?.text().split("\n") ?? []];
  const at = mine.findIndex((line, index) => line !== its[index]);
  if (at < 0 && mine.length === its.length) return [];
  return [`explain of ${title}, line ${at + 1}:`, `here: ${mine[at]}`, `by the one for arm64: ${its[at]}`];
}

/** A container that waits for its start; removed again. Only root can make one of this configuration. */
async function compareContainer(programs: Programs, bundle: string): Promise<string[]> {
  if (process.getuid?.() !== 0) return [];
  const [own] = programs;
  const id = `tsrun-explain-${process.pid}`;
  try {
    // The container's process keeps open what it gets: no pipe that is read to its end.
    const stdio = ["ignore", "ignore", "inherit"] as const;
    Bun.spawnSync([...own, "create", "--bundle", bundle, id], { stdio: [...stdio] });
    return await compare(programs, "a container", id);
  } finally {
    await $`${own} delete --force ${id}`.quiet().nothrow();
  }
}

/** What differs; nothing if all is the same. `own` is this machine's executable. */
export async function explainedOtherwise(own: string, arm64: string): Promise<string[]> {
  const bundle = mkdtempSync(join(tmpdir(), "tsrun-explain-"));
  const root = ["--root", join(bundle, "state")];
  const programs: Programs = [
    [own, ...root],
    ["qemu-aarch64-static", arm64, ...root],
  ];
  try {
    mkdirSync(join(bundle, "rootfs/bin"), { recursive: true });
    // Nothing runs it.
    copyFileSync(own, join(bundle, "rootfs/bin/sh"));
    for (const [name, config] of Object.entries(BUNDLES)) {
      writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
      const differences = await compare(programs, `"${name}"`, bundle);
      if (differences.length > 0) return differences;
    }
    writeFileSync(join(bundle, "config.json"), JSON.stringify(BUNDLES.filter));
    return await compareContainer(programs, bundle);
  } finally {
    rmSync(bundle, { recursive: true });
  }
}
