// What a container does to the mounts of a host that shares them: nothing, and no command enters the host's
// root instead of the container's.

import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import {
  behaviour,
  needsDevices,
  nothingLeft,
  notOfCrun,
  notOfRunc,
  tsrunOnly,
} from "../support/behaviour.ts";
import { withoutMountNamespace } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { runtimePath } from "../support/runtime.ts";

/** Runs a command in a namespace of its own, the host here: `first` prepares it, `last` judges it. */
function onHost(first: string, last: string, folder: string): string[] {
  const script = `${first}; mount --make-rshared / && cd / && shift && "$@"; code=$?; ${last}; exit $code`;
  return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", folder];
}

for (const rootfsPropagation of ["private", "slave", "unbindable", "shared", "rshared"]) {
  behaviour(
    `what is mounted on a mount that the root has already stays in the container: ${rootfsPropagation}`,
    async (t, lab) => {
      const box = lab.container(Container.script("ls /data/x"));
      const data = join(box.rootfs, "data");
      mkdirSync(data);
      mkdirSync(join(lab.folder, "source"));
      box.config.linux.rootfsPropagation = rootfsPropagation;
      box.config.mounts.push({ destination: "/data/x", type: "tmpfs", source: "none", options: [] });
      box.writeConfig();
      const wrapper = onHost(
        `mount -t tmpfs none ${data} && mkdir ${data}/x`,
        `grep -q " ${data}/x " /proc/self/mountinfo && exit 98`,
        lab.folder,
      );
      const { code, stderr } = await box.run({ wrapper });
      t.equal(code, 0, stderr);
      await nothingLeft(t, lab, "after run");
    },
    notOfRunc("it appears on the host, and stays there"),
    notOfCrun("its cgroup stays"),
  );
}

behaviour(
  "a read-only path in a volume that is shared with the host stays writable for the host",
  async (t, lab) => {
    const box = lab.container(Container.script("touch /volume/kept/x 2>&1; true"));
    const source = join(lab.folder, "source");
    mkdirSync(join(source, "kept"), { recursive: true });
    box.config.linux.rootfsPropagation = "rshared";
    box.config.linux.readonlyPaths = ["/volume/kept"];
    const options = ["rbind", "rshared"];
    box.config.mounts.push({ destination: "/volume", type: "bind", source, options });
    box.writeConfig();
    const wrapper = onHost(
      `mount --bind ${source} ${source}`,
      `touch ${source}/kept/host || exit 98`,
      lab.folder,
    );
    const { code, stdout, stderr } = await box.run({ wrapper });
    t.equal(code, 0, stderr);
    t.match(stdout, /Read-only file system/);
    await nothingLeft(t, lab, "after run");
  },
  notOfCrun("its cgroup stays"),
);

behaviour(
  "exec into a container without a mount namespace enters its root",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.process.args = ["/bin/sh", "-c", "exec sleep 1000"];
      withoutMountNamespace(config);
      config.mounts = [];
      delete config.linux.maskedPaths;
      delete config.linux.readonlyPaths;
    });
    mkdirSync(join(box.rootfs, "only-here"));
    mustSucceed(await box.create());
    mustSucceed(await box.start());
    const { stdout } = await lab.invoke([
      "exec",
      "--cwd",
      "/only-here",
      box.id,
      "sh",
      "-c",
      "pwd; ls -d /o*",
    ]);
    t.equal(stdout, "/only-here\n/only-here\n");
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  needsDevices(),
  notOfRunc("it enters the host's"),
  notOfCrun("it enters the host's"),
);

for (const flag of ["", "--no-pivot"]) {
  behaviour(
    `exec enters the container's root where the runtime is in a chroot ${flag}`,
    async (t, lab) => {
      const box = lab.container(Container.script("exec sleep 1000"));
      mkdirSync(join(box.rootfs, "only-here"));
      const jail = join(lab.folder, "jail");
      mkdirSync(jail);
      copyFileSync(runtimePath, join(lab.folder, "runtime"));
      // The chroot has the folder of this case at the same place, and /proc, /sys and /dev.
      const script = `
        mount -t tmpfs none ${jail} && mkdir -p ${jail}${lab.folder} || exit 97
        mkdir ${jail}/sys ${jail}/dev ${jail}/proc
        mount --bind ${lab.folder} ${jail}${lab.folder} && mount -t proc proc ${jail}/proc || exit 97
        mount --rbind /sys ${jail}/sys && mount --rbind /dev ${jail}/dev || exit 97
        tsrun() { chroot ${jail} ${lab.folder}/runtime --root ${lab.stateRoot} "$@"; }
        tsrun create ${flag} --bundle ${box.bundle} ${box.id} </dev/null >${lab.folder}/out 2>&1 || exit 96
        tsrun start ${box.id}
        tsrun exec ${box.id} sh -c 'ls -d /only* /jail 2>/dev/null' >${lab.folder}/said 2>&1
        tsrun delete --force ${box.id} && cat ${lab.folder}/said`;
      const args = [
        "--mount",
        "--pid",
        "--fork",
        "--mount-proc",
        "--propagation",
        "private",
        "sh",
        "-c",
        script,
      ];
      const { status, stdout, stderr } = spawnSync("unshare", args, { encoding: "utf8", timeout: 60_000 });
      t.strictSame([status, stdout], [0, "/only-here\n"], stderr);
      await nothingLeft(t, lab, "after delete");
    },
    tsrunOnly("it enters the host's"),
  );
}
