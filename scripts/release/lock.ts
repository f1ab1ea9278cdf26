// The packages of npm that become part of tsrun, from package-lock.json. Pure.

export interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage {
  readonly version?: string;
  readonly license?: string;
  /** `sha512-` and the digest in base64. */
  readonly integrity?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

export interface NpmPackage {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  /** In hexadecimal. */
  readonly sha512: string;
}

/** What the sources import, and what that imports in turn; by name. */
export function packagesInside(lock: Lock): NpmPackage[] {
  const found = new Map<string, NpmPackage>();
  const visit = (from: string) => {
    for (const name of Object.keys(lock.packages[from]?.dependencies ?? {})) {
      const path = resolve(lock, from, name);
      if (found.has(path)) continue;
      found.set(path, npmPackage(lock, path, name));
      visit(path);
    }
  };
  visit("");
  const key = ({ name, version }: NpmPackage) => `${name} ${version}`;
  return [...found.values()].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** A package of npm by its name, as the project itself gets it. */
export function packageOf(lock: Lock, name: string): NpmPackage {
  return npmPackage(lock, resolve(lock, "", name), name);
}

/** As Node looks for it: in the importing package's own node_modules, and then in those above. */
function resolve(lock: Lock, from: string, name: string): string {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("node_modules/") - 1))) {
    const path = `${folder === "" ? "" : `${folder}/`}node_modules/${name}`;
    if (lock.packages[path] !== undefined) return path;
    if (folder === "") throw new Error(`package-lock.json has no ${name}, which ${from || "tsrun"} needs`);
  }
}

function npmPackage(lock: Lock, path: string, name: string): NpmPackage {
  const { version = "", license = "NOASSERTION", integrity = "" } = lock.packages[path] ?? {};
  const digest = /^sha512-(\S+)$/.exec(integrity)?.[1];
  if (digest === undefined) throw new Error(`package-lock.json has no SHA-512 of ${path}`);
  return { name, version, license, sha512: Buffer.from(digest, "base64").toString("hex") };
}
