// Where the sources come from: the commit, and its date. In a source tarball `git archive` has written both
// into the file `origin`; in a checkout git tells them. Called by build.ts and documents.ts.

import { $ } from "bun";

export interface Origin {
  /** Empty if it is not known. */
  readonly commit: string;
  /** As in 2026-11-28; empty if it is not known. */
  readonly date: string;
}

export async function originOf(root: string): Promise<Origin> {
  const written = await Bun.file(`${root}/scripts/engine/origin`).text();
  // The file first: a tarball may have been unpacked somewhere in another project's checkout.
  if (!written.startsWith("$")) return readOrigin(written);
  const shown = await $`git -C ${root} log -1 --format=${"%H %cs"}`.quiet().nothrow();
  return readOrigin(shown.exitCode === 0 ? shown.text() : "");
}

function readOrigin(text: string): Origin {
  const [commit = "", date = ""] = text.trim().split(" ");
  return { commit, date };
}
