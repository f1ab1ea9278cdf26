// Builds dist/tsrun, one executable. Called by `make build`: bun scripts/build.ts [OUTFILE]
// With TSRUN_PROFILE=1 the executable can be asked which bytecode it used; see scripts/profile-startup.ts.

import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
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

const profiling = process.env.TSRUN_PROFILE === "1";

/** The engine writes its profile when it leaves in its own way, which ours does not wait for. */
const orderlyExit: BunPlugin = {
  name: "orderly-exit",
  setup(build) {
    build.onLoad({ filter: /\/src\/linux\/process\.ts$/ }, async ({ path }) => ({
      contents: (await Bun.file(path).text()).replace(
        'tryCall("exit_group", status)',
        "process.exit(status)",
      ),
      loader: "ts",
    }));
  },
};

/** What `--version` calls the source; empty outside a git checkout. */
async function sourceCommit(): Promise<string> {
  const head = await $`git -C ${root} rev-parse HEAD`.quiet().nothrow();
  return head.exitCode === 0 ? head.text().trim() : "";
}

/** The most common command first, as the engine wants it. */
function startupProfiles(): string[] {
  const files = ["create", "start", "delete", "exec"].map(
    (command) => `${root}/scripts/startup/${command}.order`,
  );
  return files.filter(existsSync);
}

const result = await Bun.build({
  entrypoints: [`${root}/src/main.ts`],
  target: "bun",
  // Each story becomes a chunk of its own: node:fs and the like, which yargs could bring, stay out of the
  // others.
  format: "esm",
  splitting: true,
  bytecode: true,
  minify: true,
  plugins: profiling ? [yargsPlatform, orderlyExit] : [yargsPlatform],
  define: {
    TSRUN_VERSION: JSON.stringify(packageJson.version),
    TSRUN_COMMIT: JSON.stringify(await sourceCommit()),
  },
  compile: {
    outfile,
    // Nothing runs often enough to pay for its compilation, which only takes the second core from others.
    jitPolicy: 1000,
    // What a container's life uses lies together: fewer pages are touched. An older profile still helps.
    bytecodeOrder: profiling ? false : startupProfiles(),
    // A runtime's working directory is the bundle, which may be hostile: no file of it may steer the engine.
    autoloadDotenv: false,
    autoloadBunfig: false,
    autoloadTsconfig: false,
    autoloadPackageJson: false,
  },
});
/**
 * Writes the executable anew, in one piece. The page cache then holds it in large folios, which a page fault
 * maps 16 at a time for half the price: 15 % of the start of every command.
 */
function writeInOnePiece(path: string): void {
  writeFileSync(`${path}.new`, readFileSync(path), { mode: 0o755 });
  renameSync(`${path}.new`, path);
}

if (result.success) writeInOnePiece(outfile);
for (const message of result.logs) process.stderr.write(`${message}\n`);
process.exit(result.success ? 0 : 1);
