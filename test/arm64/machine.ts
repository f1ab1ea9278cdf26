// An emulated machine (package qemu-system-arm; no KVM is needed) that boots a kernel and an initramfs. What
// it prints on its serial console is TAP text. Called by main.ts.

import { chmodSync, copyFileSync, cpSync, mkdirSync, rmSync } from "node:fs";
import { $ } from "bun";
import { BUNDLES } from "./bundles.ts";
import { work } from "./packages.ts";

export interface Machine {
  /** The name of the kernel, for the tests' names. */
  readonly kind: string;
  readonly kernel: string;
  readonly initramfs: string;
  /** The first process: a path in the initramfs. */
  readonly init: string;
  readonly memoryMib: number;
  /** When to give up. */
  readonly limitSeconds: number;
}

/** Makes the initramfs of the smoke checks: a busybox, tsrun and the configurations. */
export async function makeSmoke(busybox: string, tsrun: string): Promise<string> {
  const tree = `${work}/initramfs`;
  rmSync(tree, { recursive: true, force: true });
  for (const folder of ["bin", "bundles", "proc", "new"]) mkdirSync(`${tree}/${folder}`, { recursive: true });
  copyFileSync(busybox, `${tree}/bin/busybox`);
  copyFileSync(tsrun, `${tree}/bin/tsrun`);
  cpSync(`${import.meta.dir}/smoke.sh`, `${tree}/smoke.sh`);
  cpSync(`${import.meta.dir}/init.sh`, `${tree}/init`);
  chmodSync(`${tree}/init`, 0o755);
  for (const [name, config] of Object.entries(BUNDLES)) {
    await Bun.write(`${tree}/bundles/${name}.json`, JSON.stringify(config));
  }
  await $`find . | cpio -o -H newc -R 0:0 --quiet > ../smoke.cpio`.cwd(tree);
  return `${work}/smoke.cpio`;
}

/** Runs the machine until it powers off; gives each line that it prints, without its line end. */
export async function run(machine: Machine, line: (text: string) => void): Promise<void> {
  const { kind, kernel, initramfs, init, memoryMib, limitSeconds } = machine;
  const board = ["-M", "virt", "-cpu", "max,pauth-impdef=on", "-smp", "2", "-m", `${memoryMib}`];
  // The machine's clock counts instructions, and leaves out the time in which it would sleep: no limit in a
  // test depends on how fast the machine is emulated.
  const clock = ["-icount", "shift=1,sleep=off", "-rtc", "clock=vm"];
  const devices = ["-no-reboot", "-nodefaults", "-nographic", "-serial", "stdio"];
  const words = `console=ttyAMA0 quiet panic=-1 rdinit=${init} KIND=${kind}`;
  const boot = ["-kernel", kernel, "-initrd", initramfs, "-append", words];
  const limited = ["timeout", "--foreground", `${limitSeconds}`];
  const command = [...limited, "qemu-system-aarch64", ...board, ...clock, ...devices, ...boot];
  const started = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  let rest = "";
  for await (const part of started.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + part).split(/\r?\n/);
    rest = lines.pop() ?? "";
    for (const text of lines) line(text);
  }
  if (rest !== "") line(rest);
  await started.exited;
}
