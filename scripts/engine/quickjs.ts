// The engine, QuickJS: fetched as Debian's source package, checked, changed, compiled for musl. Called by
// build.ts.

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { $ } from "bun";
import { withChanges } from "./changes.ts";
import { DECLARED } from "./declared.ts";
import { END_OF_MEMORY } from "./end-of-memory.ts";
import { FIXES } from "./fixes.ts";
import { JSON_KEYS } from "./json-keys.ts";
import { LITERAL_OPCODES, LITERALS } from "./literals.ts";
import { messageProtocolHeader } from "./numbers.ts";
import { OPERATIONS } from "./operations.ts";
import { REPRODUCIBLE } from "./reproducible.ts";
import { type Source, unpack } from "./sources.ts";
import { SPEED } from "./speed.ts";
import { TEXT_SPEED } from "./speed-text.ts";
import { STACKS } from "./stacks.ts";
import { STRICT_JSON } from "./strict-json.ts";
import { architectureOf, C_FLAGS, type Toolchain, toolchainFor } from "./toolchain.ts";

/** What is wrong in the engine. */
export const MENDED = [...FIXES, ...END_OF_MEMORY];
const CHANGES = [
  ...[...MENDED, ...STRICT_JSON, ...JSON_KEYS, ...OPERATIONS, ...REPRODUCIBLE, ...STACKS],
  ...[...SPEED, ...TEXT_SPEED, ...LITERALS, ...DECLARED],
];

/** Our own C and assembly. */
export const NATIVE = `${import.meta.dir}/../../src/engine/native`;
/** The files of it that the changes include. */
const INCLUDED = ["json-keys.h", "json-keys.c", "operations.h", "operations.c"];

/** The source as the Debian archive keeps it; docs/adr/0001-stack.md says how to move to another one. */
export const VERSION = "2025.04.26";
export const QUICKJS: Source = {
  version: VERSION,
  archive: `quickjs_${VERSION}.orig.tar.xz`,
  pool: "pool/main/q/quickjs",
  sites: [
    {
      url: "https://bellard.org/quickjs/quickjs-2025-04-26.tar.xz",
      sha256: "2f20074c25166ef6f781f381c50d57b502cb85d470d639abccebbef7954c83bf",
    },
  ],
  sha256: "ec81da5b3249ed648dbc7df4a1654988910e66a118d9b71cb63534216efcfbbe",
};

export const ENGINE_SOURCES = ["quickjs", "libregexp", "libunicode", "cutils", "dtoa"];
const COMPILER_SOURCES = ["qjsc", "quickjs-libc"];

/**
 * The flags of the engine's own Makefile. Some variables of the engine are used only by assert(3), and so
 * unused with NDEBUG.
 */
export const ENGINE_FLAGS = [
  ...["-D_GNU_SOURCE", `-DCONFIG_VERSION="${VERSION}"`, "-fwrapv", "-iquote", NATIVE],
  ...["-Wall", "-Wno-array-bounds", "-Wno-format-truncation"],
  ...["-Wno-unused-variable", "-Wno-unused-but-set-variable"],
];
const FLAGS = [...C_FLAGS, "-DNDEBUG", ...ENGINE_FLAGS];
const WATCHED_FLAGS = ["-O1", "-fsanitize=thread", "--param=tsan-instrument-func-entry-exit=0"];

export interface Engine {
  /** Folder of its headers. */
  readonly include: string;
  readonly objects: readonly string[];
  /** The same, with a call before each access to memory: src/engine/native/watch.c. */
  readonly watchedObjects: readonly string[];
  /** The folder for what is made of the changed source. */
  readonly changed: string;
  /** The compiler from JavaScript to bytecode. */
  readonly qjsc: string;
}

/**
 * Makes the engine for a machine, and the compiler for this one, in `directory`, if they are not there yet.
 */
export async function makeEngine(directory: string, tools: Toolchain): Promise<Engine> {
  const source = `${directory}/quickjs-${VERSION}`;
  // Other changes get another folder, so that an engine without them is not used.
  const included = INCLUDED.map((name) => readFileSync(`${NATIVE}/${name}`, "utf8"));
  const parts = JSON.stringify([
    CHANGES,
    LITERAL_OPCODES,
    included,
    messageProtocolHeader(),
    [...FLAGS, ...WATCHED_FLAGS].filter((flag) => flag !== NATIVE),
  ]);
  const changes = new Bun.CryptoHasher("sha256").update(parts).digest("hex").slice(0, 16);
  const changed = `${source}/changed-${changes}`;
  const made = `${changed}/${tools.architecture}`;
  const qjsc = `${changed}/qjsc`;
  if (!existsSync(changed)) await change(directory, source, changed);
  if (!existsSync(made)) await compile(ENGINE_SOURCES, { source, made, tools });
  const watched = `${made}-watched`;
  if (!existsSync(watched)) {
    await compile(ENGINE_SOURCES, { source, made: watched, tools, flags: WATCHED_FLAGS });
  }
  if (!existsSync(qjsc)) await makeCompiler(qjsc, { source, changed, tools });
  const [objects, watchedObjects] = [made, watched].map((folder) =>
    ENGINE_SOURCES.map((name) => `${folder}/${name}.o`),
  ) as [string[], string[]];
  return { include: source, objects, watchedObjects, changed, qjsc };
}

/** The changed source, in the folder `source`, from which the objects for all machines are made. */
async function change(directory: string, source: string, changed: string): Promise<void> {
  await unpack(QUICKJS, directory, source);
  const main = Bun.file(`${source}/quickjs.c`);
  await Bun.write(main, withChanges(await main.text(), CHANGES));
  const opcodes = Bun.file(`${source}/quickjs-opcode.h`);
  await Bun.write(opcodes, withChanges(await opcodes.text(), LITERAL_OPCODES));
  await Bun.write(`${source}/message-protocol.h`, messageProtocolHeader());
  mkdirSync(changed);
}

interface Compilation {
  readonly source: string;
  /** Folder of the objects. */
  readonly made: string;
  readonly tools: Toolchain;
  readonly flags?: readonly string[];
}

/** Gets its name only when it is complete: the folder's existence means that everything is in it. */
async function compile(
  names: readonly string[],
  { source, made, tools, flags = [] }: Compilation,
): Promise<void> {
  rmSync(`${made}.new`, { recursive: true, force: true });
  mkdirSync(`${made}.new`);
  const object = (name: string) => `${made}.new/${name}.o`;
  await Promise.all(
    names.map((name) => $`${tools.compile} ${FLAGS} ${flags} -c ${source}/${name}.c -o ${object(name)}`),
  );
  renameSync(`${made}.new`, made);
}

interface CompilerParts {
  readonly source: string;
  readonly changed: string;
  readonly tools: Toolchain;
}

/** The bytecode is the same for all machines; the compiler runs on the machine that builds. */
async function makeCompiler(qjsc: string, { source, changed, tools }: CompilerParts): Promise<void> {
  const native = tools.emulator === undefined;
  const own = native ? tools : await toolchainFor(architectureOf(""), changed);
  const [engine, rest] = [`${changed}/${own.architecture}`, `${changed}/compiler`];
  if (!existsSync(engine)) await compile(ENGINE_SOURCES, { source, made: engine, tools: own });
  await compile(COMPILER_SOURCES, { source, made: rest, tools: own });
  const objects = [
    ...ENGINE_SOURCES.map((name) => `${engine}/${name}.o`),
    ...COMPILER_SOURCES.map((name) => `${rest}/${name}.o`),
  ];
  await $`${own.compile} -static -o ${qjsc}.new ${objects}`;
  renameSync(`${qjsc}.new`, qjsc);
}
