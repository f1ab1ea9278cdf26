// What a release says of itself: its notes, what it is made of, whose licences it comes with.

import { readFileSync } from "node:fs";
import t from "tap";
import { type Lock, packageOf, packagesInside } from "../../../scripts/release/lock.ts";
import { notesOf } from "../../../scripts/release/notes.ts";
import { type Part, sbomOf } from "../../../scripts/release/sbom.ts";

const CHANGELOG = `# Changelog

## [Unreleased]

### Added

- Later.

## [0.2.0] - 2026-11-28

### Fixed

- One thing.

## [0.1.0]

- The first.
`;

t.test("the notes are the section of the version, with its date", (test) => {
  test.equal(notesOf(CHANGELOG, "0.2.0"), "# tsrun 0.2.0\n\n2026-11-28\n\n### Fixed\n\n- One thing.\n");
  test.throws(() => notesOf(CHANGELOG, "0.3.0"), { message: /no section "## \[0\.3\.0\] - DATE"/ });
  test.throws(() => notesOf(CHANGELOG, "0.1.0"), "without a date");
  test.throws(() => notesOf("## [0.2.0] - soon\n", "0.2.0"), {
    message: /"soon" of CHANGELOG.md is no date/,
  });
  test.end();
});

t.test("CHANGELOG.md has notes for the version that is in package.json", (test) => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8"));
  test.match(notesOf(readFileSync("CHANGELOG.md", "utf8"), version), `# tsrun ${version}`);
  test.end();
});

const sha = (byte: string) => `sha512-${Buffer.alloc(64, byte).toString("base64")}`;

const LOCK: Lock = {
  packages: {
    "": { dependencies: { a: "1" } },
    "node_modules/a": {
      version: "1.0.0",
      license: "MIT",
      integrity: sha("a"),
      dependencies: { b: "2", c: "1" },
    },
    "node_modules/a/node_modules/b": { version: "2.0.0", license: "ISC", integrity: sha("b") },
    "node_modules/b": { version: "1.0.0", license: "ISC", integrity: sha("B") },
    "node_modules/c": { version: "3.0.0", integrity: sha("c"), dependencies: { b: "1" } },
    "node_modules/tool": { version: "9.0.0", license: "MIT", integrity: sha("t") },
  },
};

t.test("packages inside are those that Node would find, each version once, without tools", (test) => {
  test.strictSame(
    packagesInside(LOCK).map(({ name, version, license }) => [name, version, license]),
    [
      ["a", "1.0.0", "MIT"],
      ["b", "1.0.0", "ISC"],
      ["b", "2.0.0", "ISC"],
      ["c", "3.0.0", "NOASSERTION"],
    ],
  );
  test.equal(packageOf(LOCK, "tool").sha512, Buffer.alloc(64, "t").toString("hex"));
  test.throws(() => packageOf(LOCK, "none"), { message: "package-lock.json has no none, which tsrun needs" });
  test.end();
});

t.test("THIRD_PARTY_NOTICES names all that is inside, with its version", (test) => {
  const notices = readFileSync("THIRD_PARTY_NOTICES", "utf8").replaceAll(/\s+/g, " ");
  const lock: Lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
  const inside = [...packagesInside(lock), packageOf(lock, "ajv")].map(
    ({ name, version }) => `${name} ${version}`,
  );
  // These files are for Bun alone.
  const versionIn = (file: string) =>
    /\b(?:VERSION = |version: )"([\d.]+)"/.exec(readFileSync(`scripts/engine/${file}`, "utf8"))?.[1];
  const quickjs = `QuickJS ${versionIn("quickjs.ts")?.replaceAll(".", "-")}`;
  const libseccomp = `libseccomp ${versionIn("libseccomp.ts")}`;
  const missing = [...inside, quickjs, libseccomp, "musl"].filter((name) => !notices.includes(name));
  test.strictSame(missing, []);
  test.end();
});

const PARTS: readonly Part[] = [
  {
    name: "a",
    version: "1.0.0",
    license: "MIT",
    relation: "source",
    purl: "pkg:npm/a@1.0.0",
    checksum: { algorithm: "SHA512", value: "ab" },
  },
  {
    name: "lib",
    version: "2",
    license: "LGPL-2.1-only",
    relation: "library",
    download: "https://lib.example/2",
  },
  { name: "gcc", version: "(Debian 12) 12.2.0", license: "GPL-3.0-or-later", relation: "tool" },
];

interface Sbom {
  documentNamespace: string;
  creationInfo: { created: string };
  packages: { name: string; SPDXID: string; licenseConcluded: string; downloadLocation: string }[];
  files: { SPDXID: string; licenseConcluded: string }[];
  relationships: { spdxElementId: string; relationshipType: string; relatedSpdxElement: string }[];
}

function sbom(): Sbom {
  const files = [{ name: "tsrun-0.2.0-linux-amd64", sha1: "1".repeat(40), sha256: "2".repeat(64) }];
  const release = { version: "0.2.0", commit: "c0ffee", epoch: 1_800_000_000, parts: PARTS, files };
  return sbomOf(release) as Sbom;
}

t.test("the bill of materials tells each part, what it is to tsrun, and the licences together", (test) => {
  const { packages, files, relationships, creationInfo } = sbom();
  test.strictSame(
    packages.map(({ name, licenseConcluded }) => [name, licenseConcluded]),
    [
      ["tsrun", "Apache-2.0 AND MIT AND LGPL-2.1-only"],
      ["a", "MIT"],
      ["lib", "LGPL-2.1-only"],
      ["gcc", "GPL-3.0-or-later"],
    ],
  );
  test.strictSame(
    packages.map(({ downloadLocation }) => downloadLocation),
    ["NOASSERTION", "NOASSERTION", "https://lib.example/2", "NOASSERTION"],
  );
  test.equal(files[0]?.licenseConcluded, packages[0]?.licenseConcluded);
  test.strictSame(
    relationships.map(({ spdxElementId, relationshipType, relatedSpdxElement }) =>
      [spdxElementId, relationshipType, relatedSpdxElement].join(" ").replaceAll("SPDXRef-", ""),
    ),
    [
      "DOCUMENT DESCRIBES tsrun",
      "file-tsrun-0.2.0-linux-amd64 GENERATED_FROM tsrun",
      "tsrun DEPENDS_ON a-1.0.0",
      "tsrun STATIC_LINK lib-2",
      "gcc--Debian-12-12.2.0 BUILD_TOOL_OF tsrun",
    ],
  );
  test.equal(creationInfo.created, "2027-01-15T08:00:00Z", "the commit's time");
  test.end();
});

t.test(
  "every element of the bill of materials has an id that SPDX allows, and nothing else is referred to",
  (test) => {
    const { packages, files, relationships } = sbom();
    const ids = ["SPDXRef-DOCUMENT", ...[...packages, ...files].map(({ SPDXID }) => SPDXID)];
    for (const id of ids) test.match(id, /^SPDXRef-[A-Za-z0-9.-]+$/);
    test.equal(new Set(ids).size, ids.length);
    for (const { spdxElementId, relatedSpdxElement } of relationships) {
      test.ok(ids.includes(spdxElementId) && ids.includes(relatedSpdxElement), relatedSpdxElement);
    }
    test.end();
  },
);
