// Builds dist/tsrun, one executable. Called by `make build`: bun scripts/build.ts [OUTFILE]

import { $, type BunPlugin } from "bun";
import packageJson from "../package.json" with { type: "json" };

const root = `${import.meta.dir}/..`;
const outfile = process.argv[2] ?? `${root}/dist/tsrun`;

/** Gives yargs a host of our own making; the reasons stand in that file. */
const yargsPlatform: BunPlugin = {
  name: "yargs-platform",
  setup(build) {
    build.onLoad({ filter: /\/yargs\/lib\/platform-shims\/esm\.mjs$/ }, async () => ({
      contents: await Bun.file(`${root}/src/cli/yargs-platform.ts`).text(),
      loader: "ts",
    }));
  },
};

/** What `--version` calls the source; empty outside a git checkout. */
async function sourceCommit(): Promise<string> {
  const head = await $`git -C ${root} rev-parse HEAD`.quiet().nothrow();
  return head.exitCode === 0 ? head.text().trim() : "";
}

const result = await Bun.build({
  entrypoints: [`${root}/src/main.ts`],
  target: "bun",
  // Each story becomes a chunk of its own: node:fs and the like, which yargs could bring, stay out of the others.
  format: "esm",
  splitting: true,
  bytecode: true,
  minify: true,
  plugins: [yargsPlatform],
  define: {
    TSRUN_VERSION: JSON.stringify(packageJson.version),
    TSRUN_COMMIT: JSON.stringify(await sourceCommit()),
  },
  compile: {
    outfile,
    // A runtime's working directory is the bundle, which may be hostile: no file of it may steer the engine.
    autoloadDotenv: false,
    autoloadBunfig: false,
    autoloadTsconfig: false,
    autoloadPackageJson: false,
  },
});
for (const message of result.logs) process.stderr.write(`${message}\n`);
process.exit(result.success ? 0 : 1);
