// libseccomp, which is linked to tsrun: fetched as it is, compiled for musl. Called by build.ts. Its licence
// is the LGPL 2.1: THIRD_PARTY_NOTICES says what that asks for, docs/adr/0020-seccomp-inside.md why it is in.

import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { $ } from "bun";
import { type Source, unpack } from "./sources.ts";
import { C_FLAGS, type Toolchain } from "./toolchain.ts";

/**
 * To use another version, change version and digest here, and repeat the comparison that the ADR describes.
 */
export const LIBSECCOMP: Source = {
  version: "2.6.0",
  archive: "libseccomp_2.6.0.orig.tar.gz",
  pool: "pool/main/libs/libseccomp",
  sites: [{ url: "https://github.com/seccomp/libseccomp/releases/download/v2.6.0/libseccomp-2.6.0.tar.gz" }],
  sha256: "83b6085232d1588c379dc9b9cae47bb37407cf262e6e74993c61ba72d2a784dc",
};

/** Not part of the library according to its Makefile, but a program of its tests. */
const NOT_LIBRARY = "arch-syscall-dump.c";

/** The only result of ./configure that is used. */
const CONFIGURE_H = "#define HAVE_LINUX_SECCOMP_H 1\n";

/**
 * -fno-strict-aliasing: its hash reads words through pointers of another type. Its warnings are not our
 * concern.
 */
const FLAGS = [...C_FLAGS, "-fno-strict-aliasing", "-fvisibility=hidden", "-w"];

/** Makes its objects below `directory`, if they are not there yet; returns their paths. */
export async function makeLibseccomp(directory: string, tools: Toolchain): Promise<string[]> {
  const source = `${directory}/libseccomp-${LIBSECCOMP.version}`;
  const made = `${source}/made-${tools.architecture}`;
  if (!existsSync(made)) {
    if (!existsSync(source)) {
      await unpack(LIBSECCOMP, directory, `${source}.new`);
      await Bun.write(`${source}.new/configure.h`, CONFIGURE_H);
      renameSync(`${source}.new`, source);
    }
    await compile(source, made, tools);
  }
  return objectsOf(source).map((name) => `${made}/${name}`);
}

function objectsOf(source: string): string[] {
  const names = readdirSync(`${source}/src`).filter((name) => name.endsWith(".c") && name !== NOT_LIBRARY);
  return names.sort().map((name) => name.replace(/c$/, "o"));
}

/** Gets its name only when it is complete: the folder's existence means that everything is in it. */
async function compile(source: string, made: string, tools: Toolchain): Promise<void> {
  rmSync(`${made}.new`, { recursive: true, force: true });
  mkdirSync(`${made}.new`);
  // The kernel's headers come last: musl's own are meant where both have one.
  const includes = [
    `-I${source}`,
    `-I${source}/include`,
    ...tools.kernelHeaders.flatMap((folder) => ["-idirafter", folder]),
  ];
  for (const object of objectsOf(source)) {
    const file = object.replace(/o$/, "c");
    await $`${tools.compile} ${FLAGS} ${includes} -c ${file} -o ${made}.new/${object}`.cwd(`${source}/src`);
  }
  renameSync(`${made}.new`, made);
}
