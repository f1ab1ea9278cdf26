// The cgroup below the container's that a process of exec enters.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, tsrunOnly } from "../support/behaviour.ts";
import { cgroupFolders, isUnified } from "../support/cgroup.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import { Container, mustSucceed } from "../support/container.ts";

behaviour(
  "exec --cgroup puts a process below the container's cgroup, in all hierarchies or in those it names",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await box.run({ flags: ["--detach"] }));
    for (const folder of cgroupFolders(box.id)) {
      mkdirSync(join(folder, "sub"));
      for (const file of ["cpuset.cpus", "cpuset.mems"]) {
        if (!existsSync(join(folder, file)) || isUnified()) continue;
        writeFileSync(join(folder, "sub", file), readFileSync(join(folder, file)));
      }
    }
    const places = async (...flags: string[]) => {
      const { stdout } = mustSucceed(
        await lab.invoke(["exec", ...flags, box.id, "cat", "/proc/self/cgroup"]),
      );
      const lines = stdout.trim().split("\n");
      return lines.filter((line) => line.includes(box.id)).map((line) => line.slice(line.indexOf(":") + 1));
    };
    const before = await places();
    t.ok(before.length > 0);
    t.strictSame(
      await places("--cgroup", "/sub"),
      before.map((line) => `${line}/sub`),
    );
    if (isUnified()) return;
    const expected = before.map((line) => (line.startsWith("pids:") ? `${line}/sub` : line));
    t.strictSame(await places("--cgroup", "pids:sub"), expected);
  },
  tsrunOnly("the flag came with 1.1, and its words changed"),
  systemdDriver ? "systemd keeps the cgroups of a scope to itself" : undefined,
);
