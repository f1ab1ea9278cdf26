// What an emulated machine has for test files: packages of Debian's, Node among them, and the tests, each
// with all that it imports in one file, which a slow machine loads faster. Called by main.ts.

import { cpSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { basename } from "node:path";
import { $ } from "bun";
import { modulesOf, unpackWithDependencies, work } from "./packages.ts";

const root = `${import.meta.dir}/../..`;

/** What the tests call, and what runs them. */
const PACKAGES = [
  ...["base-files", "base-passwd", "bash", "bsdutils", "coreutils", "dash", "diffutils", "findutils", "grep"],
  ...["hostname", "libc-bin", "mawk", "mount", "ncurses-base", "passwd", "procps", "sed"],
  ...["tar", "util-linux", "busybox-static", "iproute2", "nodejs", "python3", "strace", "uidmap"],
];

const MODULES = ["overlay", "veth", "dummy"];

/** What the tests read or start besides their own files. */
const BESIDES = ["build/test", "build/src", "test", "bundle-fixtures", "package.json"];

/** tap loads it to compare what React draws, which no test does. With it would come a dozen packages. */
const LEFT_OUT = "react-element-to-jsx-string";

/** The names of the test files that these words name: "exec" is e2e/exec, "security" the whole folder. */
export function chosenTests(words: readonly string[]): string[] {
  const all = readdirSync(`${root}/test`, { recursive: true, encoding: "utf8" })
    .filter((name) => /^(e2e|security)\/.*\.test\.ts$/.test(name))
    .map((name) => name.replace(/\.test\.ts$/, ""));
  const isMeant = (name: string) =>
    words.some((word) => name === `e2e/${word}` || (word.includes("/") && name.startsWith(word)));
  return all.filter(isMeant).sort();
}

/** Debian, as the folder /debian of an initramfs. */
export async function makeDebian(): Promise<string> {
  const hash = Bun.hash(PACKAGES.join(" ")).toString(36);
  const folder = `${work}/debian-${hash}`;
  const tree = `${folder}/debian`;
  mkdirSync(folder, { recursive: true });
  await unpackWithDependencies(PACKAGES, tree);
  const file = `${folder}/debian.cpio`;
  if (await Bun.file(file).exists()) return file;
  for (const name of ["proc", "sys", "dev", "tmp", "run", "root", "etc"]) {
    mkdirSync(`${tree}/${name}`, { recursive: true });
  }
  // What the scripts of the packages would do.
  for (const name of ["passwd", "group"]) {
    cpSync(`${tree}/usr/share/base-passwd/${name}.master`, `${tree}/etc/${name}`);
  }
  await $`touch ${tree}/etc/subuid ${tree}/etc/subgid && ln -sf mawk ${tree}/usr/bin/awk`;
  await $`find debian | cpio -o -H newc -R 0:0 --quiet > ${file}.new`.cwd(folder);
  await $`mv ${file}.new ${file}`;
  return file;
}

/** The tests, the executable and the kernel's modules, as a further part of an initramfs. */
export async function makeTests(names: readonly string[], tsrun: string, kernel: string): Promise<string> {
  const folder = `${work}/tests`;
  const project = `${folder}/debian/tsrun`;
  rmSync(folder, { recursive: true, force: true });
  for (const name of BESIDES) cpSync(`${root}/${name}`, `${project}/${name}`, { recursive: true });
  mkdirSync(`${project}/dist`);
  cpSync(tsrun, `${project}/dist/tsrun`);
  await Bun.write(`${project}/node_modules/${LEFT_OUT}/index.js`, "module.exports = {};\n");
  await Bun.write(`${project}/arm64-tests`, names.map((name) => `${name}\n`).join(""));
  for (const name of names) {
    const source = `${root}/build/test/${name}.test.js`;
    const outdir = `${project}/build/bundled/${name}`;
    const made = await Bun.build({
      entrypoints: [source],
      outdir,
      target: "node",
      external: [LEFT_OUT],
      naming: "test.mjs",
    });
    if (!made.success) throw new Error(`cannot bundle ${source}: ${made.logs.join("\n")}`);
  }
  for (const path of await modulesOf(kernel, MODULES)) {
    const file = `${folder}/modules/${basename(path).replace(/\.xz$/, "")}`;
    await Bun.write(file, await $`${path.endsWith(".xz") ? ["xz", "-dc"] : ["cat"]} ${path}`.blob());
  }
  cpSync(`${import.meta.dir}/files.sh`, `${folder}/files`);
  await $`chmod 755 ${folder}/files`;
  await $`find . | cpio -o -H newc -R 0:0 --quiet > ../tests.cpio`.cwd(folder);
  return `${work}/tests.cpio`;
}
