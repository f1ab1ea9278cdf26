// The package for Debian, by dpkg-deb: it needs no source package, and depends on nothing. Called by
// release.ts.

import { lstatSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import { $ } from "bun";
import type { Edition, Machine } from "./edition.ts";
import { layOut, manualPages, type Origins, put } from "./tree.ts";

/** Of the packages of one version of tsrun. */
const REVISION = 1;

/** Makes it in `folder`; the tree is laid out in `work`. */
export async function makeDeb(
  origins: Origins,
  edition: Edition,
  { machine, work, folder }: { machine: Machine; work: string; folder: string },
): Promise<void> {
  const version = `${edition.version}-${REVISION}`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(`${work}/DEBIAN`, { recursive: true });
  await fill(work, origins, edition);
  const files = await listFiles(work);
  const sums = files.filter((file) => lstatSync(file).isFile()).map((file) => md5Line(work, file));
  put(`${work}/DEBIAN/md5sums`, { text: sums.join("") });
  put(`${work}/DEBIAN/control`, { text: control(version, machine, { files, edition }) });
  const own = `${origins.root}/packaging/debian`;
  for (const script of ["postinst", "prerm"]) put(`${work}/DEBIAN/${script}`, `${own}/${script}`, 0o755);
  put(`${work}/DEBIAN/triggers`, `${own}/triggers`);
  const flags = ["--root-owner-group", "-Zxz", "-z6", "--threads-max=1"];
  const file = `${folder}/tsrun_${version}_${machine.debian}.deb`;
  await $`dpkg-deb ${flags} --build ${work} ${file}`.env({
    ...process.env,
    SOURCE_DATE_EPOCH: `${edition.epoch}`,
  });
}

async function fill(work: string, origins: Origins, edition: Edition): Promise<void> {
  const { root, documents } = origins;
  const own = `${root}/packaging/debian`;
  const doc = `${work}/usr/share/doc/tsrun`;
  layOut(`${work}/usr`, origins, "vendor-completions");
  for (const page of manualPages(origins)) {
    put(`${work}/usr/share/man/man8/${page}.gz`, { text: await gzip(`${documents}/man/${page}`) });
  }
  put(`${doc}/copyright`, { text: copyright(root) });
  put(`${doc}/THIRD_PARTY_NOTICES`, `${root}/THIRD_PARTY_NOTICES`);
  put(`${doc}/README.Debian`, `${own}/README.Debian`);
  put(`${doc}/changelog.gz`, { text: await gzip(`${root}/CHANGELOG.md`) });
  put(`${work}/DEBIAN/changelog`, { text: debianChangelog(edition) });
  put(`${doc}/changelog.Debian.gz`, { text: await gzip(`${work}/DEBIAN/changelog`) });
  rmSync(`${work}/DEBIAN/changelog`);
  put(`${work}/usr/share/lintian/overrides/tsrun`, `${own}/lintian-overrides`);
}

/** Without name and time, and as small as policy wants it. */
async function gzip(path: string): Promise<Uint8Array> {
  return new Uint8Array(await $`gzip -9nc ${path}`.arrayBuffer());
}

async function listFiles(work: string): Promise<string[]> {
  const found = await $`find ${work} -path ${work}/DEBIAN -prune -o ! -type d -print`.text();
  return found.trim().split("\n").sort();
}

function md5Line(work: string, file: string): string {
  const digest = new Bun.CryptoHasher("md5").update(readFileSync(file)).digest("hex");
  return `${digest}  ${relative(work, file)}\n`;
}

function control(
  version: string,
  machine: Machine,
  { files, edition }: { files: readonly string[]; edition: Edition },
): string {
  const kib = files.reduce((sum, file) => sum + Math.ceil(lstatSync(file).size / 1024), 0);
  return `Package: tsrun
Version: ${version}
Architecture: ${machine.debian}
Maintainer: ${edition.maintainer}
Installed-Size: ${kib}
Suggests: criu, uidmap
Section: admin
Priority: optional
Description: OCI container runtime in TypeScript that takes the place of runc
 Runs containers for Docker, containerd, Podman, CRI-O and BuildKit, or by
 hand, with the commands and flags of runc.
 .
 It is one static executable with a JavaScript engine, its own compiled
 sources and libseccomp in it, and has no daemon.
`;
}

function debianChangelog({ version, maintainer, epoch }: Edition): string {
  const date = new Date(epoch * 1000).toUTCString().replace("GMT", "+0000");
  return `tsrun (${version}-${REVISION}) unstable; urgency=medium

  * Release ${version}; its changes are in changelog.gz.

 -- ${maintainer}  ${date}
`;
}

/** The form that Debian's tools read; the texts are those of THIRD_PARTY_NOTICES. */
function copyright(root: string): string {
  const head = readFileSync(join(root, "packaging/debian/copyright"), "utf8");
  const notices = readFileSync(join(root, "THIRD_PARTY_NOTICES"), "utf8");
  const field = notices.split("\n").map((line) => (line.trim() === "" ? " ." : ` ${line}`));
  return `${head.trimEnd()}\nComment:\n${field.join("\n").replace(/( \.\n?)+$/, "")}\n`;
}
