// Where mounts, devices and directories are made if the image has links on the way. CVE-2021-30465 and
// CVE-2024-45310 need a race (see race.test.ts); for CVE-2026-41579 and CVE-2026-47766 a link at /dev is
// enough.

import { lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import { attack, mendedIn } from "../support/attack.ts";
import { notOfCrunBefore, refused } from "../support/behaviour.ts";
import type { Config } from "../support/config.ts";
import { type Container, mustSucceed } from "../support/container.ts";
import type { Outside } from "../support/outside.ts";

/** Every way to write "out of here": a runtime may resolve them inside, or refuse them. */
function waysOut(outside: Outside): string[] {
  return [
    outside.folder,
    `../../../../../../../../../..${outside.folder}`,
    `/proc/self/root${outside.folder}`,
    `/proc/1/root${outside.folder}`,
    "/proc/self/cwd/../../outside",
    "..",
  ];
}

interface Scene {
  readonly box: Container;
  readonly outside: Outside;
}

/** Checks that, whether create succeeds or not, the host is unchanged and the container can be deleted. */
async function stays(t: Test, { box, outside }: Scene, what: string): Promise<void> {
  const { code, stderr } = await box.create();
  t.strictSame(outside.changes(), [], what);
  t.strictSame(readdirSync(box.bundle).sort(), ["config.json", "rootfs"], what);
  if (code === 0) mustSucceed(await box.delete({ flags: ["--force"] }));
  else t.equal(stderr.trimEnd().split("\n").length, 1, "one line");
}

attack(
  "CVE-2021-30465",
  "a mount destination behind a link of the image stays inside",
  async (t, lab, outside) => {
    const forms: Config["mounts"] = [
      { destination: "/vol/made", type: "tmpfs", source: "tmpfs" },
      { destination: "/vol/folder", type: "bind", source: "/etc", options: ["bind"] },
      { destination: "/vol/file", type: "bind", source: "/etc/hostname", options: ["bind"] },
      { destination: "/vol", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup"] },
    ];
    for (const target of waysOut(outside)) {
      for (const form of forms) {
        const box = lab.container();
        symlinkSync(target, join(box.rootfs, "vol"));
        box.config.mounts.push(form);
        box.writeConfig();
        await stays(t, { box, outside }, `${form.destination} with ${target}`);
      }
    }
  },
  mendedIn("1.1.0"),
);

attack(
  "CVE-2021-30465",
  "nor does a volume's link lead a second mount out",
  async (t, lab, outside) => {
    for (const target of waysOut(outside)) {
      const volume = join(lab.folder, "volume");
      rmSync(volume, { recursive: true, force: true });
      mkdirSync(volume);
      symlinkSync(target, join(volume, "link"));
      const box = lab.container();
      box.config.mounts.push(
        { destination: "/vol", type: "bind", source: volume, options: ["rbind"] },
        { destination: "/vol/link/made", type: "tmpfs", source: "tmpfs" },
        { destination: "/vol/link/file", type: "bind", source: "/etc/hostname", options: ["bind"] },
      );
      box.writeConfig();
      await stays(t, { box, outside }, target);
    }
  },
  mendedIn("1.1.0"),
);

attack(
  "CVE-2024-45310",
  "no empty file or directory is made on the host",
  async (t, lab, outside) => {
    for (const target of waysOut(outside)) {
      const box = lab.container();
      symlinkSync(target, join(box.rootfs, "var/link"));
      box.config.process.cwd = "/var/link/working/directory";
      box.config.mounts.push(
        { destination: "/var/link/a/b/c", type: "tmpfs", source: "tmpfs" },
        { destination: "/var/link/d/e", type: "bind", source: "/etc/hostname", options: ["bind"] },
      );
      box.config.linux.devices = [{ type: "c", path: "/var/link/f/null", major: 1, minor: 3 }];
      box.writeConfig();
      await stays(t, { box, outside }, target);
    }
  },
  mendedIn("1.2.0"),
);

for (const cve of ["CVE-2026-41579", "CVE-2026-47766"]) {
  attack(
    cve,
    "a /dev that is a link of the image's gets no devices outside",
    async (t, lab, outside) => {
      for (const target of waysOut(outside)) {
        const box = lab.container((config) => {
          config.mounts = config.mounts.filter(({ destination }) => !destination.startsWith("/dev"));
          config.linux.devices = [
            { type: "c", path: "/dev/made", major: 1, minor: 3, fileMode: 0o600, uid: 5, gid: 5 },
          ];
        });
        rmSync(join(box.rootfs, "dev"), { recursive: true });
        symlinkSync(target, join(box.rootfs, "dev"));
        await stays(t, { box, outside }, target);
      }
    },
    mendedIn("1.5.1"),
    notOfCrunBefore("1.28", "it makes them outside"),
  );
}

attack(
  "CVE-2026-41579",
  "what stands at a device's place is left as it is, and a link there not followed",
  async (t, lab, outside) => {
    const box = lab.container((config) => {
      config.mounts = config.mounts.filter(({ destination }) => !destination.startsWith("/dev"));
      config.linux.devices = [
        { type: "c", path: "/dev/made", major: 1, minor: 3, fileMode: 0o666, uid: 5, gid: 5 },
      ];
    });
    for (const make of [
      (path: string) => symlinkSync(outside.file, path),
      (path: string) => writeFileSync(path, "of the image", { mode: 0o600 }),
      (path: string) => mkdirSync(path),
    ]) {
      const path = join(box.rootfs, "dev/made");
      rmSync(path, { recursive: true, force: true });
      make(path);
      const before = lstatSync(path);
      const { code } = await box.create();
      t.strictSame(outside.changes(), []);
      const after = lstatSync(path);
      t.strictSame([after.ino, after.mode, after.uid], [before.ino, before.mode, before.uid], "as it was");
      if (code === 0) mustSucceed(await box.delete({ flags: ["--force"] }));
    }
  },
  mendedIn("1.5.1"),
);

attack("CVE-2021-30465", "links that go round in circles end in a refusal", async (t, lab) => {
  const box = lab.container();
  symlinkSync("b", join(box.rootfs, "var/a"));
  symlinkSync("a", join(box.rootfs, "var/b"));
  symlinkSync("self/x", join(box.rootfs, "var/self"));
  for (const destination of ["/var/a", "/var/a/deeper", "/var/self", "/var/self/x"]) {
    box.config.mounts = [{ destination, type: "tmpfs", source: "tmpfs", options: [] }];
    box.writeConfig();
    refused(
      t,
      await box.create(),
      new RegExp(`"tmpfs" on "${destination}".*too many levels of symbolic links`),
    );
  }
});
