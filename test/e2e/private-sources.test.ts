// A user namespace whose root may not enter the host's directories: the container's files are below
// directories of mode 0700, like containerd's (CVE-2024-25621) and Podman's.

import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, refused, runcFrom, tsrunOnly } from "../support/behaviour.ts";
import { type Config, mapIds } from "../support/config.ts";
import { Container } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { isCrun, isRunc } from "../support/runtime.ts";
import { needsCall } from "../support/without.ts";

const MAPPED = 100_000;

/** A directory that only the host's root may enter, and a folder in it. */
function privateFolder(lab: Lab): string {
  const above = join(lab.folder, "private");
  mkdirSync(above, { mode: 0o700 });
  const folder = join(above, "given");
  mkdirSync(folder, { mode: 0o755 });
  return folder;
}

function mapped(lab: Lab, script: string, edit: (config: Config) => void): Container {
  const box = lab.container((config) => {
    mapIds(config, MAPPED, 65_536);
    Container.script(script)(config);
    edit(config);
  });
  for (const path of [box.rootfs, ...readdirSync(box.rootfs).map((name) => join(box.rootfs, name))]) {
    chownSync(path, MAPPED, MAPPED);
  }
  return box;
}

behaviour("files, directories and mounts below a private directory are bound", async (t, lab) => {
  const folder = privateFolder(lab);
  writeFileSync(join(folder, "resolv.conf"), "nameserver 192.0.2.1\n");
  mkdirSync(join(folder, "volume"), { mode: 0o755 });
  writeFileSync(join(folder, "volume/name"), "volume\n");
  const shm = join(folder, "shm");
  mkdirSync(shm, { mode: 0o755 });
  const unmount = lab.mountOnHost(["-t", "tmpfs", "-o", "nosuid,nodev,noexec,mode=1777", "shm"], shm);
  const script =
    "cat /etc/resolv.conf /data/volume/name; echo mine >/dev/shm/made && cat /dev/shm/made;" +
    "grep ' /dev/shm ' /proc/self/mountinfo";
  const box = mapped(lab, script, ({ mounts }) => {
    const bind = (destination: string, name: string, options: string[]) =>
      mounts.push({ destination, type: "bind", source: join(folder, name), options });
    bind("/etc/resolv.conf", "resolv.conf", ["rbind", "rw"]);
    bind("/data/volume", "volume", ["rbind", "ro"]);
    bind("/dev/shm", "shm", ["rbind", "rw"]);
  });
  rmSync(join(box.rootfs, "etc/resolv.conf"), { force: true });
  const output = await box.live();
  t.match(output, /^nameserver 192\.0\.2\.1\nvolume\nmine\n.*/);
  // The host's mount locks these flags: they stay, requested or not.
  if (!isCrun) t.match(output, / \/dev\/shm rw,nosuid,nodev,noexec/);
  t.ok(statSync(join(box.rootfs, "etc/resolv.conf")).isFile(), "a file was made for the file");
  t.ok(statSync(join(box.rootfs, "data/volume")).isDirectory(), "a directory for the directory");
  unmount();
  await nothingLeft(t, lab, "after delete");
});

behaviour("a missing source below a private directory is named", async (t, lab) => {
  const folder = privateFolder(lab);
  const box = mapped(lab, "true", ({ mounts }) =>
    mounts.push({ destination: "/data", type: "bind", source: join(folder, "none"), options: ["bind"] }),
  );
  refused(t, await box.create(), /cannot mount ".*\/given\/none" on "\/data": .*ENOENT/);
  await nothingLeft(t, lab, "after the failure");
});

behaviour(
  "an id-mapped file below a private directory is bound on a file",
  async (t, lab) => {
    const folder = privateFolder(lab);
    writeFileSync(join(folder, "file"), "mapped\n");
    const map = [{ containerID: 0, hostID: MAPPED, size: 65_536 }];
    const box = mapped(lab, "cat /data/file && stat -c '%u %F' /data/file", ({ mounts }) =>
      mounts.push({
        ...{ destination: "/data/file", type: "bind", source: join(folder, "file"), options: ["bind"] },
        ...{ uidMappings: map, gidMappings: map },
      }),
    );
    t.equal(await box.live(), "mapped\n0 regular file\n");
    await nothingLeft(t, lab, "after delete");
  },
  ...(["mount_setattr", "open_tree", "move_mount", "fsopen"] as const).map((call) =>
    needsCall(call, "an id-mapped mount, whose ids are mapped while it is nowhere yet,"),
  ),
  runcFrom("1.2.0", "has no id-mapped mounts"),
);

behaviour(
  "a device of the host's below a private directory is bound",
  async (t, lab) => {
    // The node is bound from the same path on the host, so it must exist there.
    const directory = `/dev/${lab.mark}`;
    mkdirSync(directory, { mode: 0o700 });
    lab.atClose(() => rmSync(directory, { recursive: true }));
    const path = join(directory, "null");
    execFileSync("mknod", ["-m", "666", path, "c", "1", "3"]);
    const box = mapped(lab, `echo lost >${path} && stat -c %t:%T ${path}`, ({ linux }) => {
      linux.devices = [{ type: "c", path, major: 1, minor: 3, fileMode: 0o666 }];
    });
    t.equal(await box.live(), "1:3\n");
    await nothingLeft(t, lab, "after delete");
  },
  isRunc ? tsrunOnly("EACCES; crun does it") : undefined,
);

behaviour("a root file system below a private directory is refused, with what to do", async (t, lab) => {
  const box = mapped(lab, "true", () => {});
  chmodSync(box.bundle, 0o700);
  // Before Linux 5.8 the mount that holds the root is looked for, path by path.
  const line = /cannot (bind the root file system|make the mount of) .*EACCES.*chmod a\+x/;
  refused(t, await box.create(), line);
  await nothingLeft(t, lab, "after the failure");
});

behaviour(
  "createRuntime hooks run from a private directory, createContainer hooks may not",
  async (t, lab) => {
    const folder = privateFolder(lab);
    const hook = join(folder, "hook");
    writeFileSync(hook, "#!/bin/sh\ncat >/dev/null\n", { mode: 0o755 });
    const box = mapped(lab, "echo ran", (config) => {
      config.hooks = { createRuntime: [{ path: hook }] };
    });
    t.equal(await box.live(), "ran\n");
    const refusing = mapped(lab, "echo ran", (config) => {
      config.hooks = { createContainer: [{ path: hook }] };
    });
    refused(t, await refusing.create(), /createContainer hook #0: fork\/exec .*: permission denied/);
    await nothingLeft(t, lab, "after both");
  },
);
