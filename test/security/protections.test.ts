// Paths that should be read-only or hidden are, however they are written; if that is impossible, the
// container is refused. runtime-spec config-linux.md#masked-paths, #readonly-paths.

import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  behaviour,
  type Condition,
  needsDevices,
  nothingLeft,
  notOfCrunBefore,
  refused,
  runcFrom,
  tsrunOnly,
} from "../support/behaviour.ts";
import { withoutMountNamespace } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { parseMountinfo } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { runtimeKind } from "../support/runtime.ts";
import { needsCall } from "../support/without.ts";

/** Skips a case that another runtime does not protect against. */
function openIn(kind: typeof runtimeKind, reason: string): Condition {
  return runtimeKind === kind ? `${kind}: ${reason}` : undefined;
}

/** Only through `..` does a path reach a mount on the root, and runc changes that mount. */
function openByDots(path: string): Condition {
  const reason = "it makes read-only what it has mounted on the root, where nobody sees it";
  return path.includes("..") || CLIMBING.has(path) ? openIn("runc", reason) : openIn("crun", reason);
}

/** Links that lead there by `..`. */
const CLIMBING = new Set(["/out", "/a"]);

/** Tries to write in the root and in other mounts. */
const TRIES = `for path in "" /data /tmp; do touch $path/new 2>&1 && echo "$path/new: written"; done`;

function lines(output: string): string[] {
  return output.trim().split("\n");
}

function withData(lab: Lab, script: string): Container {
  const box = lab.container(Container.script(script));
  mkdirSync(join(box.rootfs, "data/inner"), { recursive: true });
  writeFileSync(join(box.rootfs, "data/file"), "data\n");
  box.config.mounts.push({ destination: "/tmp", type: "tmpfs", source: "tmpfs" });
  box.writeConfig();
  return box;
}

const ROOTS: { [written: string]: (box: Container) => void } = {
  "/": () => {},
  "/.": () => {},
  "//": () => {},
  "/data/..": () => {},
  "/../..": () => {},
  "/data/inner/../../": () => {},
  "/link": (box) => symlinkSync("/", join(box.rootfs, "link")),
  "/out": (box) => symlinkSync("../../..", join(box.rootfs, "out")),
  "/data/through/..": (box) => symlinkSync("inner/..", join(box.rootfs, "data/through")),
  "/a": (box) => {
    symlinkSync("b/.", join(box.rootfs, "a"));
    symlinkSync("data/../c", join(box.rootfs, "b"));
    symlinkSync("/data/inner/../..", join(box.rootfs, "c"));
  },
};

for (const [path, prepare] of Object.entries(ROOTS)) {
  behaviour(
    `readonlyPaths of "${path}", which is the root, makes the root read-only`,
    async (t, lab) => {
      const box = withData(lab, TRIES);
      prepare(box);
      box.config.linux.readonlyPaths = [path];
      box.writeConfig();
      const denied = (file: string): string => `touch: ${file}: Read-only file system`;
      t.strictSame(lines(await box.live()), [denied("/new"), denied("/data/new"), "/tmp/new: written"]);
    },
    openByDots(path),
  );
}

for (const [path, prepare] of Object.entries(ROOTS)) {
  behaviour(
    `maskedPaths of "${path}" are refused: nothing can cover the root`,
    async (t, lab) => {
      const box = withData(lab, "ls /data");
      prepare(box);
      box.config.linux.maskedPaths = [path];
      box.writeConfig();
      refused(t, await box.create(), /cannot mask "\/.*": it is the root file system itself/);
      await nothingLeft(t, lab, "after the refusal");
    },
    tsrunOnly("it mounts a tmpfs where nobody sees it, and says nothing"),
  );
}

behaviour("a path with .. goes where the links before it lead, not up from the link", async (t, lab) => {
  const script = `touch /data/inner/new || touch /data/inner/far/new || touch /data/new && echo "only that"`;
  const box = withData(lab, script);
  mkdirSync(join(box.rootfs, "data/inner/far"));
  symlinkSync("data/inner/far", join(box.rootfs, "link"));
  box.config.linux.readonlyPaths = ["/link/..", "/missing/.."];
  box.writeConfig();
  t.equal(await box.live(), "only that\n");
});

for (const paths of [
  ["/data", "/data/inner"],
  ["/data/inner", "/data"],
  ["/", "/data/inner"],
  ["/data/inner", "/"],
]) {
  behaviour(
    `readonlyPaths of ${paths.join(" and ")}: each is read-only`,
    async (t, lab) => {
      const box = withData(lab, "touch /data/inner/new /data/new");
      box.config.linux.readonlyPaths = paths;
      box.writeConfig();
      t.equal(await box.live(), "");
      t.match(box.errorOutput(), /inner\/new: Read-only[\s\S]*data\/new: Read-only/);
    },
    openIn("crun", "not in every order"),
  );
}

for (const paths of [
  ["/data", "/data/inner", "/data/file"],
  ["/data/file", "/data/inner", "/data"],
]) {
  behaviour(`maskedPaths of ${paths.join(", ")}: nothing of them is to be seen`, async (t, lab) => {
    const box = withData(lab, "find /data; cat /data/file; find /data/inner; touch /data/new; echo done");
    writeFileSync(join(box.rootfs, "data/inner/file"), "inner\n");
    box.config.linux.maskedPaths = paths;
    box.writeConfig();
    t.equal(await box.live(), "/data\ndone\n");
  });
}

behaviour("what is masked stays masked with a read-only path below or above it", async (t, lab) => {
  const box = withData(
    lab,
    "find /data /etc/dir; cat /etc/dir/file; touch /etc/dir/new /data/new; echo done",
  );
  mkdirSync(join(box.rootfs, "etc/dir"));
  writeFileSync(join(box.rootfs, "etc/dir/file"), "hidden\n");
  box.config.linux.readonlyPaths = ["/data/inner", "/etc/dir"];
  box.config.linux.maskedPaths = ["/data", "/etc/dir/file"];
  box.writeConfig();
  t.equal(await box.live(), "/data\n/etc/dir\n/etc/dir/file\ndone\n");
  t.match(box.errorOutput(), /dir\/new: Read-only[\s\S]*data\/new: Read-only/);
});

behaviour(
  "files are masked along with /dev itself, in either order",
  async (t, lab) => {
    for (const paths of [
      ["/dev", "/data/file"],
      ["/data/file", "/dev"],
    ]) {
      const box = withData(lab, "ls /dev; cat /data/file; echo done");
      box.config.linux.maskedPaths = paths;
      box.writeConfig();
      t.equal(await box.live(), "done\n", paths.join(", "));
    }
  },
  openIn("crun", "it does not start"),
  runcFrom("1.2.8", "it does not start"),
);

behaviour("what is missing needs no mask and no protection", async (t, lab) => {
  const box = withData(lab, "echo done");
  symlinkSync("/nowhere", join(box.rootfs, "data/dangling"));
  const missing = ["/missing", "/data/missing/file", "/data/dangling"];
  box.config.linux.maskedPaths = missing;
  box.config.linux.readonlyPaths = missing;
  box.writeConfig();
  t.equal(await box.live(), "done\n");
});

behaviour("a working directory that is made is protected like one that is there", async (t, lab) => {
  const cwd = "/data/made/below";
  const box = withData(lab, "touch /data/made/below/new; touch /data/made/new; ls -d /data/made/below");
  box.config.process.cwd = cwd;
  box.config.linux.readonlyPaths = ["/data/made"];
  box.writeConfig();
  t.equal(await box.live(), `${cwd}\n`);
  t.match(box.errorOutput(), /below\/new: Read-only[\s\S]*made\/new: Read-only/);
  const masked = withData(lab, "touch new");
  masked.config.process.cwd = "/data/made";
  masked.config.linux.maskedPaths = ["/data/made"];
  masked.writeConfig();
  await masked.live();
  t.match(masked.errorOutput(), /new: Read-only/);
});

behaviour(
  "a link to an open file or a directory of a process is no path that can be protected",
  async (t, lab) => {
    const box = withData(lab, "echo done");
    for (const path of ["/proc/self/cwd", "/proc/self/fd/0"]) {
      box.config.linux.readonlyPaths = [path];
      box.writeConfig();
      refused(t, await box.create(), new RegExp(`"${path}"`));
      await nothingLeft(t, lab, path);
    }
  },
  tsrunOnly("it protects whatever the link leads to"),
  needsCall("openat2", "to tell such a link from another"),
);

behaviour(
  "a read-only path keeps every other flag of its mount",
  async (t, lab) => {
    const box = withData(lab, "grep ' /vol' /proc/self/mountinfo");
    const volume = join(lab.folder, "volume");
    mkdirSync(join(volume, "inner"), { recursive: true });
    const options = ["bind", "nosuid", "nodev", "noexec", "noatime", "nodiratime"];
    box.config.mounts.push({ destination: "/vol", type: "bind", source: volume, options });
    box.config.linux.readonlyPaths = ["/vol/inner"];
    box.writeConfig();
    const flags = parseMountinfo(await box.live()).map(({ target, options }) => [target, ...options]);
    const kept = ["nosuid", "nodev", "noexec", "noatime", "nodiratime"];
    t.strictSame(flags, [
      ["/vol", "rw", ...kept],
      ["/vol/inner", "ro", ...kept],
    ]);
  },
  notOfCrunBefore("1.28", "nosuid, nodev and noexec are lost"),
);

behaviour(
  "the root keeps its other flags when it becomes read-only",
  async (t, lab) => {
    const box = withData(lab, "cat /proc/self/mountinfo");
    box.config.linux.readonlyPaths = ["/"];
    box.writeConfig();
    const flags = 'mount --bind "$0" "$0" && mount -o remount,bind,nosuid,nodev,noatime "$0" && exec "$@"';
    const wrapper = ["unshare", "--mount", "--propagation", "private", "sh", "-c", flags, box.rootfs];
    const { stdout } = mustSucceed(await box.run({ wrapper }));
    const root = parseMountinfo(stdout).find(({ target }) => target === "/");
    t.match(root?.options.join(), /^ro,nosuid,nodev,noatime/);
  },
  openIn("crun", "they are lost"),
);

behaviour(
  "root.readonly is given without a mount namespace, too",
  async (t, lab) => {
    const box = withData(lab, "touch /new /data/new; touch /tmp/new && echo done");
    withoutMountNamespace(box.config);
    box.config.root.readonly = true;
    box.config.mounts = box.config.mounts.filter(({ destination }) => destination === "/tmp");
    box.writeConfig();
    t.equal(await box.live(), "done\n");
    t.match(box.errorOutput(), /\/new: Read-only[\s\S]*data\/new: Read-only/);
  },
  needsDevices(),
  tsrunOnly("it says nothing, and leaves the root writable and its mounts on the host"),
);

behaviour(
  "recursive options are given to file systems and to remounts, too",
  async (t, lab) => {
    const box = withData(lab, "cat /proc/self/mountinfo");
    const volume = join(lab.folder, "volume");
    mkdirSync(volume);
    box.config.mounts.push(
      { destination: "/new", type: "tmpfs", source: "new", options: ["rro", "rnoexec"] },
      { destination: "/vol", type: "bind", source: volume, options: ["rbind"] },
      { destination: "/vol/below", type: "tmpfs", source: "below" },
      { destination: "/vol", type: "none", options: ["remount", "bind", "rro", "rnosuid", "private"] },
    );
    box.writeConfig();
    const mounts = parseMountinfo(await box.live()).filter(({ target }) => /^.(new|vol)/.test(target));
    const flags = mounts.map(({ target, options }) => [
      target,
      ...options.filter((one) => one !== "relatime"),
    ]);
    t.strictSame(flags, [
      ["/new", "ro", "noexec"],
      ["/vol", "ro", "nosuid"],
      ["/vol/below", "ro", "nosuid"],
    ]);
  },
  tsrunOnly("runc drops those of file systems, 1.3 also those below a remount"),
);
