// Links tsrun: the engine, the bytecode, the module "native", and musl, to one static executable. Called by
// build.ts.

import { $ } from "bun";
import { ALLOCATOR } from "./allocator.ts";
import { LIBRARIES } from "./libraries.ts";
import { nativeModule } from "./native.ts";
import { C_FLAGS, type Engine } from "./quickjs.ts";
import { RELRO } from "./relro.ts";

/** Full RELRO, for which tsrun itself sees to the end (relro.ts), and a stack that is not executed. */
const HARDENED = ["-Wl,-z,relro,-z,now", "-Wl,-z,noexecstack"];

/**
 * The allocator is for one thread and knows no wider alignment, and a static musl loads no libraries: of what
 * is linked nothing may call these. The linker leaves out what is not called.
 */
const REFUSED = ["pthread_create", "aligned_alloc", "memalign", "posix_memalign", "dlopen"];

export interface LinkOptions {
  /** Has `main.c` and `chunks.s` (chunks.ts); the executable becomes `tsrun` in it. */
  readonly directory: string;
  /** As Node calls it. */
  readonly architecture: string;
}

export async function link(engine: Engine, { directory, architecture }: LinkOptions): Promise<void> {
  const write = (name: string, text: string) => Bun.write(`${directory}/${name}`, text);
  await write("native.s", nativeModule(architecture));
  await write("allocator.c", ALLOCATOR);
  await write("relro.c", RELRO);
  await makeLibraries(directory, write);
  // The compiler knows a malloc(3) and would make of it, in calloc(3), a call of calloc.
  const flags = [...C_FLAGS, "-fno-builtin-malloc", `-I${engine.include}`, "-w"];
  const sources = ["main.c", "allocator.c", "relro.c", "native.s", "chunks.s", "libraries.s"];
  await $`musl-gcc ${flags} -c ${sources}`.cwd(directory);
  const objects = [...sources.map((name) => name.replace(/\.\w+$/, ".o")), ...engine.objects];
  const musl = `/usr/lib/${architecture === "arm64" ? "aarch64" : "x86_64"}-linux-musl`;
  const linker = ["-static-pie", "-nostdlib", "-nostartfiles", "-Wl,--gc-sections", ...HARDENED];
  const libraries = [`-L${musl}`, "-Wl,--start-group", "-lc", "-lgcc", "-Wl,--end-group"];
  // musl-gcc knows no static program that can lie anywhere; these are its parts.
  const inputs = [`${musl}/rcrt1.o`, `${musl}/crti.o`, ...objects, ...libraries, `${musl}/crtn.o`];
  await $`gcc ${linker} -o tsrun ${inputs}`.cwd(directory);
  const names = (await $`nm --format=posix tsrun`.cwd(directory).text()).split("\n");
  const linked = REFUSED.filter((refused) => names.some((line) => line.startsWith(`${refused} `)));
  if (linked.length > 0) throw new Error(`linked, and must not be: ${linked.join(", ")}`);
  await $`strip tsrun`.cwd(directory);
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
    "-fstack-protector-strong",
    "-D_FORTIFY_SOURCE=2",
    ...HARDENED,
  ];
  await $`gcc ${flags} -o libraries libraries.c`.cwd(directory);
  await write(
    "libraries.s",
    `.section .rodata
.globl libraries, libraries_end
libraries: .incbin "libraries"
libraries_end:
.section .note.GNU-stack, "", %progbits
`,
  );
}
