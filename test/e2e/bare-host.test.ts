// Hosts with nothing but a kernel: tsrun is one file, and what it does there needs no library. The root has
// tsrun and a static busybox, as that of a distribution with musl would have.

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { behaviour, tsrunOnly } from "../support/behaviour.ts";
import { needsCompiler } from "../support/compile.ts";
import type { Config } from "../support/config.ts";
import { Container } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { needsProgram } from "../support/program.ts";
import { busybox } from "../support/rootfs.ts";
import { runtimePath } from "../support/runtime.ts";

const ONE_FILE = tsrunOnly("is not one file without libraries");

/** Where a program for glibc says that its dynamic linker is. */
const LINKER = process.arch === "arm64" ? "/lib/ld-linux-aarch64.so.1" : "/lib64/ld-linux-x86-64.so.2";

/** The words before a command that make it see such a root, with the kernel's file systems and the lab. */
function bareRoot(lab: Lab): readonly string[] {
  const root = join(lab.folder, "bare");
  for (const folder of ["bin", "proc", "sys", "dev", "run", "tmp", "lib", "lib64"]) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  mkdirSync(join(root, lab.store), { recursive: true });
  copyFileSync(busybox() ?? "", join(root, "bin/busybox"));
  symlinkSync("busybox", join(root, "bin/sh"));
  copyFileSync(runtimePath, join(root, "bin/tsrun"));
  // The runtime's own path comes first of what follows. A mount of its own, for pivot_root(2).
  const script = `
    set -e
    root=$1; store=$2; shift 3
    mount --bind "$root" "$root"
    for folder in /proc /sys /dev "$store"; do mount --rbind "$folder" "$root$folder"; done
    cd "$root"
    bin/busybox pivot_root . tmp
    exec /bin/sh -c '/bin/busybox umount -l /tmp; exec /bin/tsrun "$@"' sh "$@"`;
  return ["unshare", "--mount", "sh", "-c", script, "sh", root, lab.store];
}

function withFilter(config: Config): void {
  Container.script("mkdir /tmp/x 2>/dev/null || echo refused")(config);
  const syscalls = [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 1 }];
  config.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls };
}

behaviour(
  "a host without libraries has --version and features, and nothing on stderr",
  async (t, lab) => {
    const wrapper = bareRoot(lab);
    const version = await lab.invokeBare(["--version"], { wrapper });
    t.strictSame([version.code, version.stderr], [0, ""]);
    t.match(version.stdout, /^libseccomp: \d+\.\d+\.\d+$/m);
    const features = await lab.invokeBare(["features"], { wrapper });
    t.strictSame([features.code, features.stderr], [0, ""]);
    const { annotations } = JSON.parse(features.stdout) as { annotations: Record<string, string> };
    t.match(annotations["io.github.seccomp.libseccomp.version"], /^\d+\.\d+\.\d+$/);
  },
  ONE_FILE,
);

behaviour(
  "--version and features start no process",
  async (t, lab) => {
    for (const word of ["--version", "features"]) {
      const log = join(lab.folder, `calls-${word}`);
      // Of what follows, the first program is the one that is asked for.
      const wrapper = ["strace", "-f", "-qq", "-e", "trace=process", "-e", "signal=none", "-o", log];
      const { code } = await lab.invokeBare([word], { wrapper });
      const calls = readFileSync(log, "utf8").match(/\b[a-z]\w+(?=\()/g) ?? [];
      t.strictSame([code, [...new Set(calls)]], [0, ["execve", "exit_group"]], word);
    }
  },
  ONE_FILE,
  needsProgram("strace"),
);

behaviour(
  "a host without libraries runs a container with a filter",
  async (t, lab) => {
    const result = await lab.container(withFilter).run({ wrapper: bareRoot(lab) });
    t.strictSame([result.code, result.stdout, result.stderr], [0, "refused\n", ""]);
  },
  ONE_FILE,
);

behaviour(
  "--systemd-cgroup says what it needs of a host that has not got it, and leaves nothing",
  async (t, lab) => {
    const wrapper = bareRoot(lab);
    const box = lab.container((config) => {
      config.linux.cgroupsPath = `system.slice:tsrun:${lab.mark}`;
    });
    const create = () =>
      lab.invoke(["--systemd-cgroup", "create", "--bundle", box.bundle, box.id], { wrapper });
    const without = await create();
    t.not(without.code, 0);
    t.match(without.stderr, /--systemd-cgroup needs libsystemd\.so\.0 of the host: this host has no glibc/);
    t.match(without.stderr, /glibc 2\.34 or later/, "a hint");
    // What an old one writes before it gives up is told in that sentence, and nowhere else.
    const linker = join(lab.folder, "bare", LINKER);
    execFileSync("musl-gcc", ["-static", "-nostdlib", "-O2", "-o", linker, "test/support/old-linker.c"]);
    const old = await create();
    t.not(old.code, 0);
    t.match(
      old.stderr,
      /needs libsystemd\.so\.0 of the host: the program that loads it ended with status 1: /,
    );
    t.match(old.stderr, /: tsrun-libraries: libc\.so\.6: version `GLIBC_2\.34' not found/);
    t.notMatch(old.stderr, /^tsrun-libraries/m, "no line of its own");
  },
  ONE_FILE,
  needsCompiler,
);
