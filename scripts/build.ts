// Builds dist/tsrun, one executable: bun scripts/build.ts [OUTFILE [refusing]]. A refusing one is for `make
// test-memory`: src/engine/native/refusal.c. LAYOUT in the environment names the layout of an earlier build
// of the same sources, to get the same bytes again: docs/adr/0019-layout-by-use.md. TARGET in the
// environment, arm64 or x86-64, is the machine to build for; for another machine than this one the result is
// dist/tsrun-TARGET.
//
// Bun bundles the sources into one module; qjsc makes bytecode of it; the C compiler links that with the
// engine, the module "native" and musl. See docs/adr/0001-stack.md.

import { mkdirSync, renameSync, rmSync } from "node:fs";
import type { BunPlugin } from "bun";
import packageJson from "../package.json" with { type: "json" };
import { compileProgram } from "./engine/bytecode.ts";
import { withLeanDisposal } from "./engine/disposal.ts";
import { LIBSECCOMP, makeLibseccomp } from "./engine/libseccomp.ts";
import { link } from "./engine/link.ts";
import { originOf } from "./engine/origin.ts";
import { makeEngine, VERSION } from "./engine/quickjs.ts";
import { architectureOf, toolchainFor } from "./engine/toolchain.ts";

const root = `${import.meta.dir}/..`;
const engineFolder = `${root}/dist/.engine`;
const target = process.env.TARGET ?? "";
const architecture = architectureOf(target);
const suffix = architecture === process.arch ? "" : `-${target}`;
const outfile = process.argv[2] || `${root}/dist/tsrun${suffix}`;
const refusing = process.argv[3] === "refusing";
const work = `${engineFolder}/build${suffix}${refusing ? "-refusing" : ""}`;

/** Our replacements for files of yargs; each says why. */
const REPLACED = [
  { theirs: /\/yargs\/lib\/platform-shims\/esm\.mjs$/, ours: "yargs-platform.ts" },
  { theirs: /\/string-width\/index\.js$/, ours: "yargs-string-width.ts" },
];

const yargsHost: BunPlugin = {
  name: "yargs-host",
  setup(build) {
    for (const { theirs, ours } of REPLACED) {
      build.onLoad({ filter: theirs }, async () => ({
        contents: await Bun.file(`${root}/src/cli/${ours}`).text(),
        loader: "ts",
      }));
    }
  },
};

/** Bundles all sources into one module, which imports only from "native". */
async function bundle(commit: string): Promise<string> {
  const result = await Bun.build({
    entrypoints: [`${root}/src/boot.ts`],
    // The engine has none of Node's modules, and none is used.
    target: "node",
    format: "esm",
    minify: true,
    external: ["native"],
    plugins: [yargsHost],
    define: {
      "process.arch": JSON.stringify(architecture),
      // yargs would use it to look for files that a configuration extends; there are none.
      "import.meta.resolve": "String",
      TSRUN_VERSION: JSON.stringify(packageJson.version),
      TSRUN_COMMIT: JSON.stringify(commit),
      ENGINE_VERSION: JSON.stringify(VERSION),
      TSRUN_LIBSECCOMP: JSON.stringify(LIBSECCOMP.version),
    },
  });
  for (const message of result.logs) process.stderr.write(`${message}\n`);
  return (await result.outputs[0]?.text()) ?? "";
}

async function build(): Promise<void> {
  const tools = await toolchainFor(architecture, engineFolder);
  const engine = await makeEngine(engineFolder, tools);
  const libseccomp = await makeLibseccomp(engineFolder, tools);
  const given = process.env.LAYOUT ?? "";
  // Read before the folder is emptied: it may be the layout that the last build left there.
  const layout = given === "" ? undefined : await Bun.file(given).bytes();
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  // The commit is what `--version` prints.
  const { commit } = await originOf(root);
  const script = withLeanDisposal(await bundle(commit));
  await compileProgram(script, { directory: work, qjsc: engine.qjsc });
  await link(engine, { directory: work, tools, refusing, libseccomp, layout });
  renameSync(`${work}/tsrun`, outfile);
}

try {
  await build();
} catch (error) {
  process.stderr.write(`cannot build tsrun: ${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
}
