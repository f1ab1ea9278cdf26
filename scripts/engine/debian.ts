// Gets packages for another machine from Debian's archive, with apt and separate package lists, so that this
// machine's lists stay as they are. apt checks the archive's signature. Called by musl.ts and by test/arm64.

import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { $ } from "bun";

export interface Archive {
  /** The folder for the lists and for downloads. */
  readonly folder: string;
  /** Debian's name of the machine. */
  readonly architecture: "amd64" | "arm64";
  /** Such as `trixie`; if absent, the releases that this machine's apt is set up for. */
  readonly suite?: string;
}

/** Downloads a package, or finds it in SOURCES; returns the file's path. */
export async function downloadPackage(name: string, archive: Archive): Promise<string> {
  const given = process.env.SOURCES ?? "";
  const found = fileOf(name, given === "" ? archive.folder : given);
  if (found !== undefined) return found;
  if (given !== "") throw new Error(`SOURCES is ${given}, and there is no ${name}_VERSION_ARCHITECTURE.deb`);
  await prepare(archive);
  await apt(archive, "apt-get", "download", name);
  const file = fileOf(name, archive.folder);
  if (file === undefined) throw new Error(`apt-get has downloaded no ${name} to ${archive.folder}`);
  return file;
}

/** Downloads packages with all that they depend on; returns the files' paths. */
export async function downloadWithDependencies(
  names: readonly string[],
  archive: Archive,
): Promise<string[]> {
  await prepare(archive);
  // Nothing is installed, so that everything is missing.
  await apt(archive, "apt-get", "install", "--download-only", "--yes", "--no-install-recommends", ...names);
  const folder = `${archive.folder}/cache/archives`;
  return readdirSync(folder)
    .filter((name) => name.endsWith(".deb"))
    .map((name) => `${folder}/${name}`);
}

/**
 * The first package that an otherwise empty package depends on; `undefined` if the archive does not have it.
 */
export async function packageBehind(name: string, archive: Archive): Promise<string | undefined> {
  await prepare(archive);
  const shown = await apt(archive, "apt-cache", "depends", name).catch(() => "");
  return /^ +Depends: (\S+)$/m.exec(shown)?.[1];
}

function fileOf(name: string, folder: string): string | undefined {
  const files = existsSync(folder) ? readdirSync(folder) : [];
  const file = files.find((file) => file.startsWith(`${name}_`) && file.endsWith(".deb"));
  return file === undefined ? undefined : `${folder}/${file}`;
}

/** The folders whose lists this process has fetched. */
const prepared = new Set<string>();

/** Fetches the lists, once. */
async function prepare(archive: Archive): Promise<void> {
  const { folder, suite, architecture } = archive;
  if (prepared.has(folder)) return;
  if (Bun.which("apt-get") === null) {
    throw new Error(`no apt to get packages of ${architecture} with: build with SOURCES=<a folder of them>`);
  }
  for (const part of ["lists/partial", "cache/archives/partial"]) {
    mkdirSync(`${folder}/${part}`, { recursive: true });
  }
  if (suite !== undefined) {
    const [uri] = (await $`apt-get indextargets --format ${"$(REPO_URI)"} ${"Created-By: Packages"}`.text())
      .split("\n")
      .filter((line) => line.endsWith("/debian/"));
    if (uri === undefined) throw new Error("apt of this machine is set up for no archive of Debian's");
    const keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
    await Bun.write(`${folder}/sources.list`, `deb [signed-by=${keys}] ${uri} ${suite} main\n`);
  }
  await apt(archive, "apt-get", "update");
  prepared.add(folder);
}

async function apt({ folder, architecture, suite }: Archive, ...command: string[]): Promise<string> {
  const options = [
    ...[`APT::Architecture=${architecture}`, `APT::Architectures=${architecture}`],
    ...[`Dir::State::lists=${folder}/lists`, `Dir::Cache=${folder}/cache`, "Acquire::Languages=none"],
    // The packages installed here are for another machine. An ordinary user who builds has no user _apt.
    ...["Dir::State::status=/dev/null", "APT::Sandbox::User=", "Debug::NoLocking=true"],
    ...(suite === undefined ? [] : [`Dir::Etc::sourcelist=${folder}/sources.list`]),
    ...(suite === undefined ? [] : ["Dir::Etc::sourceparts=-"]),
  ].flatMap((option) => ["-o", option]);
  const [program = "", ...words] = command;
  const done = await $`${program} ${options} ${words}`.cwd(folder).quiet().nothrow();
  if (done.exitCode !== 0) throw new Error(`${command.join(" ")} fails: ${done.stderr}`);
  return done.text();
}
