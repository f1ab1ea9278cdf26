// Links the engine, the bytecode, the module "native" and musl to one static executable, tsrun, and makes the
// snapshot that it starts from. Called by build.ts.

import { $ } from "bun";
import { layoutFile, tableOf } from "./layout.ts";
import { libraryProtocolHeader } from "./numbers.ts";
import { type Engine, NATIVE } from "./quickjs.ts";
import { makeSnapshot } from "./snapshot.ts";
import { C_FLAGS, type Toolchain } from "./toolchain.ts";
import { watchCommands } from "./watch.ts";

/** Files of src/engine/native/ that are linked to tsrun, besides those that are for one machine. */
const SOURCES = [
  ...[
    "program.c",
    "snapshot.c",
    "allocator.c",
    "allocator-musl.c",
    "engine-memory.c",
    "layout.c",
    "module.c",
    "calls.c",
    "text.c",
    "protobuf.c",
    "coroutine.c",
    "trace.c",
    "trace-messages.c",
    "trace-text.c",
  ],
  ...["end-of-memory.c", "relro.c", "thread.c", "libraries-bytes.s"],
];
/** The beginnings of the names of those that are for one machine. */
const OF_A_MACHINE = ["syscall", "coroutine"];
const REFUSING = "refusal.c";
/**
 * What only the executable that the build watches has, and the functions of which it has its own
 * (pretend.c).
 */
const WATCHING = ["watch.c", "pretend.c"];
const PRETENDING = ["-Wl,--wrap=raw_syscall", "-Wl,--wrap=raw_clone3"];

/** Full RELRO, which tsrun itself completes (relro.c), and a stack that cannot be executed. */
const HARDENED = ["-Wl,-z,relro,-z,now", "-Wl,-z,noexecstack"];

/**
 * Nothing that is linked may call these: the allocator is for one thread, knows no wider alignment and is the
 * only one, and a static musl loads no libraries. The linker leaves out functions that nothing calls.
 */
const REFUSED = [
  "pthread_create",
  "aligned_alloc",
  "memalign",
  "posix_memalign",
  "dlopen",
  "__libc_malloc_impl",
];

/** Our own C compiles without warnings. */
const STRICT = ["-Wall", "-Wextra", "-Werror"];

export interface LinkOptions {
  /** Objects of libseccomp. */
  readonly libseccomp: readonly string[];
  /** The folder with the bytecode (bytecode.ts), in which the executable becomes `tsrun`. */
  readonly directory: string;
  readonly tools: Toolchain;
  /** Whether allocations fail on request (refusal.c). */
  readonly refusing: boolean;
  /** The layout of an earlier build of the same program (layout.ts); without it this build makes its own. */
  readonly layout: Uint8Array | undefined;
}

export async function link(engine: Engine, options: LinkOptions): Promise<void> {
  const { directory, tools, refusing, libseccomp, layout } = options;
  const program = await digestOf(`${directory}/program.bytecode`);
  let table = layout && tableOf(layout, program);
  if (layout !== undefined && table === undefined) {
    const words = "the layout that LAYOUT names is of another program";
    throw new Error(`${words}: build the commit that it was made for, or leave LAYOUT out`);
  }
  await makeLibraries(directory, tools);
  const machine = tools.architecture === "arm64" ? "arm64" : "x86-64";
  const assembly = OF_A_MACHINE.map((name) => `${name}-${machine}.s`);
  const names = [...SOURCES, ...assembly, ...(refusing ? [REFUSING] : [])];
  // Otherwise the compiler would turn malloc(3) and memset(3), in calloc(3), into a call of calloc.
  const flags = [...C_FLAGS, ...STRICT, "-fno-builtin-malloc", ...(refusing ? ["-DREFUSING"] : [])];
  const sources = names.map((name) => `${NATIVE}/${name}`);
  const watching = WATCHING.map((name) => `${NATIVE}/${name}`);
  await $`${tools.compile} ${flags} -isystem ${engine.include} -c ${sources} ${watching}`.cwd(directory);
  const objects = [...names.map(objectOf), ...libseccomp];
  await Bun.write(`${directory}/table`, table ?? "");
  if (table === undefined) {
    const watched = [...objects, ...WATCHING.map(objectOf), ...engine.watchedObjects];
    await linkStatically(watched, directory, tools, PRETENDING);
    await makeSnapshot(directory, tools, "watched");
    table = await watchCommands(directory, tools);
    await Bun.write(`${directory}/table`, table);
  }
  await linkStatically([...objects, ...engine.objects], directory, tools);
  await makeSnapshot(directory, tools, "tsrun");
  await Bun.write(`${directory}/layout`, layoutFile(program, table));
}

async function digestOf(file: string): Promise<Uint8Array> {
  return new Bun.CryptoHasher("sha256").update(await Bun.file(file).bytes()).digest();
}

function objectOf(source: string): string {
  return source.replace(/\.\w+$/, ".o");
}

/** Links objects with musl, to `unsealed`. */
async function linkStatically(
  objects: readonly string[],
  directory: string,
  { gcc, nm, musl }: Toolchain,
  more: readonly string[] = [],
): Promise<void> {
  const linker = ["-static", "-no-pie", "-nostdlib", "-nostartfiles", "-Wl,--gc-sections", ...HARDENED];
  const libraries = [`-L${musl}`, "-Wl,--start-group", "-lc", "-lgcc", "-Wl,--end-group"];
  const inputs = [`${musl}/crt1.o`, `${musl}/crti.o`, ...objects, ...libraries, `${musl}/crtn.o`];
  await $`${gcc} ${linker} ${more} -o unsealed ${inputs}`.cwd(directory);
  const names = (await $`${nm} --format=posix unsealed`.cwd(directory).text()).split("\n");
  const linked = REFUSED.filter((refused) => names.some((line) => line.startsWith(`${refused} `)));
  if (linked.length > 0) throw new Error(`linked, and must not be: ${linked.join(", ")}`);
}

/** An ordinary program with the host's C library, which libraries-bytes.s embeds in tsrun. */
async function makeLibraries(directory: string, { gcc }: Toolchain): Promise<void> {
  await Bun.write(`${directory}/library-protocol.h`, libraryProtocolHeader());
  const flags = [
    ...["-O2", "-fPIE", "-pie", "-s", "-iquote", ".", ...STRICT],
    ...["-fstack-protector-strong", "-D_FORTIFY_SOURCE=2", ...HARDENED],
  ];
  await $`${gcc} ${flags} -o libraries ${NATIVE}/libraries.c`.cwd(directory);
}
