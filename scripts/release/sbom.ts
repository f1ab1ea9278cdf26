// The bill of materials of a release: what tsrun is made of and by which tools, as a document of SPDX 2.3
// (https://spdx.github.io/spdx-spec/v2.3/). Pure.

export interface Part {
  readonly name: string;
  readonly version: string;
  /** An expression of SPDX licences. */
  readonly license: string;
  /** What tsrun has to do with it: see RELATIONS. */
  readonly relation: keyof typeof RELATIONS;
  readonly checksum?: { readonly algorithm: "SHA256" | "SHA512"; readonly value: string };
  /** A package URL, https://github.com/package-url/purl-spec. */
  readonly purl?: string;
  readonly download?: string;
  readonly comment?: string;
}

export interface ReleasedFile {
  readonly name: string;
  readonly sha1: string;
  readonly sha256: string;
}

export interface Release {
  readonly version: string;
  readonly commit: string;
  /** Seconds since 1970 of the commit. */
  readonly epoch: number;
  readonly parts: readonly Part[];
  /** The executables. */
  readonly files: readonly ReleasedFile[];
}

const TSRUN = "SPDXRef-tsrun";

/** Source parts are in the executable; with libraries it is linked; tools only make it. */
const RELATIONS = {
  source: (part: string) => relation(TSRUN, "DEPENDS_ON", part),
  library: (part: string) => relation(TSRUN, "STATIC_LINK", part),
  tool: (part: string) => relation(part, "BUILD_TOOL_OF", TSRUN),
};

function relation(spdxElementId: string, relationshipType: string, relatedSpdxElement: string) {
  return { spdxElementId, relationshipType, relatedSpdxElement };
}

const NONE = "NOASSERTION";

export function sbomOf({ version, commit, epoch, parts, files }: Release): object {
  const ids = parts.map(({ name, version }) => idOf(`${name}-${version}`));
  const inside = parts.filter((part) => part.relation !== "tool").map(({ license }) => license);
  const license = [...new Set(["Apache-2.0", ...inside])].join(" AND ");
  const digests = files.map(({ sha256 }) => sha256.slice(0, 16)).join("-");
  const fileIds = files.map(({ name }) => idOf(`file-${name}`));
  return {
    spdxVersion: "SPDX-2.3",
    dataLicense: "CC0-1.0",
    SPDXID: "SPDXRef-DOCUMENT",
    name: `tsrun-${version}`,
    // Its own for each content.
    documentNamespace: `https://spdx.org/spdxdocs/tsrun-${version}-${digests}`,
    creationInfo: {
      created: new Date(epoch * 1000).toISOString().replace(".000Z", "Z"),
      creators: [`Tool: tsrun-make-dist-${version}`],
    },
    packages: [
      {
        ...bare("tsrun", version, TSRUN),
        sourceInfo: `commit ${commit}`,
        licenseConcluded: license,
        licenseDeclared: "Apache-2.0",
        primaryPackagePurpose: "APPLICATION",
      },
      ...parts.map((part, at) => packageOf(part, ids[at] ?? "")),
    ],
    files: files.map(({ name, sha1, sha256 }, at) => ({
      fileName: `./${name}`,
      SPDXID: fileIds[at],
      fileTypes: ["BINARY"],
      checksums: [
        { algorithm: "SHA1", checksumValue: sha1 },
        { algorithm: "SHA256", checksumValue: sha256 },
      ],
      licenseConcluded: license,
      licenseInfoInFiles: [NONE],
      copyrightText: NONE,
    })),
    relationships: [
      relation("SPDXRef-DOCUMENT", "DESCRIBES", TSRUN),
      ...fileIds.map((id) => relation(id, "GENERATED_FROM", TSRUN)),
      ...parts.map((part, at) => RELATIONS[part.relation](ids[at] ?? "")),
    ],
  };
}

function idOf(text: string): string {
  return `SPDXRef-${text.replace(/[^A-Za-z0-9.-]+/g, "-")}`;
}

function bare(name: string, version: string, id: string) {
  return {
    name,
    SPDXID: id,
    versionInfo: version,
    downloadLocation: NONE,
    filesAnalyzed: false,
    copyrightText: NONE,
  };
}

function packageOf(part: Part, id: string) {
  const { name, version, license, checksum, purl, download, comment } = part;
  const reference = { referenceCategory: "PACKAGE-MANAGER", referenceType: "purl", referenceLocator: purl };
  return {
    ...bare(name, version, id),
    ...(download === undefined ? {} : { downloadLocation: download }),
    licenseConcluded: license,
    licenseDeclared: license,
    ...(checksum === undefined
      ? {}
      : { checksums: [{ algorithm: checksum.algorithm, checksumValue: checksum.value }] }),
    ...(purl === undefined ? {} : { externalRefs: [reference] }),
    ...(comment === undefined ? {} : { comment }),
  };
}
