// CVE-2025-52565: the container controls the paths /dev/console and /dev/pts/ptmx, and a volume may be on
// /dev.

import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attack, mendedIn } from "../support/attack.ts";
import { nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { unreadConsole } from "../support/terminal.ts";

const CVE = "CVE-2025-52565";

interface Scene {
  readonly box: Container;
  readonly dev: string;
  readonly flags: readonly string[];
}

/** A container with a terminal whose /dev is a volume. */
async function withDev(lab: Lab, { devpts }: { devpts: boolean }): Promise<Scene> {
  const dev = join(lab.folder, "dev");
  for (const name of ["", "pts", "shm", "mqueue"]) mkdirSync(join(dev, name), { recursive: true });
  execFileSync("mknod", ["-m", "666", join(dev, "null"), "c", "1", "3"]);
  const box = lab.container(Container.script("exec sleep 1000"));
  box.config.process.terminal = true;
  const mount = { destination: "/dev", type: "bind", source: dev, options: ["rbind", "rw"] };
  box.config.mounts = box.config.mounts
    .map((one) => (one.destination === "/dev" ? mount : one))
    .filter(({ type }) => devpts || type !== "devpts");
  box.writeConfig();
  return { box, dev, flags: ["--console-socket", unreadConsole(lab)] };
}

attack(
  CVE,
  "a /dev/console that is a link is not followed",
  async (t, lab, outside) => {
    const { box, dev, flags } = await withDev(lab, { devpts: true });
    for (const target of [
      outside.file,
      join(outside.folder, "made"),
      "/proc/sys/kernel/core_pattern",
      "pts/ptmx",
    ]) {
      symlinkSync(target, join(dev, "console"));
      const { code } = await box.create({ flags });
      t.equal(code, 1, `link to ${target}`);
      await nothingLeft(t, lab, "after the refusal");
      t.strictSame(outside.changes(), [], target);
      rmSync(join(dev, "console"));
    }
  },
  mendedIn("1.2.8"),
);

attack(
  CVE,
  "a /dev/console that is a file or a device is covered by the terminal",
  async (t, lab) => {
    const { box, dev, flags } = await withDev(lab, { devpts: true });
    for (const make of [
      (path: string) => writeFileSync(path, "of the volume"),
      (path: string) => execFileSync("mknod", [path, "c", "5", "1"]),
      (path: string) => execFileSync("mkfifo", [path]),
    ]) {
      make(join(dev, "console"));
      mustSucceed(await box.create({ flags }));
      const { stdout } = mustSucceed(await lab.invoke(["exec", box.id, "stat", "-c", "%t", "/dev/console"]));
      t.equal(stdout, "88\n", "a pty's slave, major number 136");
      mustSucceed(await box.delete({ flags: ["--force"] }));
      rmSync(join(dev, "console"));
    }
  },
  tsrunOnly("it opens the node, which the device cgroup forbids"),
);

attack(
  CVE,
  "a multiplexer that is none of a devpts is refused",
  async (t, lab, outside) => {
    const { box, dev, flags } = await withDev(lab, { devpts: false });
    const ptmx = join(dev, "pts/ptmx");
    for (const [what, make] of [
      ["missing", () => {}],
      ["a link", () => symlinkSync("/dev/null", ptmx)],
      ["a link to the host's", () => symlinkSync(outside.file, ptmx)],
      ["a file", () => writeFileSync(ptmx, "")],
      ["another device", () => execFileSync("mknod", [ptmx, "c", "1", "3"])],
      ["a node like it, of no devpts", () => execFileSync("mknod", ["-m", "666", ptmx, "c", "5", "2"])],
    ] as const) {
      make();
      refused(t, await box.create({ flags }), /terminal/);
      t.comment(what);
      await nothingLeft(t, lab, "after the refusal");
      rmSync(ptmx, { force: true });
    }
  },
  mendedIn("1.2.8"),
);
