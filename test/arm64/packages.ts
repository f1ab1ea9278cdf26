// What the emulated machines are made of that is not the project's: Debian's kernels and busybox for arm64,
// and the programs that build and run it all. Called by main.ts.

import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { basename, dirname } from "node:path";
import { $ } from "bun";
import {
  type Archive,
  downloadPackage,
  downloadWithDependencies,
  packageBehind,
} from "../../scripts/engine/debian.ts";
import { unpackMusl } from "../../scripts/engine/musl.ts";

const root = `${import.meta.dir}/../..`;
export const work = `${root}/dist/.arm64`;

/** The packages that name the newest kernel of a kind; of the suite, where it is not this machine's. */
const KERNELS: Readonly<Record<string, { readonly package: string; readonly suite?: string }>> = {
  "4k": { package: "linux-image-cloud-arm64" },
  "4k-new": { package: "linux-image-cloud-arm64", suite: "trixie" },
  "16k": { package: "linux-image-arm64-16k", suite: "trixie" },
  "64k": { package: "linux-image-arm64-64k", suite: "trixie" },
};

/** Says what cannot be had here; the tests that need it are skipped with this reason. */
export class Unavailable extends Error {}

/** Programs, and the packages that have them. */
const EMULATION = { "qemu-system-aarch64": "qemu-system-arm", cpio: "cpio", "dpkg-deb": "dpkg" };
const CROSS = { "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu", "qemu-aarch64-static": "qemu-user-static" };

/** Installs what is missing, as far as that can be done; throws if something still is. */
export async function getPrograms(): Promise<void> {
  const cross = process.arch === "arm64" ? {} : CROSS;
  for (const purpose of ["emulated", "build-arm64"]) {
    const STDERR = 2;
    Bun.spawnSync(["sh", "scripts/host-packages.sh", purpose], { cwd: root, stdout: STDERR, stderr: STDERR });
  }
  const missing = Object.entries({ ...EMULATION, ...cross }).filter(([name]) => Bun.which(name) === null);
  if (missing.length === 0) return;
  const [names, packages] = [missing.map(([name]) => name), missing.map(([, name]) => name)];
  throw new Unavailable(`needs ${names.join(", ")}: install ${packages.join(" ")}`);
}

/** Waits for something of Debian's archive. */
async function obtain<T>(what: string, fetched: Promise<T>): Promise<T> {
  return await fetched.catch((error: unknown) => {
    const lines = error instanceof Error ? error.message.trim().split("\n") : [];
    throw new Unavailable(`cannot get ${what}: ${lines.at(-1)}`);
  });
}

/** Fetches what `make build TARGET=arm64` needs from Debian's archive besides the sources. */
export async function getMusl(): Promise<void> {
  if (process.arch === "arm64") return;
  await obtain("musl-dev", unpackMusl(`${root}/dist/.engine/musl-arm64`, "arm64"));
}

function archiveOf(suite: string | undefined): Archive {
  const folder = `${work}/apt${suite === undefined ? "" : `-${suite}`}`;
  mkdirSync(folder, { recursive: true });
  return { folder, architecture: "arm64", ...(suite === undefined ? {} : { suite }) };
}

/** Unpacks a package, once; returns its folder. */
async function unpacked(name: string, archive: Archive): Promise<string> {
  const folder = `${work}/${name}`;
  if (existsSync(folder)) return folder;
  const file = await obtain(name, downloadPackage(name, archive));
  await $`rm -rf ${folder}.new && dpkg-deb -x ${file} ${folder}.new && mv ${folder}.new ${folder}`;
  return folder;
}

/** The kernel's file. */
export async function kernelOf(kind: string): Promise<string> {
  const wanted = KERNELS[kind];
  if (wanted === undefined)
    throw new Error(`no kernel ${kind}; there are ${Object.keys(KERNELS).join(", ")}`);
  const archive = archiveOf(wanted.suite);
  const name = await obtain(wanted.package, packageBehind(wanted.package, archive));
  if (name === undefined) throw new Unavailable(`Debian has no ${wanted.package}`);
  const folder = `${await unpacked(name, archive)}/boot`;
  const file = readdirSync(folder).find((entry) => entry.startsWith("vmlinuz"));
  if (file === undefined) throw new Error(`${name} has no kernel in boot`);
  return `${folder}/${file}`;
}

/** Unpacks packages of trixie's and all that they depend on to a folder, once; nothing is set up. */
export async function unpackWithDependencies(names: readonly string[], folder: string): Promise<void> {
  if (existsSync(folder)) return;
  const archive = { ...archiveOf("trixie"), folder: `${work}/apt-root` };
  // Whatever is there would be unpacked, too.
  await $`rm -rf ${archive.folder} ${folder}.new && mkdir -p ${archive.folder} ${folder}.new`;
  const files = await obtain(names.join(", "), downloadWithDependencies(names, archive));
  for (const file of files) await $`dpkg-deb -x ${file} ${folder}.new`;
  for (const name of ["doc", "man", "locale", "info"]) await $`rm -rf ${folder}.new/usr/share/${name}`;
  await $`rm -rf ${archive.folder} && mv ${folder}.new ${folder}`;
}

/** The files of a kernel's modules. */
export async function modulesOf(kernel: string, names: readonly string[]): Promise<string[]> {
  const folder = `${dirname(dirname(kernel))}`;
  const files = await $`find ${folder} -name ${"*.ko*"}`.text();
  const isWanted = (path: string) => names.some((name) => basename(path).startsWith(`${name}.ko`));
  return files.split("\n").filter(isWanted);
}

/** The file of a static busybox. */
export async function busyboxOf(): Promise<string> {
  const folder = await unpacked("busybox-static", archiveOf(undefined));
  const path = ["bin", "usr/bin"].map((bin) => `${folder}/${bin}/busybox`).find(existsSync);
  if (path === undefined) throw new Error("busybox-static has no busybox in bin");
  return path;
}
