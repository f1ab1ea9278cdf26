// Links tsrun: the engine, the bytecode, the module "native", and musl, to one static executable; and makes
// the snapshot that it starts from. Called by build.ts.

import { $ } from "bun";
import { ALLOCATOR } from "./allocator.ts";
import { END_OF_MEMORY, FOR_MUSL } from "./end-of-memory.ts";
import { LIBRARIES } from "./libraries.ts";
import { nativeModule } from "./native.ts";
import { PROGRAM } from "./program.ts";
import { C_FLAGS, type Engine } from "./quickjs.ts";
import { REFUSAL } from "./refusal.ts";
import { RELRO } from "./relro.ts";
import { TEXT } from "./text.ts";
import { THREAD } from "./thread.ts";

/** Full RELRO, for which tsrun itself sees to the end (relro.ts), and a stack that is not executed. */
const HARDENED = ["-Wl,-z,relro,-z,now", "-Wl,-z,noexecstack"];

/**
 * The allocator is for one thread, knows no wider alignment and is the only one, and a static musl loads no
 * libraries: of what is linked nothing may call these. The linker leaves out what is not called.
 */
const REFUSED = [
  "pthread_create",
  "aligned_alloc",
  "memalign",
  "posix_memalign",
  "dlopen",
  "__libc_malloc_impl",
];

/** Our own C has no warning. */
const STRICT = ["-Wall", "-Wextra", "-Werror"];

export interface LinkOptions {
  /** Has the bytecode (bytecode.ts); the executable becomes `tsrun` in it. */
  readonly directory: string;
  /** As Node calls it. */
  readonly architecture: string;
  /** Whether memory comes to its end at will (refusal.ts). */
  readonly refusing: boolean;
}

export async function link(engine: Engine, options: LinkOptions): Promise<void> {
  const { directory, architecture, refusing } = options;
  const ours: Readonly<Record<string, string>> = {
    program: PROGRAM,
    allocator: ALLOCATOR + FOR_MUSL,
    "end-of-memory": END_OF_MEMORY,
    relro: RELRO,
    text: TEXT,
    thread: THREAD,
    ...(refusing ? { refusal: REFUSAL } : {}),
  };
  const write = (name: string, text: string) => Bun.write(`${directory}/${name}`, text);
  for (const [name, text] of Object.entries(ours)) await write(`${name}.c`, text);
  await write("native.s", nativeModule(architecture));
  await write("bytecode.s", bytes("program", "program.bytecode"));
  await makeLibraries(directory, write);
  const names = Object.keys(ours);
  const sources = [...names.map((name) => `${name}.c`), "native.s", "bytecode.s", "libraries.s"];
  // The compiler knows a malloc(3) and would make of it, in calloc(3), a call of calloc.
  const flags = [...C_FLAGS, ...STRICT, "-fno-builtin-malloc", ...(refusing ? ["-DREFUSING"] : [])];
  await $`musl-gcc ${flags} -isystem ${engine.include} -c ${sources}`.cwd(directory);
  const objects = [...sources.map((name) => name.replace(/\.\w+$/, ".o")), ...engine.objects];
  await linkStatically(objects, { directory, architecture });
  await makeSnapshot(directory);
}

/** With musl, to `unsealed`. */
async function linkStatically(
  objects: readonly string[],
  { directory, architecture }: Pick<LinkOptions, "directory" | "architecture">,
): Promise<void> {
  const musl = `/usr/lib/${architecture === "arm64" ? "aarch64" : "x86_64"}-linux-musl`;
  const linker = ["-static", "-no-pie", "-nostdlib", "-nostartfiles", "-Wl,--gc-sections", ...HARDENED];
  const libraries = [`-L${musl}`, "-Wl,--start-group", "-lc", "-lgcc", "-Wl,--end-group"];
  const inputs = [`${musl}/crt1.o`, `${musl}/crti.o`, ...objects, ...libraries, `${musl}/crtn.o`];
  await $`gcc ${linker} -o unsealed ${inputs}`.cwd(directory);
  const names = (await $`nm --format=posix unsealed`.cwd(directory).text()).split("\n");
  const linked = REFUSED.filter((refused) => names.some((line) => line.startsWith(`${refused} `)));
  if (linked.length > 0) throw new Error(`linked, and must not be: ${linked.join(", ")}`);
}

/** What is linked writes the memory that tsrun is to start from (program.ts); a system call is its death. */
async function makeSnapshot(directory: string): Promise<void> {
  const made = await $`./unsealed > snapshot`.cwd(directory).nothrow();
  if (made.exitCode !== 0) throw new Error(`no snapshot: ended with ${made.exitCode}`);
  await $`objcopy --strip-all --update-section snapshot=snapshot unsealed tsrun`.cwd(directory);
}

/** A file as a piece of the executable. */
function bytes(name: string, file: string): string {
  return `.section .rodata
.globl ${name}, ${name}_end
.balign 8
${name}: .incbin "${file}"
${name}_end:
.section .note.GNU-stack, "", %progbits
`;
}

/** An ordinary program of the host's C library, and it as a piece of tsrun. */
async function makeLibraries(
  directory: string,
  write: (name: string, text: string) => Promise<number>,
): Promise<void> {
  await write("libraries.c", LIBRARIES);
  const flags = [
    "-O2",
    "-fPIE",
    "-pie",
    "-s",
    ...STRICT,
    "-fstack-protector-strong",
    "-D_FORTIFY_SOURCE=2",
    ...HARDENED,
  ];
  await $`gcc ${flags} -o libraries libraries.c`.cwd(directory);
  await write("libraries.s", bytes("libraries", "libraries"));
}
