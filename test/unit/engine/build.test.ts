// The parts of the build that decide something: which machine is meant, what the emulator's list of calls
// says, that a source of others is the one that was meant, and what is missing.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { BUN } from "../../support/bun.ts";

/** Runs a script that may import from the build's sources; Node has no module "bun". */
function bun(script: string, env: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync(BUN, ["-e", script], {
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
  return { status, stdout, stderr };
}

/** The path of a command of this machine. */
function which(command: string): string {
  const found = (process.env.PATH ?? "").split(":").find((folder) => existsSync(join(folder, command)));
  return join(found ?? "/usr/bin", command);
}

const CALLS = `117 mmap(NULL,4096,PROT_READ|PROT_WRITE,MAP_PRIVATE|MAP_ANONYMOUS,-1,0) = 0x0000004000801000
117 prctl(22,1,0,0,0,0) = -1 errno=22 (Invalid argument)
117 write(1,0x42b000,4231168) = 65536
117 exit(0)
`;

function firstUnsealed(trace: string) {
  const { stdout, stderr } = bun(
    `import { firstUnsealed } from "./scripts/engine/snapshot.ts";
     try { console.log(JSON.stringify(firstUnsealed(${JSON.stringify(trace)}) ?? null)); }
     catch (error) { console.log(error.message); }`,
  );
  return stdout.trim() || stderr;
}

t.test("under an emulator a snapshot is sealed by what was called", async (t) => {
  t.equal(firstUnsealed(CALLS), "null", "write and exit alone");
  const asked = CALLS.replace("117 write", "117 getuid() = 0\n117 write");
  t.match(firstUnsealed(asked), /getuid/, "a source that asks for its user");
  t.match(firstUnsealed(CALLS.replace(/.*prctl.*\n/, "")), /never sealed/);
});

t.test("TARGET names a machine, and nothing else", async (t) => {
  const named = (target: string) =>
    bun(`import { architectureOf } from "./scripts/engine/toolchain.ts";
      try { console.log(architectureOf(${JSON.stringify(target)})); }
      catch (error) { console.log(error.message); }`);
  t.equal(named("arm64").stdout.trim(), "arm64");
  t.equal(named("x86-64").stdout.trim(), "x64");
  t.equal(named("").stdout.trim(), process.arch, "this one");
  t.match(named("riscv64").stdout, /built for x86-64 and arm64, not for riscv64/);
});

t.test("a source from SOURCES is taken by its digest alone", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tsrun-sources-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "made"));
  const unpack = () =>
    bun(
      `import { unpack } from "./scripts/engine/sources.ts";
       import { LIBSECCOMP } from "./scripts/engine/libseccomp.ts";
       const folder = ${JSON.stringify(folder)};
       try { await unpack(LIBSECCOMP, folder + "/made", folder + "/out"); }
       catch (error) { console.log(error.message); }`,
      { SOURCES: folder },
    ).stdout;
  t.match(unpack(), /there is no libseccomp_\S+\.orig\.tar\.gz/);
  writeFileSync(join(folder, "libseccomp_2.6.0.orig.tar.gz"), "something else");
  t.match(unpack(), /is not what it should be: its SHA-256 is [0-9a-f]{64}, not [0-9a-f]{64}/);
});

t.test("a source that its authors pack in another way has a digest of its own", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tsrun-sites-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "empty"));
  writeFileSync(join(folder, "authors.tar"), "as its authors pack it");
  const digest = createHash("sha256").update("as its authors pack it").digest("hex");
  // Without apt there is no archive of Debian's.
  const obtain = (sha256: string) =>
    bun(
      `import { obtain } from "./scripts/engine/sources.ts";
       const folder = ${JSON.stringify(folder)};
       const sites = [{ url: "file://" + folder + "/authors.tar", sha256: ${JSON.stringify(sha256)} }];
       const debian = { archive: "x.orig.tar", pool: "pool", sha256: "0".repeat(64) };
       const made = folder + "/" + ${JSON.stringify(sha256)};
       try { console.log(await obtain({ version: "1", ...debian, sites }, made)); }
       catch (error) { console.log(error.message); }`,
      { PATH: join(folder, "empty"), SOURCES: "" },
    ).stdout.trim();
  t.match(obtain("1".repeat(64)), new RegExp(`its SHA-256 is ${digest}, not 0{64} or 1{64}$`));
  t.equal(obtain(digest), join(folder, digest, "x.orig.tar"));
});

const EXECUTABLE = "dist/tsrun";

/** Releases are built with Debian 12's; gcc 16 makes 250 KB more of the same sources. */
const RELEASE_GCC = 12;

function whyNotSized(): string | false {
  if (!existsSync(EXECUTABLE)) return "not built";
  const { stdout } = spawnSync("gcc", ["-dumpversion"], { encoding: "utf8" });
  return Number.parseInt(stdout ?? "", 10) > RELEASE_GCC && `releases are built with gcc ${RELEASE_GCC}`;
}

t.test("the executable stays below 6.5 MB", { skip: whyNotSized() }, async (t) => {
  t.ok(statSync(EXECUTABLE).size < 6_500_000, `${statSync(EXECUTABLE).size} bytes`);
});

t.test("what the build lacks is said in one sentence, before npm fetches anything", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tsrun-tools-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const [checkout, tools] = [join(folder, "checkout"), join(folder, "tools")];
  for (const name of ["src/cli", "scripts", "schemas"]) mkdirSync(join(checkout, name), { recursive: true });
  for (const name of ["Makefile", "package.json", "package-lock.json", "scripts/host-packages.sh"]) {
    copyFileSync(name, join(checkout, name));
  }
  mkdirSync(tools);
  // No dpkg and no apt: nobody installs anything. npm would leave a file.
  const own = ["make", "sh", "env", "id", "uname", "tr", "awk", "find", "stat", "touch"];
  for (const name of own) symlinkSync(which(name), join(tools, name));
  writeFileSync(join(tools, "npm"), "#!/bin/sh\ntouch fetched\n", { mode: 0o755 });
  const build = (...more: string[]) => {
    const env = { PATH: tools };
    const made = spawnSync(which("make"), ["build", ...more], { cwd: checkout, encoding: "utf8", env });
    return { failed: made.status !== 0, said: made.stderr.split("\n")[0], stdout: made.stdout };
  };
  const refused = (lacking: string) => ({
    failed: true,
    said: `cannot build tsrun: ${lacking} (the names of Debian's packages)`,
    stdout: "",
  });
  const words = "no xz, no gcc, no objcopy, no musl-gcc: install xz-utils gcc libc6-dev binutils musl-tools";
  t.strictSame(build(), refused(words));
  const there = (name: string) => symlinkSync(which("true"), join(tools, name));
  for (const name of ["xz", "gcc", "objcopy"]) there(name);
  t.strictSame(build(), refused("no musl-gcc: install musl-tools"));
  t.notOk(existsSync(join(checkout, "fetched")));
  there("musl-gcc");
  build();
  t.ok(existsSync(join(checkout, "fetched")), "with all of them npm comes next");
});

t.test("a source tarball knows its commit, whatever checkout it is unpacked in", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tsrun-origin-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "scripts/engine"), { recursive: true });
  const origin = (text: string, root = folder) => {
    writeFileSync(join(folder, "scripts/engine/origin"), text);
    const { stdout, stderr } = bun(
      `import { originOf } from "./scripts/engine/origin.ts";
       console.log(JSON.stringify(await originOf(${JSON.stringify(root)})));`,
      { GIT_CEILING_DIRECTORIES: tmpdir() },
    );
    return stderr === "" ? JSON.parse(stdout) : stderr;
  };
  t.strictSame(origin("c0ffee 2026-11-28\n"), { commit: "c0ffee", date: "2026-11-28" });
  // As it is in a checkout.
  const asked = readFileSync("scripts/engine/origin", "utf8");
  t.strictSame(origin(asked), { commit: "", date: "" }, "neither a tarball nor a checkout");
});
