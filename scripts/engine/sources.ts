// Fetches the sources of others that tsrun is built from, checks their SHA-256 and unpacks them. Called by
// quickjs.ts and libseccomp.ts. SOURCES names a folder that has them already; then nothing is fetched.

import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { $ } from "bun";

export interface Source {
  readonly version: string;
  /** The file's name, in Debian's archive and in a folder of SOURCES. */
  readonly archive: string;
  /** Its folder in Debian's archive, which has it as long as a release has it. */
  readonly pool: string;
  /** Where its authors offer it. */
  readonly sites: readonly Site[];
  readonly sha256: string;
}

export interface Site {
  readonly url: string;
  /** Of their file, where they pack it in another way than Debian. */
  readonly sha256?: string;
}

/** Unpacks a source to `folder`, replacing what is there. The archive is kept in `directory`. */
export async function unpack(source: Source, directory: string, folder: string): Promise<void> {
  const archive = await obtain(source, directory);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  await $`tar -xf ${archive} -C ${folder} --strip-components=1 --no-same-owner`;
}

/** The path of a source's archive, checked. It is fetched to `directory` where it is not there yet. */
export async function obtain(source: Source, directory: string): Promise<string> {
  mkdirSync(directory, { recursive: true });
  const archive = await find(source, directory);
  const digest = new Bun.CryptoHasher("sha256").update(await Bun.file(archive).bytes()).digest("hex");
  const right = digestsOf(source);
  if (!right.includes(digest)) {
    const words = `its SHA-256 is ${digest}, not ${right.join(" or ")}`;
    throw new Error(`${archive} is not what it should be: ${words}`);
  }
  return archive;
}

/** Of Debian's file, and of its authors'. */
function digestsOf({ sha256, sites }: Source): string[] {
  return [sha256, ...sites.flatMap((site) => site.sha256 ?? [])];
}

async function find(source: Source, directory: string): Promise<string> {
  const given = process.env.SOURCES ?? "";
  if (given !== "") {
    const path = `${given}/${source.archive}`;
    if (!existsSync(path)) throw new Error(`SOURCES is ${given}, and there is no ${source.archive}`);
    return path;
  }
  const archive = `${directory}/${source.archive}`;
  if (!existsSync(archive)) await download(source, archive);
  return archive;
}

async function download(source: Source, archive: string): Promise<void> {
  const file = `${archive}.new`;
  const tried: string[] = [];
  for (const attempt of [
    ...(await debianArchives()).map(byApt(source, file)),
    ...source.sites.map(bySite(file)),
  ]) {
    tried.push(attempt.from);
    if (await attempt.fetch()) return renameSync(file, archive);
  }
  const digests = digestsOf(source).join(" or ");
  throw new Error(
    `no ${source.archive}: not at ${tried.join(", ")}. Get the file (SHA-256 ${digests}) and build with ` +
      "SOURCES=<the folder that has it>",
  );
}

interface Attempt {
  readonly from: string;
  readonly fetch: () => Promise<boolean>;
}

/** The archives that this machine's apt is set up for. */
async function debianArchives(): Promise<string[]> {
  if (Bun.which("apt-get") === null) return [];
  const targets = await $`apt-get indextargets --format ${"$(REPO_URI)"} ${"Created-By: Packages"}`
    .quiet()
    .nothrow();
  return [
    ...new Set(
      targets
        .text()
        .split("\n")
        .filter((uri) => uri !== ""),
    ),
  ];
}

/** Downloads with apt's own program. */
function byApt({ pool, archive }: Source, file: string): (uri: string) => Attempt {
  return (uri) => {
    const from = `${uri}${pool}/${archive}`;
    const fetch = async () => {
      const got = await $`/usr/lib/apt/apt-helper download-file ${from} ${file}`.quiet().nothrow();
      return got.exitCode === 0;
    };
    return { from, fetch };
  };
}

function bySite(file: string): (site: Site) => Attempt {
  return ({ url: from }) => ({
    from,
    fetch: async () => {
      try {
        const response = await fetch(from);
        if (response.ok) await Bun.write(file, response);
        return response.ok;
      } catch {
        return false;
      }
    },
  });
}
