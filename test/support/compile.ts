// Compiles C programs that tests put into containers, for actions that a shell cannot do, or not fast enough.

import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync } from "node:fs";
import { basename, join } from "node:path";
import type { Condition } from "./behaviour.ts";
import type { Container } from "./container.ts";
import { findProgram } from "./host.ts";
import type { Lab } from "./lab.ts";

export const needsCompiler: Condition =
  findProgram("musl-gcc") === undefined ? "needs musl-gcc (package musl-tools)" : undefined;

/** Compiles a source of this repository, once, and puts the program into the image: its path there. */
export function addProgram(lab: Lab, box: Container, source: string): string {
  const name = basename(source, ".c");
  const path = join(lab.store, name);
  if (!existsSync(path)) {
    const command = ["-static", "-O2", "-Wall", "-Wextra", "-Werror", "-o", path, source];
    const { status, stderr } = spawnSync("musl-gcc", command, { encoding: "utf8" });
    if (status !== 0) throw new Error(`cannot compile ${source}: ${stderr}`);
  }
  copyFileSync(path, join(box.rootfs, "bin", name));
  return `/bin/${name}`;
}
