// Volumes as a kubelet prepares them: projected, with a sub-path, from an image, in memory, for a group.

import { deepEqual, equal, match, ok } from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { command } from "../host.ts";
import { IDMAPPED, PAUSE_IMAGE, USER_NAMESPACE } from "../pod.ts";
import type { Cluster, Scenarios } from "../scenario.ts";

const MANY_MOUNTS = 200;

export const volumes: Scenarios = {
  async projected_volume_is_updated({ pod, folder }) {
    const volume = folder();
    project(volume, "one");
    const its = await pod();
    const mounts = [{ host_path: volume, container_path: "/var/run/secrets/token", readonly: true }];
    const main = await its.run("main", ["sleep", "100"], { mounts });
    equal(await its.shell(main, "cat /var/run/secrets/token/token"), "one");
    project(volume, "two");
    equal(await its.shell(main, "cat /var/run/secrets/token/token"), "two");
    match((await its.exec(main, ["touch", "/var/run/secrets/token/x"])).err, /Read-only/);
    return undefined;
  },

  async projected_file_of_a_user_namespace({ pod, folder }) {
    const volume = folder();
    project(volume, "one");
    chownSync(`${volume}/..one/token`, 0, 2000);
    chmodSync(`${volume}/..one/token`, 0o640);
    const its = await pod({ security: USER_NAMESPACE });
    const mounts = [{ host_path: volume, container_path: "/token", readonly: true, ...IDMAPPED }];
    const security = {
      run_as_user: { value: 1000 },
      run_as_group: { value: 1000 },
      supplemental_groups: [2000],
    };
    const main = await its.run("main", ["sleep", "100"], { mounts, security });
    equal(await its.shell(main, "cat /token/token; stat -L -c %u:%g /token/token"), "one0:2000");
    match((await its.exec(main, ["touch", "/token/x"])).err, /Read-only/);
    return undefined;
  },

  async subpath_of_a_file_keeps_the_file({ pod, folder }) {
    const volume = folder();
    writeFileSync(`${volume}/conf`, "old");
    const its = await pod();
    const mounts = [{ host_path: `${volume}/conf`, container_path: "/etc/new/conf", readonly: true }];
    const main = await its.run("main", ["sleep", "100"], { mounts });
    writeFileSync(`${volume}/next`, "new");
    renameSync(`${volume}/next`, `${volume}/conf`);
    equal(await its.shell(main, "cat /etc/new/conf"), "old");
    return undefined;
  },

  async subpath_exchanged_for_a_link(cluster) {
    const { pod, folder } = cluster;
    const volume = folder();
    mkdirSync(`${volume}/sub`);
    writeFileSync(`${volume}/sub/mine`, "");
    // A kubelet binds the file that it has opened, and passes on that mount.
    const bound = folder();
    mount(cluster, bound, "--bind", `${volume}/sub`);
    renameSync(`${volume}/sub`, `${volume}/was`);
    symlinkSync("/etc", `${volume}/sub`);
    const its = await pod();
    const main = await its.run("main", ["sleep", "100"], {
      mounts: [{ host_path: bound, container_path: "/sub" }],
    });
    equal(await its.shell(main, "ls /sub"), "mine");
    return undefined;
  },

  async subpath_exchanged_meanwhile({ pod, folder }) {
    const [volume, inner] = [folder(), folder()];
    mkdirSync(`${volume}/d/x`, { recursive: true });
    const its = await pod();
    const mounts = [{ host_path: volume, container_path: "/vol" }];
    const exchange = "cd /vol; while :; do mv d e; ln -s / d; rm d; mv e d; done";
    await its.run("attacker", ["sh", "-c", exchange], { mounts });
    const both = [...mounts, { host_path: inner, container_path: "/vol/d/x" }];
    let started = 0;
    for (let round = 0; round < 15; round++) {
      const victim = await its.create(`victim${round}`, ["true"], { mounts: both });
      await its.start(victim).then(
        () => started++,
        () => {},
      );
    }
    // Other effects would be found as leftovers of the scenario.
    ok(!existsSync("/x"), "a mount point was made on the host");
    return `${started} of 15 started`;
  },

  async group_of_the_volume({ pod, folder }) {
    const volume = folder();
    chownSync(volume, 0, 2000);
    chmodSync(volume, 0o2775);
    const its = await pod();
    const security = {
      run_as_user: { value: 1000 },
      run_as_group: { value: 1000 },
      supplemental_groups: [2000],
    };
    const mounts = [{ host_path: volume, container_path: "/data" }];
    const main = await its.run("main", ["sleep", "100"], { mounts, security });
    await its.shell(main, "echo hi > /data/f");
    const { uid, gid } = statSync(`${volume}/f`);
    deepEqual([uid, gid], [1000, 2000]);
    return undefined;
  },

  async volume_in_memory(cluster) {
    const volume = cluster.folder();
    mount(cluster, volume, "-t", "tmpfs", "-o", "size=1m", "tmpfs");
    const its = await cluster.pod();
    const mounts = [{ host_path: volume, container_path: "/cache" }];
    const main = await its.run("main", ["sleep", "100"], { mounts });
    match((await its.exec(main, ["dd", "if=/dev/zero", "of=/cache/f", "bs=1M", "count=2"])).err, /No space/);
    return undefined;
  },

  async mounts_of_the_host_stay_unseen(cluster) {
    const volume = cluster.folder();
    mount(cluster, volume, "-t", "tmpfs", "tmpfs");
    command("mount", "--make-rshared", volume);
    mkdirSync(`${volume}/sub`);
    const its = await cluster.pod();
    const mounts = [{ host_path: volume, container_path: "/v", propagation: "PROPAGATION_PRIVATE" }];
    const main = await its.run("main", ["sleep", "100"], { mounts });
    mount(cluster, `${volume}/sub`, "-t", "tmpfs", "tmpfs");
    writeFileSync(`${volume}/sub/late`, "");
    equal(await its.shell(main, "ls /v/sub"), "");
    return undefined;
  },

  async destinations_through_links_of_the_image({ pod, folder }) {
    const volume = folder();
    writeFileSync(`${volume}/f`, "inside");
    const its = await pod();
    const mounts = ["/srv/evil/a", "/srv/climb/b"].map((container_path) => ({
      host_path: volume,
      container_path,
    }));
    const main = await its.run("main", ["sleep", "100"], { mounts });
    equal(await its.shell(main, "cat /etc/a/f /tmp/b/f"), "insideinside");
    ok(!existsSync("/etc/a") && !existsSync("/tmp/b"));
    return undefined;
  },

  async sources_of_every_kind({ pod, folder, after }) {
    const volume = folder();
    writeFileSync(`${volume}/file`, "text");
    symlinkSync(`${volume}/file`, `${volume}/link`);
    command("mkfifo", `${volume}/fifo`);
    command("mknod", `${volume}/device`, "c", "1", "3");
    const server = createServer().listen(`${volume}/socket`);
    after(() => server.close());
    const kinds = { file: "-", link: "-", fifo: "p", device: "c", socket: "s" };
    const its = await pod();
    const mounts = Object.keys(kinds).map((kind) => ({
      host_path: `${volume}/${kind}`,
      container_path: `/sources/${kind}`,
    }));
    const main = await its.run("main", ["sleep", "100"], { mounts });
    const seen = (
      await its.shell(
        main,
        "cd /sources; for f in file link fifo device socket; do ls -ld $f | cut -c1; done",
      )
    ).split("\n");
    deepEqual(seen, Object.values(kinds));
    return undefined;
  },

  async image_volume_of_a_user_namespace({ pod }) {
    const its = await pod({ security: USER_NAMESPACE });
    const mounts = [{ container_path: "/img", image: { image: PAUSE_IMAGE }, readonly: true, ...IDMAPPED }];
    const main = await its.run("main", ["sleep", "100"], { mounts });
    equal(await its.shell(main, "stat -c %u /img/pause"), "0");
    match((await its.exec(main, ["touch", "/img/x"])).err, /Read-only/);
    return undefined;
  },

  async image_volumes_below_each_other({ pod, folder }) {
    const volume = folder();
    writeFileSync(`${volume}/f`, "");
    const its = await pod();
    const mounts = [
      { container_path: "/img", image: { image: "docker.io/library/bb:latest" }, readonly: true },
      { container_path: "/img/data", host_path: volume },
    ];
    const main = await its.run("main", ["sleep", "100"], { mounts });
    equal(await its.shell(main, "ls /img/data; ls /img/bin/busybox"), "f\n/img/bin/busybox");
    return undefined;
  },

  async very_many_mounts({ pod, folder }) {
    const volume = folder();
    const numbers = Array.from({ length: MANY_MOUNTS }, (_, index) => index);
    for (const number of numbers) writeFileSync(`${volume}/${number}`, `${number}`);
    const its = await pod();
    const mounts = numbers.map((number) => ({
      host_path: `${volume}/${number}`,
      container_path: `/config/${number % 7}/${number}`,
      readonly: number % 2 === 0,
    }));
    const main = await its.run("main", ["sleep", "100"], { mounts });
    equal(await its.shell(main, "cat /config/3/10 /config/3/199 /config/0/0"), "101990");
    equal(await its.shell(main, "grep -c ' /config/' /proc/mounts"), String(MANY_MOUNTS));
    return undefined;
  },
};

/** Updates a volume as a kubelet does: atomically, by exchanging a link. */
function project(volume: string, value: string): void {
  mkdirSync(`${volume}/..${value}`);
  writeFileSync(`${volume}/..${value}/token`, value);
  symlinkSync(`..${value}`, `${volume}/..next`);
  renameSync(`${volume}/..next`, `${volume}/..data`);
  if (!existsSync(`${volume}/token`)) symlinkSync("..data/token", `${volume}/token`);
}

/** Mounts something until the scenario ends. */
function mount({ after }: Cluster, target: string, ...args: readonly string[]): void {
  command("mount", ...args, target);
  after(() => command("umount", target));
}
