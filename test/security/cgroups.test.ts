// A container's cgroup is below the given one, whatever the path is, and other cgroups that it sees are
// read-only (CVE-2023-25809). Properties for systemd are checked first (CVE-2024-3154).

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { attack } from "../support/attack.ts";
import { notOfCrun, refused, tsrunOnly } from "../support/behaviour.ts";
import { cgroupsOf } from "../support/cgroup.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { cgroupHierarchies } from "../support/host.ts";

attack(
  "CVE-2023-25809",
  "the cgroups of others cannot be written in a container, also where it sees the host's",
  async (t, lab) => {
    for (const userNamespace of [false, true]) {
      const box = lab.container((config) => {
        const script = `for folder in /sys/fs/cgroup/. /sys/fs/cgroup/*/.; do
          grep -q . $folder/cgroup.procs || continue
          echo $folder; mkdir $folder/made 2>&1; done`;
        Container.script(script)(config);
        const options = ["nosuid", "noexec", "nodev", "relatime", "ro"];
        config.mounts.push({ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options });
        if (!userNamespace) return;
        config.linux.namespaces.push({ type: "user" });
        config.linux.uidMappings = [{ containerID: 0, hostID: 0, size: 65_536 }];
        config.linux.gidMappings = [{ containerID: 0, hostID: 0, size: 65_536 }];
      });
      const output = await box.live();
      const lines = output.trimEnd().split("\n");
      t.equal(lines.filter((line) => /Read-only file system/.test(line)).length, lines.length / 2, output);
      for (const { mountpoint } of cgroupHierarchies())
        t.notOk(existsSync(join(mountpoint, "made")), mountpoint);
    }
  },
);

attack(
  "cgroup path",
  "one that climbs stays below the root of the hierarchy",
  async (t, lab) => {
    const parents = cgroupHierarchies().map(({ mountpoint }) => join(mountpoint, ".."));
    const listings = new Map(parents.map((path) => [path, readdirSync(path).sort().join()]));
    for (const path of ["../../", "/../../", "a/../../../", "./"]) {
      const box = lab.container(Container.script("exec sleep 1000"));
      box.config.linux.cgroupsPath = `${path}${box.id}`;
      box.writeConfig();
      const created = await box.create();
      if (created.code === 0) {
        const { pid } = await box.stateDocument();
        for (const [name, cgroup] of cgroupsOf(pid)) t.notMatch(cgroup, /\.\./, `${name}: ${cgroup}`);
      }
      mustSucceed(await box.delete({ flags: ["--force"] }));
    }
    for (const [path, listing] of listings) t.equal(readdirSync(path).sort().join(), listing, path);
  },
  systemdDriver ? "the path names a unit there" : undefined,
);

attack(
  "CVE-2024-3154",
  "properties for systemd are parsed, and what is none is refused",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.annotations = { "org.systemd.property.ExecStartPre": "'/bin/touch /tmp/evil'; rm -rf /" };
    });
    refused(t, await box.create(), /ExecStartPre|annotation/);
  },
  systemdDriver ? undefined : "needs systemd as the cgroup driver: make test-vm FILES=security/cgroups",
  tsrunOnly("it has words of its own"),
);

attack(
  "cgroup path",
  "that of exec --cgroup cannot climb out of the container's",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await box.run({ flags: ["--detach"] }));
    for (const path of ["..", "../..", "/..", "a/../../..", "memory:../.."]) {
      const result = await lab.invoke(["exec", "--cgroup", path, box.id, "cat", "/proc/self/cgroup"]);
      if (result.code !== 0) continue;
      for (const line of result.stdout.trim().split("\n")) t.match(line, box.id, path);
    }
  },
  notOfCrun("it climbs out"),
);
