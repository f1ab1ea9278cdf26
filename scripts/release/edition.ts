// Which release is made: version, commit, time, maintainer. Called by release.ts.

import { $ } from "bun";
import packageJson from "../../package.json" with { type: "json" };

export interface Edition {
  readonly version: string;
  readonly commit: string;
  /** Seconds since 1970 of the commit: the time of every file. */
  readonly epoch: number;
  /** Name and address, for the packages: MAINTAINER, else who made the commit. */
  readonly maintainer: string;
}

/** A machine as tsrun's build, Debian and RPM call it. */
export interface Machine {
  readonly target: "x86-64" | "arm64";
  readonly debian: "amd64" | "arm64";
  readonly rpm: "x86_64" | "aarch64";
}

export const MACHINES: readonly Machine[] = [
  { target: "x86-64", debian: "amd64", rpm: "x86_64" },
  { target: "arm64", debian: "arm64", rpm: "aarch64" },
];

/** Throws where the tree is not what the commit says. */
export async function editionOf(root: string): Promise<Edition> {
  const git = async (...words: string[]) => {
    const done = await $`git -C ${root} ${words}`.quiet().nothrow();
    if (done.exitCode !== 0) throw new Error(`a release is made of a commit: ${done.stderr}`);
    return done.text().trim();
  };
  const changed = await git("status", "--porcelain");
  if (changed !== "") throw new Error(`a release is made of a commit, and these are not in it:\n${changed}`);
  const [commit = "", time = "", maintainer = ""] = (
    await git("log", "-1", "--format=%H%n%ct%n%cn <%ce>")
  ).split("\n");
  const given = process.env.MAINTAINER ?? "";
  return { version: packageJson.version, commit, epoch: Number(time), maintainer: given || maintainer };
}
