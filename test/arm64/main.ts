// `make test-arm64`: dist/tsrun-arm64 on kernels of Debian's for arm64, in emulated machines (package
// qemu-system-arm; no KVM is needed). A kernel, a static busybox, tsrun and the checks of smoke.sh become an
// initramfs; what the machine prints comes out here, and every check must pass on every kernel:
// bun test/arm64/main.ts [KERNEL...].

import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { $ } from "bun";
import { type Archive, downloadPackage, packageBehind } from "../../scripts/engine/debian.ts";
import { BUNDLES } from "./bundles.ts";

const root = `${import.meta.dir}/../..`;
const work = `${root}/dist/.arm64`;
const SECONDS = 600;

/** The packages that name the newest kernel of a kind; of the suite, where it is not this machine's. */
const KERNELS: Readonly<Record<string, { readonly package: string; readonly suite?: string }>> = {
  "4k": { package: "linux-image-cloud-arm64" },
  "4k-new": { package: "linux-image-cloud-arm64", suite: "trixie" },
  "16k": { package: "linux-image-arm64-16k", suite: "trixie" },
  "64k": { package: "linux-image-arm64-64k", suite: "trixie" },
};

function archiveOf(suite: string | undefined): Archive {
  const folder = `${work}/apt${suite === undefined ? "" : `-${suite}`}`;
  mkdirSync(folder, { recursive: true });
  return { folder, architecture: "arm64", ...(suite === undefined ? {} : { suite }) };
}

/** Unpacks a package, once; returns its folder. */
async function unpacked(name: string, archive: Archive): Promise<string> {
  const folder = `${work}/${name}`;
  if (existsSync(folder)) return folder;
  const file = await downloadPackage(name, archive);
  await $`dpkg-deb -x ${file} ${folder}.new`;
  await $`mv ${folder}.new ${folder}`;
  return folder;
}

/** The kernel's file; `undefined` where Debian has none of this kind. */
async function kernelOf(kind: string): Promise<string | undefined> {
  const wanted = KERNELS[kind];
  if (wanted === undefined)
    throw new Error(`no kernel ${kind}; there are ${Object.keys(KERNELS).join(", ")}`);
  const archive = archiveOf(wanted.suite);
  const name = await packageBehind(wanted.package, archive);
  if (name === undefined) return undefined;
  const folder = `${await unpacked(name, archive)}/boot`;
  const file = readdirSync(folder).find((entry) => entry.startsWith("vmlinuz"));
  return file === undefined ? undefined : `${folder}/${file}`;
}

async function makeInitramfs(): Promise<string> {
  const tree = `${work}/initramfs`;
  rmSync(tree, { recursive: true, force: true });
  for (const folder of ["bin", "bundles", "proc", "new"]) mkdirSync(`${tree}/${folder}`, { recursive: true });
  const busybox = await unpacked("busybox-static", archiveOf(undefined));
  const path = ["bin", "usr/bin"].map((folder) => `${busybox}/${folder}/busybox`).find(existsSync);
  copyFileSync(path ?? "", `${tree}/bin/busybox`);
  copyFileSync(`${root}/dist/tsrun-arm64`, `${tree}/bin/tsrun`);
  cpSync(`${import.meta.dir}/smoke.sh`, `${tree}/smoke.sh`);
  cpSync(`${import.meta.dir}/init.sh`, `${tree}/init`);
  chmodSync(`${tree}/init`, 0o755);
  for (const [name, config] of Object.entries(BUNDLES)) {
    await Bun.write(`${tree}/bundles/${name}.json`, JSON.stringify(config));
  }
  await $`find . | cpio -o -H newc --quiet | gzip -1 > ../initramfs.gz`.cwd(tree);
  return `${work}/initramfs.gz`;
}

/** Whether every check passed; what the machine says goes to stdout. */
async function passes(kernel: string, initramfs: string): Promise<boolean> {
  const machine = ["-M", "virt", "-cpu", "max,pauth-impdef=on", "-smp", "2", "-m", "1024", "-no-reboot"];
  const devices = ["-nodefaults", "-nographic", "-serial", "stdio"];
  const boot = ["-kernel", kernel, "-initrd", initramfs, "-append", "console=ttyAMA0 quiet panic=-1"];
  const command = ["timeout", `${SECONDS}`, "qemu-system-aarch64", ...machine, ...devices, ...boot];
  const started = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  let said = "";
  for await (const part of started.stdout.pipeThrough(new TextDecoderStream())) {
    said += part;
    process.stdout.write(part);
  }
  await started.exited;
  return /^\d+ passed, 0 failed\r?$/m.test(said);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const kinds = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(KERNELS);
const initramfs = await makeInitramfs();
let failed = 0;
for (const kind of kinds) {
  const kernel = await kernelOf(kind);
  if (kernel === undefined) {
    say(`skipped ${kind}: Debian has no ${KERNELS[kind]?.package}`);
    continue;
  }
  const before = Date.now();
  const passed = await passes(kernel, initramfs);
  say(`${passed ? "ok" : "FAILED"} ${kind} (${Math.round((Date.now() - before) / 1000)} s)`);
  if (!passed) failed += 1;
}
process.exit(failed === 0 ? 0 : 1);
