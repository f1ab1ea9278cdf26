// Texts that are too long for their place. CVE-2021-43784: an overflow of a 16-bit length let one part of the
// configuration replace another. tsrun sends no such messages; long texts are split or refused.

import { execFileSync } from "node:child_process";
import { readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attack } from "../support/attack.ts";
import { nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { needsProgram } from "../support/program.ts";
import { isTsrun } from "../support/runtime.ts";

const CVE = "CVE-2021-43784";
/** UID_GID_MAP_MAX_EXTENTS of linux/user_namespace.h. */
const MOST_MAPPINGS = 340;
const OVERFLOW = 1 << 16;
/** Enough for an exec, but not for a list of all lines of a large file as well. */
const LITTLE_MEMORY = ["prlimit", `--data=${48 << 20}`];

function mappings(count: number): { containerID: number; hostID: number; size: number }[] {
  // Every other id of the host, so that none can be joined; in few digits, since a page has to hold them all.
  return Array.from({ length: count }, (_, index) => ({
    containerID: index,
    hostID: 1_000 + 2 * index,
    size: 1,
  }));
}

attack(
  CVE,
  "as many id mappings as the kernel takes arrive one by one, and one more is refused",
  async (t, lab) => {
    const box = lab.container(Container.script("cat /proc/self/uid_map"));
    box.config.linux.namespaces.push({ type: "user" });
    box.config.linux.uidMappings = mappings(MOST_MAPPINGS);
    box.config.linux.gidMappings = mappings(MOST_MAPPINGS);
    box.writeConfig();
    const lines = (await box.live()).trimEnd().split("\n");
    t.strictSame(
      lines.map((line) => line.trim().split(/\s+/).map(Number)),
      mappings(MOST_MAPPINGS).map((one) => Object.values(one)),
    );
    box.config.linux.uidMappings = mappings(MOST_MAPPINGS + 1);
    box.writeConfig();
    refused(t, await box.create(), /uid|map/i);
    await nothingLeft(t, lab, "after the refusal");
  },
);

attack(CVE, "texts longer than 64 KiB are neither cut nor taken for something else", async (t, lab) => {
  const long = "x".repeat(OVERFLOW + 12);
  const box = lab.container((config) => {
    config.process.args = [
      "/bin/sh",
      "-c",
      `printf %s "$1" | wc -c; printf %s "$LONG" | wc -c; id -u`,
      "sh",
      long,
    ];
    config.process.env = ["PATH=/bin", `LONG=${long}`];
    config.process.user = { uid: 1000, gid: 1000 };
    config.annotations = { long, "org.example": long };
  });
  t.equal(await box.live(), `${long.length}\n${long.length}\n1000\n`);
});

attack(CVE, "a value that is too long for its place is refused in one line", async (t, lab) => {
  const long = "x".repeat(OVERFLOW + 12);
  const fresh = () => lab.container();
  const host = fresh();
  host.config.hostname = long;
  const sysctl = fresh();
  sysctl.config.linux.sysctl = { "net.ipv4.ip_forward": long };
  const device = fresh();
  device.config.linux.devices = [{ type: "c", path: `/dev/${long}`, major: 1, minor: 3 }];
  const mount = fresh();
  mount.config.mounts.push({ destination: `/${long}`, type: "tmpfs", source: "tmpfs" });
  const data = fresh();
  data.config.mounts.push({ destination: "/tmp", type: "tmpfs", source: "tmpfs", options: [`size=${long}`] });
  const program = fresh();
  program.config.process.args = [`/${long}`];
  for (const box of [host, sysctl, device, mount, data, program]) {
    box.writeConfig();
    const result = await box.create();
    t.equal(result.code, 1);
    // runc 1.3 has warnings before it.
    if (isTsrun) t.equal(result.stderr.trimEnd().split("\n").length, 1);
  }
  await nothingLeft(t, lab, "after the refusals");
});

attack(
  CVE,
  "files of the image that never end are not read to their end",
  async (t, lab) => {
    const box = lab.container(Container.script("echo ran $HOME; exec sleep 1000"));
    const passwd = join(box.rootfs, "etc/passwd");
    for (const make of [
      () => symlinkSync("/dev/zero", passwd),
      () => execFileSync("mkfifo", [passwd]),
      () => execFileSync("truncate", ["--size=8G", passwd]),
      () => symlinkSync("passwd", passwd),
      () => writeFileSync(passwd, "root:x:0".repeat(100_000)),
      () => writeFileSync(passwd, "\n".repeat(4 << 20)),
      () => writeFileSync(passwd, "x:x:1\n".repeat(700_000)),
    ]) {
      rmSync(passwd, { force: true });
      make();
      mustSucceed(await box.run({ flags: ["--detach"] }));
      const exec = await lab.invoke(["exec", box.id, "echo", "ran"], { wrapper: LITTLE_MEMORY });
      t.equal(exec.stdout, "ran\n");
      mustSucceed(await box.delete({ flags: ["--force"] }));
    }
  },
  tsrunOnly("it refuses lines of more than 64 KiB"),
  needsProgram("prlimit", "util-linux"),
);

attack(
  "terminal",
  "no name of a folder, a key or a value gives orders to the terminal that messages are read at",
  async (t, lab) => {
    const order = "\u001b]0;title\u0007\u009b2J";
    const box = lab.container();
    box.writeConfig(JSON.stringify({ ...box.config, [order]: order, hostname: 5, ociVersion: order }));
    const told = [await box.create(), await lab.invoke(["validate", box.bundle])];
    const bundle = join(lab.folder, order);
    renameSync(box.bundle, bundle);
    symlinkSync(bundle, box.bundle);
    told.push(await lab.invoke(["create", "--bundle", bundle, box.id]));
    box.writeConfig();
    mustSucceed(await lab.invoke(["create", "--bundle", bundle, box.id]));
    told.push(mustSucceed(await lab.invoke(["list"])));
    const state = join(lab.stateRoot, box.id, "state.json");
    const good = readFileSync(state, "utf8");
    writeFileSync(state, good.replace('"paths":{', `"paths":{${JSON.stringify(order)}:5,`));
    told.push(await lab.invoke(["list"]));
    writeFileSync(state, good);
    mustSucceed(await box.delete({ flags: ["--force"] }));
    for (const { stdout, stderr } of told) {
      t.match(`${stdout}${stderr}`, /\\u001b\]0;title/);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
      t.notMatch(`${stdout}${stderr}`, /[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
    }
    await nothingLeft(t, lab, "after delete");
  },
  tsrunOnly("it writes some of them as they are"),
);
