// After a reboot: a state on a disk names a pid, a start time and a cgroup that may belong to others by now.
// A file mounted over random(4)'s boot_id simulates the reboot.

import { cpSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { behaviour, type Condition, nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import { cgroupFolders } from "../support/cgroup.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { signalProcess } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { until } from "../support/wait.ts";

const TMPFS_MAGIC = 0x01021994;

const needsDisk: Condition =
  statfsSync(tmpdir()).type === TMPFS_MAGIC ? `"${tmpdir()}" is in memory` : undefined;
const byBoot = tsrunOnly("goes by pid and start time alone");

/** A wrapper that makes the call as after a reboot. */
function afterBoot(lab: Lab): string[] {
  const id = join(lab.folder, "boot_id");
  writeFileSync(id, "00000000-1111-2222-3333-444444444444\n");
  const script = `mount --bind ${id} /proc/sys/kernel/random/boot_id && exec "$@"`;
  return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"];
}

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

for (const own of [true, false]) {
  behaviour(
    `a container of an older boot is stopped, with${own ? "" : "out"} a pid namespace of its own`,
    async (t, lab) => {
      const box = lab.container((config) => {
        Container.script("sleep 1000")(config);
        if (!own) config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "pid");
      });
      mustSucceed(await box.run({ flags: ["--detach"] }));
      const { pid } = await box.stateDocument();
      const cgroups = cgroupFolders(box.id);
      const wrapper = afterBoot(lab);
      const state = JSON.parse(mustSucceed(await box.state({ wrapper })).stdout);
      t.match(state, { status: "stopped", pid: 0 });
      const list = mustSucceed(await lab.invoke(["list", "--format", "json"], { wrapper }));
      t.match(JSON.parse(list.stdout), [{ id: box.id, status: "stopped", pid: 0 }]);
      for (const signal of ["KILL", "TERM"]) {
        refused(t, await box.kill(signal, { wrapper }), /container not running/);
      }
      mustSucceed(await lab.invoke(["kill", "--all", box.id, "KILL"], { wrapper }));
      for (const words of [
        ["pause", box.id],
        ["update", "--pids-limit", "7", box.id],
      ]) {
        refused(t, await lab.invoke(words, { wrapper }), /not running/);
      }
      const executed = await lab.invoke(["exec", box.id, "true"], { wrapper });
      t.equal(executed.code, 255);
      t.match(executed.stderr, /stopped/);
      const listed = mustSucceed(await lab.invoke(["ps", "--format", "json", box.id], { wrapper }));
      t.equal(JSON.parse(listed.stdout), null, "none of the processes is its own");
      t.equal((await box.stateDocument()).status, "running", "here it runs on");

      const directory = join(lab.stateRoot, box.id);
      const kept = join(lab.folder, "kept");
      for (const flags of [[], ["--force"]]) {
        cpSync(directory, kept, { recursive: true });
        mustSucceed(await box.delete({ wrapper, flags }));
        t.not((await box.state()).code, 0, "its state is gone");
        t.ok(isAlive(pid), "whoever has the pid now lives");
        t.strictSame(cgroupFolders(box.id), cgroups, "so do those who have the cgroup now");
        cpSync(kept, directory, { recursive: true });
        rmSync(kept, { recursive: true });
      }
      t.equal((await box.stateDocument()).pid, pid);
      mustSucceed(await box.delete({ flags: ["--force"] }));
      await nothingLeft(t, lab, "after delete");
    },
    needsDisk,
    byBoot,
  );
}

behaviour(
  "one that was created in an older boot cannot be started, and is deleted without force",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create());
    const { pid } = await box.stateDocument();
    const wrapper = afterBoot(lab);
    refused(t, await box.start({ wrapper }), /cannot start a container that has stopped/);
    mustSucceed(await box.delete({ wrapper }));
    t.ok(isAlive(pid));
    signalProcess(pid, "SIGKILL");
    const isEmpty = (folder: string) => readFileSync(join(folder, "cgroup.procs"), "utf8") === "";
    await until("the killed process to leave its cgroups", () => cgroupFolders(box.id).every(isEmpty));
    // Another container now has the cgroup of that name.
    mustSucceed(await lab.invoke(["run", "--bundle", box.bundle, box.id]));
    await nothingLeft(t, lab, "after run");
  },
  needsDisk,
  byBoot,
);

behaviour(
  "in memory nothing outlives a boot, and no command looks for one",
  async (t, lab) => {
    const first = lab.container();
    mustSucceed(await first.run());
    lab.mountOnHost(["-t", "tmpfs", "none"], lab.stateRoot);
    const box = lab.container(Container.script("sleep 1000"));
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const record = JSON.parse(readFileSync(join(lab.stateRoot, box.id, "state.json"), "utf8"));
    t.equal(record.bootId, undefined);
    t.match(JSON.parse((await box.state({ wrapper: afterBoot(lab) })).stdout), { status: "running" });
    mustSucceed(await box.delete({ flags: ["--force"] }));
  },
  byBoot,
);
