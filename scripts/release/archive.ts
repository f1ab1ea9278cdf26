// Archives whose bytes depend on nothing but their files: names in order, one owner, one time. Called by
// release.ts.

import { $ } from "bun";

/** Writes FOLDER/NAME, with all that is in it, to an archive. */
export async function archive(folder: string, name: string, to: string, epoch: number): Promise<void> {
  const same = [
    "--sort=name",
    "--format=gnu",
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    `--mtime=@${epoch}`,
  ];
  await $`tar ${same} -C ${folder} -cf - ${name} | xz -6 -T1 > ${to}`;
}

/** The sources as they are in the commit, with its name in scripts/engine/origin. */
export async function archiveSources(root: string, name: string, to: string): Promise<void> {
  await $`git -C ${root} archive --format=tar --prefix=${name}/ HEAD | xz -6 -T1 > ${to}`;
}
