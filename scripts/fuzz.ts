// `make fuzz`: builds the engine and tsrun's parsers with AddressSanitizer and UndefinedBehaviorSanitizer,
// and runs them on mutated inputs: bun scripts/fuzz.ts SECONDS [SEED]. Exits with 1 if a sanitizer finds
// something, or a parser does not do what test/fuzz/targets.ts says.

import { mkdirSync, readdirSync } from "node:fs";
import { $, type BunPlugin } from "bun";
import { compileProgram } from "./engine/bytecode.ts";
import { NATIVE } from "./engine/quickjs.ts";
import { DIRECTORY, ownEngine, SANITIZED, sanitizedEngine } from "./engine/sanitized.ts";

const root = `${import.meta.dir}/..`;
const work = `${DIRECTORY}/fuzz`;
const seeds = `${root}/test/fuzz/seeds`;

/** Globals for the parsers; they make no system calls. */
const GLOBALS = `
class TextEncoder { encode(text) { return new Uint8Array(encodeBytes(text)); } }
class TextDecoder { decode(bytes) { const copy = bytes.slice(); return decode(copy.buffer, copy.length); } }
Object.assign(globalThis, { TextEncoder, TextDecoder });
`;

const withoutKernel: BunPlugin = {
  name: "without-kernel",
  setup(build) {
    build.onResolve({ filter: /^native$/ }, () => ({ path: "native", namespace: "none" }));
    build.onLoad({ filter: /.*/, namespace: "none" }, () => ({
      contents: `const none = () => { throw new Error("no kernel"); };
export { none as syscall, none as callInt, none as callLong, none as callValue, none as locate };
export { none as encode, none as writeAscii, none as useReserve };
export { none as writeOperations, none as readResults };
export { none as writeProtobuf, none as readProtobuf };
export { none as knowJsonKeys, none as jsonNotes };
export const constants = () => new ArrayBuffer(256);`,
      loader: "js",
    }));
  },
};

async function bundle(): Promise<string> {
  const result = await Bun.build({
    entrypoints: [`${root}/test/fuzz/entry.ts`],
    target: "node",
    format: "esm",
    plugins: [withoutKernel],
    define: { "process.arch": JSON.stringify(process.arch) },
  });
  for (const message of result.logs) process.stderr.write(`${message}\n`);
  return GLOBALS + ((await result.outputs[0]?.text()) ?? "");
}

async function build(): Promise<string> {
  const engine = await ownEngine();
  const objects = await sanitizedEngine(engine);
  mkdirSync(work, { recursive: true });
  await compileProgram(await bundle(), { directory: work, qjsc: engine.qjsc });
  const own = [...["calls.c", "text.c", "protobuf.c"].map((name) => `${NATIVE}/${name}`), "-I", NATIVE];
  const sources = [`${root}/test/fuzz/program.c`, `${root}/test/fuzz/program-bytes.s`, ...own];
  const flags = [...SANITIZED, "-Wall", "-Wextra", "-Werror", "-isystem", engine.include];
  await $`gcc ${flags} -o fuzz ${sources} ${objects} -lm -lpthread`.cwd(work);
  return `${work}/fuzz`;
}

const [seconds = "600", seed = `${Date.now() % 2 ** 31}`] = process.argv.slice(2);
const files = readdirSync(seeds, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
const paths = files.map((file) => `${file.parentPath}/${file.name}`).sort();
const program = await build();
process.stdout.write(`seed ${seed}, ${paths.length} files\n`);
// The engine does not free its memory when it ends.
const environment = { ...process.env, ASAN_OPTIONS: "detect_leaks=0", UBSAN_OPTIONS: "print_stacktrace=1" };
const { exitCode } =
  await $`sh -c ${'ulimit -s 65536 && exec "$@"'} sh ${program} ${seconds} ${seed} ${paths}`
    .env(environment)
    .nothrow();
process.exitCode = exitCode;
