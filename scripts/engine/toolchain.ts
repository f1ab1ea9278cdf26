// The C compilers and binutils for a machine: this one's own, or Debian's cross tools and an emulator. Called
// by build.ts.

import { $ } from "bun";
import { unpackMusl } from "./musl.ts";

/** Node's name of the machine. */
export type Architecture = "x64" | "arm64";

export interface Toolchain {
  readonly architecture: Architecture;
  /** Compiles C to objects for musl. */
  readonly compile: readonly string[];
  /** The compiler for the machine's usual C library; it links as well. */
  readonly gcc: string;
  readonly nm: string;
  readonly objcopy: string;
  /** Folder of musl's crt1.o and libc.a. */
  readonly musl: string;
  /** Folders with <linux/…> and <asm/…>, which musl does not have. */
  readonly kernelHeaders: readonly string[];
  /** The emulator that runs programs of that machine here; absent for this machine. */
  readonly emulator: string | undefined;
}

/**
 * Flags for everything that is linked to tsrun. Each function has a section of its own, so that the linker
 * can leave out what nothing calls. musl's headers do not support _FORTIFY_SOURCE.
 */
export const C_FLAGS = [
  "-O2",
  "-fno-pie",
  "-fstack-protector-strong",
  "-ffunction-sections",
  "-fdata-sections",
  // For debuggers and C++ only; 70 KB of the executable.
  "-fno-asynchronous-unwind-tables",
];

/** What the tools and the files call a machine. */
const MACHINES = {
  x64: { target: "x86-64", gnu: "x86_64", debian: "amd64" },
  arm64: { target: "arm64", gnu: "aarch64", debian: "arm64" },
} as const satisfies Record<Architecture, unknown>;

/** The machine that TARGET of `make build` names; this one when it is empty. */
export function architectureOf(target: string): Architecture {
  const fits = ([name, names]: [string, { target: string }]) =>
    target === "" ? name === process.arch : names.target === target;
  const wanted = Object.entries(MACHINES).find(fits)?.[0];
  if (wanted !== "x64" && wanted !== "arm64") {
    throw new Error(`tsrun is built for x86-64 and arm64, not for ${target || process.arch}`);
  }
  return wanted;
}

/** The tools of this machine for programs that run here, or those for another one. */
export async function toolchainFor(architecture: Architecture, directory: string): Promise<Toolchain> {
  const { gnu, debian } = MACHINES[architecture];
  const native = architecture === process.arch;
  const prefix = native ? "" : `${gnu}-linux-gnu-`;
  const [gcc, objcopy, emulator] = [`${prefix}gcc`, `${prefix}objcopy`, `qemu-${gnu}-static`];
  const headers = native ? "libc6-dev" : `libc6-dev-${debian}-cross`;
  const kernelHeaders = await findKernelHeaders(gcc, headers);
  const tools = { architecture, gcc, objcopy, nm: `${prefix}nm`, kernelHeaders };
  if (native) {
    const compile = ["musl-gcc"];
    return { ...tools, compile, musl: await findMusl(compile), emulator: undefined };
  }
  const musl = await unpackMusl(`${directory}/musl-${debian}`, debian);
  const own = (await $`${gcc} -print-file-name=include`.text()).trim();
  const compile = [gcc, "-nostdinc", "-isystem", `${musl}/usr/include/${gnu}-linux-musl`, "-isystem", own];
  return { ...tools, compile, musl: `${musl}/usr/lib/${gnu}-linux-musl`, emulator };
}

/** The folder from which the compiler itself takes musl's first object. */
async function findMusl(compile: readonly string[]): Promise<string> {
  const told = await $`${compile} -static -### -x c /dev/null`.quiet().nothrow();
  const found = /(\S+)\/\w?crt1\.o/.exec(told.stderr.toString())?.[1];
  if (found === undefined) throw new Error(`${compile.join(" ")} does not say where its crt1.o is`);
  return found;
}

/** The folders where the compiler finds them: the machine's own and the common one, or one for both. */
async function findKernelHeaders(gcc: string, headers: string): Promise<string[]> {
  const wanted = "#include <linux/seccomp.h>\n#include <asm/unistd.h>\n";
  const found = await $`${gcc} -E -M - < ${Buffer.from(wanted)}`.quiet().nothrow();
  const paths = found.stdout.toString().split(/[\s\\]+/);
  const folders = ["/asm/unistd.h", "/linux/seccomp.h"].flatMap((name) => {
    const path = paths.find((path) => path.endsWith(name));
    return path === undefined ? [] : [path.slice(0, -name.length)];
  });
  if (folders.length < 2) {
    throw new Error(`no <linux/seccomp.h>: install ${headers} (the name of Debian's package)`);
  }
  return [...new Set(folders)];
}
