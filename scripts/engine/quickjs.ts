// The engine, QuickJS: fetched as Debian's source package, checked, changed, compiled for musl. Called by
// build.ts.

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { $ } from "bun";
import { withChanges } from "./changes.ts";
import { FIXES } from "./fixes.ts";
import { JSON_KEYS } from "./json-keys.ts";
import { STRICT_JSON } from "./strict-json.ts";

const CHANGES = [...FIXES, ...STRICT_JSON, ...JSON_KEYS];

/** Our own C and assembly. */
export const NATIVE = `${import.meta.dir}/../../src/engine/native`;
/** Of it, what the changes include. */
const INCLUDED = ["json-keys.h", "json-keys.c"];

/** The source as the Debian archive keeps it; docs/adr/0001-stack.md says how to move to another one. */
export const VERSION = "2025.04.26";
const ARCHIVE = `quickjs_${VERSION}.orig.tar.xz`;
const POOL = `pool/main/q/quickjs/${ARCHIVE}`;
const SHA256 = "ec81da5b3249ed648dbc7df4a1654988910e66a118d9b71cb63534216efcfbbe";

export const ENGINE_SOURCES = ["quickjs", "libregexp", "libunicode", "cutils", "dtoa"];
const COMPILER_SOURCES = ["qjsc", "quickjs-libc"];

/**
 * For everything that is linked to tsrun. A section for each function: what nothing calls is left out. musl's
 * headers know no _FORTIFY_SOURCE.
 */
export const C_FLAGS = [
  "-O2",
  "-fno-pie",
  "-fstack-protector-strong",
  "-ffunction-sections",
  "-fdata-sections",
];

/**
 * As the engine's own Makefile has them. Some of its variables are for assert(3) alone, and unused with
 * NDEBUG.
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
  /** Folder of what is made of the changed source. */
  readonly changed: string;
  /** The compiler from JavaScript to bytecode. */
  readonly qjsc: string;
}

/** Makes the engine in `directory`, where it is not there yet. */
export async function makeEngine(directory: string): Promise<Engine> {
  const source = `${directory}/quickjs-${VERSION}`;
  // Another folder for other changes: an engine without them is not taken.
  const included = INCLUDED.map((name) => readFileSync(`${NATIVE}/${name}`, "utf8"));
  const parts = JSON.stringify([
    CHANGES,
    included,
    [...FLAGS, ...WATCHED_FLAGS].filter((flag) => flag !== NATIVE),
  ]);
  const changes = new Bun.CryptoHasher("sha256").update(parts).digest("hex").slice(0, 16);
  const made = `${source}/changed-${changes}`;
  const object = (name: string) => `${made}/${name}.o`;
  const objects = ENGINE_SOURCES.map(object);
  const watched = (name: string) => object(`${name}-watched`);
  const watchedObjects = ENGINE_SOURCES.map(watched);
  const engine = { include: source, objects, watchedObjects, changed: made, qjsc: `${made}/qjsc` };
  if (existsSync(engine.qjsc)) return engine;
  await unpack(directory, source);
  const main = Bun.file(`${source}/quickjs.c`);
  await Bun.write(main, withChanges(await main.text(), CHANGES));
  mkdirSync(made);
  const all = [...ENGINE_SOURCES, ...COMPILER_SOURCES];
  const compile = (name: string, to: string, flags: readonly string[]) =>
    $`musl-gcc ${FLAGS} ${flags} -c ${source}/${name}.c -o ${to}`;
  await Promise.all([
    ...all.map((name) => compile(name, object(name), [])),
    ...ENGINE_SOURCES.map((name) => compile(name, watched(name), WATCHED_FLAGS)),
  ]);
  // Last, under its name only when it is whole: it is what says that all is there.
  await $`musl-gcc -static -o ${engine.qjsc}.new ${all.map(object)}`;
  renameSync(`${engine.qjsc}.new`, engine.qjsc);
  return engine;
}

async function unpack(directory: string, source: string): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const archive = `${directory}/${ARCHIVE}`;
  if (!existsSync(archive)) await download(archive);
  const digest = new Bun.CryptoHasher("sha256").update(await Bun.file(archive).bytes()).digest("hex");
  if (digest !== SHA256) throw new Error(`${archive} is not what it should be: its SHA-256 is ${digest}`);
  rmSync(source, { recursive: true, force: true });
  mkdirSync(source);
  await $`tar -xf ${archive} -C ${source} --strip-components=1`;
}

/** By apt's own downloader, from the archives that this machine's apt is set up for. */
async function download(archive: string): Promise<void> {
  const targets = await $`apt-get indextargets --format ${"$(REPO_URI)"} ${"Created-By: Packages"}`.text();
  const archives = [...new Set(targets.split("\n").filter((uri) => uri !== ""))];
  for (const uri of archives) {
    const file = `${archive}.new`;
    const got = await $`/usr/lib/apt/apt-helper download-file ${uri}${POOL} ${file}`.quiet().nothrow();
    if (got.exitCode === 0) return renameSync(file, archive);
  }
  const tried = archives.join(", ") || "none";
  throw new Error(`no ${ARCHIVE} in the Debian archives of this machine (${tried}); put it at ${archive}`);
}
