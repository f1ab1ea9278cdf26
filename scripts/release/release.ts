// Makes a release in dist/release, for both machines: bun scripts/release/release.ts. Called by `make dist`;
// docs/releasing.md. LAYOUTS in the environment names the folder of a release that is to be made again: its
// layouts are taken (docs/adr/0019-layout-by-use.md). The same commit and layouts give the same bytes.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { $ } from "bun";
import lock from "../../package-lock.json" with { type: "json" };
import { LIBSECCOMP } from "../engine/libseccomp.ts";
import { QUICKJS } from "../engine/quickjs.ts";
import { obtain } from "../engine/sources.ts";
import { archive, archiveSources } from "./archive.ts";
import { makeDeb } from "./deb.ts";
import { type Edition, editionOf, MACHINES, type Machine } from "./edition.ts";
import { notesOf } from "./notes.ts";
import { partsOf } from "./parts.ts";
import { makeRpm } from "./rpm.ts";
import { type ReleasedFile, sbomOf } from "./sbom.ts";
import { layOutPlainly, type Origins, put } from "./tree.ts";

const root = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
const folder = `${root}/dist/release`;
const work = `${root}/dist/.release`;
const documents = `${work}/documents`;
const bun = process.execPath;

function nameOf({ version }: Edition, { debian }: Machine): string {
  return `tsrun-${version}-linux-${debian}`;
}

/**
 * The layouts by machine: those of LAYOUTS, else of the last release if that is of this commit, so that a
 * second one is the same; none if the build is to make its own. Read before dist/release is emptied.
 */
function givenLayouts(edition: Edition): ReadonlyMap<Machine, Uint8Array> {
  const given = process.env.LAYOUTS || (isMade(edition) ? folder : "");
  if (given === "") return new Map();
  return new Map(
    MACHINES.map((machine) => [machine, readFileSync(`${given}/${nameOf(edition, machine)}.layout`)]),
  );
}

/** Whether dist/release has a whole release of this commit: the sums are written last. */
function isMade({ version, commit }: Edition): boolean {
  if (!existsSync(`${folder}/SHA256SUMS`)) return false;
  return readFileSync(`${folder}/tsrun-${version}.spdx.json`, "utf8").includes(`commit ${commit}`);
}

/** Builds tsrun of this commit, whatever has been built before; the table of its layout goes with it. */
async function build(edition: Edition, machine: Machine, layout: Uint8Array | undefined): Promise<void> {
  const own = (machine.target === "x86-64") === (process.arch === "x64");
  const name = nameOf(edition, machine);
  const given = `${work}/${name}.layout`;
  if (layout !== undefined) put(given, { text: layout });
  const env = {
    ...process.env,
    TARGET: own ? "" : machine.target,
    LAYOUT: layout === undefined ? "" : given,
  };
  await $`${bun} scripts/build.ts ${folder}/${name}`.cwd(root).env(env);
  const used = `${root}/dist/.engine/build${own ? "" : `-${machine.target}`}/layout`;
  put(`${folder}/${name}.layout`, used);
}

/** The archive and the packages of one machine. */
async function pack(edition: Edition, machine: Machine): Promise<void> {
  const name = nameOf(edition, machine);
  const origins: Origins = { root, documents, program: `${folder}/${name}` };
  layOutPlainly(`${work}/archive/${name}`, origins);
  await archive(`${work}/archive`, name, `${folder}/${name}.tar.xz`, edition.epoch);
  await makeDeb(origins, edition, { machine, folder, work: `${work}/deb-${machine.debian}` });
  await makeRpm(origins, edition, { machine, folder, work: `${work}/rpm-${machine.rpm}` });
}

/** What a build needs beside the tools and the packages of npm: make build SOURCES=folder. */
async function addSources({ version }: Edition): Promise<void> {
  const name = `tsrun-${version}`;
  await archiveSources(root, name, `${folder}/${name}.tar.xz`);
  for (const source of [QUICKJS, LIBSECCOMP]) {
    put(`${folder}/${source.archive}`, await obtain(source, `${root}/dist/.engine`));
  }
}

async function addSbom(edition: Edition): Promise<void> {
  const files = MACHINES.map((machine) => released(nameOf(edition, machine)));
  const other = process.arch === "x64" ? "aarch64" : "x86_64";
  const document = sbomOf({ ...edition, parts: await partsOf(lock, other), files });
  put(`${folder}/tsrun-${edition.version}.spdx.json`, { text: `${JSON.stringify(document, null, 2)}\n` });
}

function released(name: string): ReleasedFile {
  return { name, sha1: digest("sha1", name), sha256: digest("sha256", name) };
}

function digest(algorithm: "sha1" | "sha256", name: string): string {
  return new Bun.CryptoHasher(algorithm).update(readFileSync(`${folder}/${name}`)).digest("hex");
}

/** Of Debian's packages of these names, or of rpm. */
const TOOLS = ["git", "xz", "gzip", "dpkg-deb", "rpmbuild"];

async function release(): Promise<void> {
  process.umask(0o022);
  const missing = TOOLS.filter((tool) => Bun.which(tool) === null);
  if (missing.length > 0)
    throw new Error(`no ${missing.join(", no ")}: install git, xz-utils, gzip, dpkg, rpm`);
  const edition = await editionOf(root);
  const layouts = givenLayouts(edition);
  const notes = notesOf(readFileSync(`${root}/CHANGELOG.md`, "utf8"), edition.version);
  for (const made of [folder, work]) {
    rmSync(made, { recursive: true, force: true });
    mkdirSync(made, { recursive: true });
  }
  await $`${bun} scripts/documents.ts ${documents}`.cwd(root);
  for (const machine of MACHINES) {
    await build(edition, machine, layouts.get(machine));
    await pack(edition, machine);
  }
  await addSources(edition);
  await addSbom(edition);
  put(`${folder}/RELEASE_NOTES.md`, { text: notes });
  const sums = readdirSync(folder)
    .sort()
    .map((name) => `${digest("sha256", name)}  ${name}\n`);
  put(`${folder}/SHA256SUMS`, { text: sums.join("") });
  process.stdout.write(`dist/release:\n${sums.join("")}`);
}

try {
  await release();
} catch (error) {
  process.stderr.write(`cannot make a release: ${error instanceof Error ? error.message : error}\n`);
  process.exit(1);
}
