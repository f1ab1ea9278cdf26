// What a release is made of and by, for its bill of materials (sbom.ts). Called by release.ts.

import { $ } from "bun";
import { LIBSECCOMP } from "../engine/libseccomp.ts";
import { QUICKJS } from "../engine/quickjs.ts";
import type { Source } from "../engine/sources.ts";
import { type Lock, type NpmPackage, packageOf, packagesInside } from "./lock.ts";
import type { Part } from "./sbom.ts";

/** Tools of npm: one writes the validators, the other bundles the sources. */
const NPM_TOOLS = ["ajv", "bun"];

interface HostTool {
  readonly license: string;
  readonly program: string;
}

/** Tools of the host whose versions change the bytes of an executable. */
const HOST_TOOLS: Readonly<Record<string, HostTool>> = {
  gcc: { license: "GPL-3.0-or-later WITH GCC-exception-3.1", program: "gcc" },
  binutils: { license: "GPL-3.0-or-later", program: "ld" },
};

/** Tools of the host whose versions change the bytes of archives and packages. */
const PACKING_TOOLS: Readonly<Record<string, HostTool>> = {
  tar: { license: "GPL-3.0-or-later", program: "tar" },
  xz: { license: "NOASSERTION", program: "xz" },
  dpkg: { license: "GPL-2.0-or-later", program: "dpkg-deb" },
  rpm: { license: "GPL-2.0-or-later", program: "rpmbuild" },
};

export async function partsOf(lock: Lock, otherMachine: string): Promise<Part[]> {
  return [
    ...packagesInside(lock).map((found) => npmPart(found, "source")),
    sourcePart("quickjs", QUICKJS, {
      license: "MIT",
      relation: "source",
      comment: "Changed by what scripts/engine/quickjs.ts of tsrun lists as CHANGES.",
    }),
    sourcePart("libseccomp", LIBSECCOMP, { license: "LGPL-2.1-only", relation: "library" }),
    { name: "musl", version: await debianVersion("musl-dev"), license: "MIT", relation: "library" },
    ...NPM_TOOLS.map((name) => npmPart(packageOf(lock, name), "tool")),
    ...(await hostTools("", { ...HOST_TOOLS, ...PACKING_TOOLS })),
    ...(await hostTools(`${otherMachine}-linux-gnu-`, HOST_TOOLS)),
  ];
}

function npmPart({ name, version, license, sha512 }: NpmPackage, relation: Part["relation"]): Part {
  const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
  return { name, version, license, relation, purl, checksum: { algorithm: "SHA512", value: sha512 } };
}

function sourcePart(
  name: string,
  source: Source,
  rest: Pick<Part, "license" | "relation" | "comment">,
): Part {
  // The checksum is that of Debian's file.
  const download = source.sites.find(({ sha256 }) => sha256 === undefined)?.url;
  return {
    name,
    version: source.version,
    checksum: { algorithm: "SHA256", value: source.sha256 },
    ...(download === undefined ? {} : { download }),
    ...rest,
  };
}

async function hostTools(prefix: string, tools: Readonly<Record<string, HostTool>>): Promise<Part[]> {
  return await Promise.all(Object.entries(tools).map(([name, tool]) => hostTool(prefix, name, tool)));
}

async function hostTool(prefix: string, name: string, { license, program }: HostTool): Promise<Part> {
  // The version is the last number in the first line, as in "gcc (Debian 12.2.0-14) 12.2.0".
  const [comment = ""] = (await $`${prefix}${program} --version`.text()).split("\n");
  const version = comment.split(" ").findLast((word) => /^\d/.test(word)) ?? "";
  return { name: `${prefix}${name}`, version, license, comment, relation: "tool" };
}

/** On another distribution than Debian it is not known. */
async function debianVersion(name: string): Promise<string> {
  const shown = await $`dpkg-query -W -f ${"$"}{Version} ${name}`.quiet().nothrow();
  return shown.exitCode === 0 ? shown.text().trim() : "NOASSERTION";
}
