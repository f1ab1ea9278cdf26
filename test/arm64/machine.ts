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
  /** When to give up. */
  readonly limitSeconds: number;
}

/** Makes the initramfs of the smoke checks: a busybox, tsrun and the configurations. */
export async function makeInitramfs(busybox: string, tsrun: string): Promise<string> {
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
  await $`find . | cpio -o -H newc --quiet | gzip -1 > ../initramfs.gz`.cwd(tree);
  return `${work}/initramfs.gz`;
}

/** Runs the machine until it powers off; gives each line that it prints, without its line end. */
export async function run(machine: Machine, line: (text: string) => void): Promise<void> {
  const { kind, kernel, initramfs, limitSeconds } = machine;
  const board = ["-M", "virt", "-cpu", "max,pauth-impdef=on", "-smp", "2", "-m", "1024", "-no-reboot"];
  const devices = ["-nodefaults", "-nographic", "-serial", "stdio"];
  const words = `console=ttyAMA0 quiet panic=-1 KIND=${kind}`;
  const boot = ["-kernel", kernel, "-initrd", initramfs, "-append", words];
  const limited = ["timeout", "--foreground", `${limitSeconds}`];
  const command = [...limited, "qemu-system-aarch64", ...board, ...devices, ...boot];
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
