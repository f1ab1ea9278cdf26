// Makes the snapshot, and tsrun of it (src/engine/native/snapshot.c). Called by link.ts.

import { $ } from "bun";
import type { Toolchain } from "./toolchain.ts";

/**
 * What is linked writes the memory that `executable` is to start from, laid out by the file `layout`. A
 * system call other than read, write and exit is its death; under an emulator, which cannot do that, one is
 * found in what it has noted.
 */
export async function makeSnapshot(
  directory: string,
  { emulator, objcopy }: Toolchain,
  executable: string,
): Promise<void> {
  const command = emulator === undefined ? ["./unsealed"] : [emulator, "-strace", "./unsealed", "emulated"];
  const redirect = `exec "$@" < layout > snapshot${emulator === undefined ? "" : " 2> calls"}`;
  const made = await $`sh -c ${redirect} sh ${command}`.cwd(directory).nothrow();
  if (made.exitCode !== 0) throw new Error(`no snapshot: ended with ${made.exitCode}`);
  if (emulator !== undefined) {
    const call = firstUnsealed(await Bun.file(`${directory}/calls`).text());
    if (call !== undefined) throw new Error(`no snapshot: a source makes a system call: ${call}`);
  }
  await $`${objcopy} --strip-all --update-section snapshot=snapshot unsealed ${executable}`.cwd(directory);
}

/** PR_SET_SECCOMP */
const SEAL = /^\d+ prctl\(22,/;
const ALLOWED = /^\d+ (?:read|write|exit)\(/;

/**
 * The first call after the seal, in what `qemu-… -strace` writes, that it would not allow. The kernel would
 * allow exit(2) alone at the end, so that nothing may follow that either. Throws where there is no seal.
 */
export function firstUnsealed(trace: string): string | undefined {
  const lines = trace.split("\n").filter((line) => /^\d+ \w+\(/.test(line));
  const seal = lines.findIndex((line) => SEAL.test(line));
  if (seal < 0) throw new Error("no snapshot: it was never sealed");
  return lines.slice(seal + 1).find((line) => !ALLOWED.test(line));
}
