// The package for Fedora, RHEL and openSUSE, by rpmbuild, which Debian has. Called by release.ts.

import { mkdirSync, rmSync } from "node:fs";
import { $ } from "bun";
import type { Edition, Machine } from "./edition.ts";
import { layOutPlainly, type Origins } from "./tree.ts";

/** Makes it in `folder`; all that rpmbuild writes beside it is in `work`. */
export async function makeRpm(
  origins: Origins,
  edition: Edition,
  { machine, work, folder }: { machine: Machine; work: string; folder: string },
): Promise<void> {
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  layOutPlainly(`${work}/tree/usr`, origins);
  const macros = {
    _topdir: `${work}/top`,
    _rpmdir: `${work}/made`,
    _rpmfilename: "%{name}-%{version}-%{release}.%{arch}.rpm",
    tsrun_version: edition.version,
    tsrun_tree: `${work}/tree`,
    tsrun_maintainer: edition.maintainer,
    // The same bytes on any host.
    _buildhost: "localhost",
    use_source_date_epoch_as_buildtime: "1",
    clamp_mtime_to_source_date_epoch: "1",
    source_date_epoch_from_changelog: "0",
    _binary_payload: "w6.xzdio",
    // The files are whole: nothing strips, compresses or looks into them.
    __os_install_post: "%{nil}",
    debug_package: "%{nil}",
    _build_id_links: "none",
  };
  const defined = Object.entries(macros).flatMap(([name, value]) => ["--define", `${name} ${value}`]);
  const spec = `${origins.root}/packaging/rpm/tsrun.spec`;
  const built = await $`rpmbuild -bb --target ${machine.rpm}-linux ${defined} ${spec}`
    .env({ ...process.env, SOURCE_DATE_EPOCH: `${edition.epoch}` })
    .quiet()
    .nothrow();
  if (built.exitCode !== 0) throw new Error(`rpmbuild fails: ${built.stderr}`);
  await $`cp ${work}/made/tsrun-${edition.version}-1.${machine.rpm}.rpm ${folder}/`;
}
