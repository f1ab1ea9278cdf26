// The package for Debian, made of a program that does nothing: what dpkg-deb says of it, and that the
// time of the build changes nothing in it.

import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { BUN } from "../../support/bun.ts";

const EDITION = {
  version: "9.8.7",
  commit: "c0ffee",
  epoch: 1_700_000_000,
  maintainer: "A Name <a.name@example.com>",
};
const ARM64 = { target: "arm64", debian: "arm64", rpm: "aarch64" };

function run(command: string, ...args: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(command, args, {
    encoding: "utf8",
    env: { ...process.env, TZ: "UTC" },
  });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** Makes it in a folder of its own, and returns its path. */
function makeDeb(): string {
  const folder = mkdtempSync(join(tmpdir(), "tsrun-package-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "program"), "#!/bin/sh\n");
  for (const name of ["man", "completions", "made"]) mkdirSync(join(folder, name));
  writeFileSync(join(folder, "man/tsrun.8"), ".TH TSRUN 8\n");
  for (const name of ["tsrun.bash", "_tsrun", "tsrun.fish"])
    writeFileSync(join(folder, "completions", name), "");
  const origins = { root: process.cwd(), documents: folder, program: join(folder, "program") };
  const places = { machine: ARM64, work: join(folder, "work"), folder: join(folder, "made") };
  const script = `import { makeDeb } from "./scripts/release/deb.ts";
    await makeDeb(${JSON.stringify(origins)}, ${JSON.stringify(EDITION)}, ${JSON.stringify(places)});`;
  run(BUN, "-e", `process.umask(0o022); ${script}`);
  return join(folder, "made", ...readdirSync(join(folder, "made")));
}

const hasDpkg = spawnSync("dpkg-deb", ["--version"]).status === 0;

t.test("the package for Debian", { skip: hasDpkg ? false : "no dpkg-deb" }, async (t) => {
  const deb = makeDeb();
  t.match(deb, /\/tsrun_9\.8\.7-1_arm64\.deb$/);
  const fields = run("dpkg-deb", "--field", deb);
  t.match(fields, /^Architecture: arm64$/m);
  t.match(fields, /^Maintainer: A Name <a\.name@example\.com>$/m);
  t.match(fields, /^Suggests: criu, uidmap$/m);
  t.notMatch(fields, /^(Depends|Recommends|Conflicts|Pre-Depends):/m, "it needs nothing");
  const files = run("dpkg-deb", "--contents", deb).trim().split("\n");
  t.strictSame(
    files.filter((line) => !/^[dl-][rwx-]{9} root\/root +\d+ 2023-11-14 22:13 \.\//.test(line)),
    [],
    "root's, and of the commit's time",
  );
  const named = files.map((line) => line.split(" ./")[1] ?? "").filter((name) => /[^/]$/.test(name));
  for (const name of [
    "usr/bin/tsrun",
    "usr/bin/containerd-shim-tsrun-v2 -> tsrun",
    "usr/share/man/man8/tsrun.8.gz",
    "usr/share/doc/tsrun/THIRD_PARTY_NOTICES",
    "usr/share/doc/tsrun/copyright",
    "usr/share/doc/tsrun/examples/docker-daemon.json",
    "usr/share/tsrun/apparmor.d/tsrun",
  ]) {
    t.ok(named.includes(name), name);
  }
  t.strictSame(
    named.filter((name) => !name.startsWith("usr/")),
    [],
    "nothing in /etc: what an older AppArmor cannot read is not there",
  );
  t.equal(readFileSync(makeDeb()).compare(readFileSync(deb)), 0, "the same bytes again");
});
