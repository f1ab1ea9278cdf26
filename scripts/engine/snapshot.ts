// Makes the snapshot (src/engine/native/snapshot.c), and from it an executable. Called by link.ts.

import { $ } from "bun";
import type { Toolchain } from "./toolchain.ts";

/**
 * Runs `unsealed`, which writes the memory that `executable` starts from, laid out by the file `table`, after
 * it has run `program.bytecode`. The kernel kills it for any system call but read, write and exit; under an
 * emulator, where that is not possible, such a call is found in the emulator's trace.
 */
export async function makeSnapshot(
  directory: string,
  { emulator, objcopy }: Toolchain,
  executable: string,
): Promise<void> {
  const command = emulator === undefined ? ["./unsealed"] : [emulator, "-strace", "./unsealed", "emulated"];
  const noted = emulator === undefined ? "" : " 2> calls";
  const redirect = `exec "$@" < table 3< program.bytecode > snapshot${noted}`;
  const made = await $`sh -c ${redirect} sh ${command}`.cwd(directory).nothrow();
  const calls = emulator === undefined ? "" : await Bun.file(`${directory}/calls`).text();
  if (made.exitCode !== 0) {
    // Without an emulator the message is on the terminal already.
    const message = calls.split("\n").filter((line) => /^cannot /.test(line));
    throw new Error([`no snapshot: ended with ${made.exitCode}`, ...message].join(": "));
  }
  if (emulator !== undefined) {
    const call = firstUnsealed(calls);
    if (call !== undefined) throw new Error(`no snapshot: a source makes a system call: ${call}`);
  }
  await $`${objcopy} --strip-all --update-section snapshot=snapshot unsealed ${executable}`.cwd(directory);
}

/** PR_SET_SECCOMP */
const SEAL = /^\d+ prctl\(22,/;
const ALLOWED = /^\d+ (?:read|write|exit)\(/;

/**
 * The first call after the seal, in the output of `qemu-… -strace`, that the seal would not allow. The kernel
 * would allow exit(2) but not exit_group(2) at the end. Throws if there is no seal.
 */
export function firstUnsealed(trace: string): string | undefined {
  const lines = trace.split("\n").filter((line) => /^\d+ \w+\(/.test(line));
  const seal = lines.findIndex((line) => SEAL.test(line));
  if (seal < 0) throw new Error("no snapshot: it was never sealed");
  return lines.slice(seal + 1).find((line) => !ALLOWED.test(line));
}
