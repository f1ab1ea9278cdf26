// musl for another machine: Debian's package, in the version that this machine has. It is unpacked into a
// folder, so that dpkg's architectures stay as they are. Called by toolchain.ts.

import { existsSync, renameSync, rmSync } from "node:fs";
import { $ } from "bun";
import { downloadPackage } from "./debian.ts";

/** Returns the folder with its usr/. SOURCES may have the package. */
export async function unpackMusl(folder: string, architecture: "amd64" | "arm64"): Promise<string> {
  if (existsSync(folder)) return folder;
  const file = await downloadPackage("musl-dev", { folder: `${folder}.apt`, architecture });
  rmSync(`${folder}.new`, { recursive: true, force: true });
  await $`dpkg-deb -x ${file} ${folder}.new`;
  renameSync(`${folder}.new`, folder);
  rmSync(`${folder}.apt`, { recursive: true, force: true });
  return folder;
}
