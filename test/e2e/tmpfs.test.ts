// A tmpfs copies from the directory that it covers: the mode, and with tmpcopyup the files.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, notOfCrun, notOfCrunBefore, refused } from "../support/behaviour.ts";
import type { ConfigMount } from "../support/config.ts";
import { Container } from "../support/container.ts";

const tmpfs = (destination: string): ConfigMount => ({ destination, type: "tmpfs", source: "tmpfs" });

const volumeAt = (destination: string, source: string): ConfigMount => {
  return { destination, type: "bind", source, options: ["bind"] };
};

function makeDirectory(path: string, mode: number): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
}

behaviour("tmpcopyup fills a tmpfs with what it covers", async (t, lab) => {
  const box = lab.container(Container.script("cat /etc/kept/file; rm /etc/kept/file; stat -c %a /etc/kept"));
  mkdirSync(join(box.rootfs, "etc/kept"), { mode: 0o750 });
  writeFileSync(join(box.rootfs, "etc/kept/file"), "kept\n");
  box.config.mounts.push({ destination: "/etc/kept", type: "tmpfs", source: "x", options: ["tmpcopyup"] });
  box.writeConfig();
  t.match(await box.live(), /^kept\n/);
  t.equal(readFileSync(join(box.rootfs, "etc/kept/file"), "utf8"), "kept\n", "the covered file is untouched");
});

behaviour(
  "every tmpfs has the mode of the directory that it covers",
  async (t, lab) => {
    const modes = { a: 0o711, b: 0o750, c: 0o700 };
    const box = lab.container(Container.script("stat -c '%n %a' /a /b /c"));
    for (const [name, mode] of Object.entries(modes)) {
      makeDirectory(join(box.rootfs, name), mode);
      box.config.mounts.push(tmpfs(`/${name}`));
    }
    box.writeConfig();
    t.equal(await box.live(), "/a 711\n/b 750\n/c 700\n");
  },
  notOfCrunBefore("1.28", "it has 1777"),
);

behaviour(
  "a tmpfs where the image has a FIFO is refused, and the FIFO not waited for",
  async (t, lab) => {
    const box = lab.container(Container.script("true"));
    execFileSync("mkfifo", [join(box.rootfs, "fifo")]);
    box.config.mounts.push(tmpfs("/fifo"));
    box.writeConfig();
    refused(t, await box.create(), /cannot mount "tmpfs" on "\/fifo": .*not a directory/);
    await nothingLeft(t, lab, "after create");
  },
  notOfCrun("it waits for the FIFO"),
);

behaviour(
  "a tmpfs has the mode of what a link leads to in the root",
  async (t, lab) => {
    const box = lab.container(Container.script("stat -c '%n %a' /real /far /new"));
    makeDirectory(join(box.rootfs, "real"), 0o701);
    makeDirectory(join(box.rootfs, "far"), 0o705);
    // An absolute link and one out of the root lead inside it.
    symlinkSync("/real", join(box.rootfs, "absolute"));
    symlinkSync("../../../far", join(box.rootfs, "out"));
    for (const name of ["absolute", "out", "new"]) {
      box.config.mounts.push({ ...tmpfs(`/${name}`), options: ["nosuid"] });
    }
    box.writeConfig();
    t.equal(await box.live(), "/real 701\n/far 705\n/new 1777\n");
  },
  notOfCrunBefore("1.28", "it has 1777"),
);

behaviour(
  "a tmpfs has the mode of what an earlier mount behind a link has put there",
  async (t, lab) => {
    const box = lab.container(Container.script("stat -c '%n %a' /real/sub /real/deep/sub /other /plain"));
    for (const name of ["real/sub", "other", "plain"]) {
      makeDirectory(join(box.rootfs, name), 0o700);
    }
    symlinkSync("/real", join(box.rootfs, "link"));
    symlinkSync("/other", join(box.rootfs, "again"));
    const volume = join(lab.folder, "volume");
    for (const [name, mode] of Object.entries({ sub: 0o711, "deep/sub": 0o705, "deep/new": 0o704 })) {
      makeDirectory(join(volume, name), mode);
    }
    box.config.mounts.push(
      tmpfs("/plain"),
      volumeAt("/link", volume),
      tmpfs("/real/sub"),
      tmpfs("/link/deep/sub"),
      volumeAt("/other", join(volume, "deep/new")),
      tmpfs("/again"),
    );
    box.writeConfig();
    t.equal(await box.live(), "/real/sub 711\n/real/deep/sub 705\n/other 704\n/plain 700\n");
  },
  notOfCrunBefore("1.28", "it has 1777"),
);

behaviour(
  "a mount behind a link neither hides the mount points that come later nor makes them",
  async (t, lab) => {
    const box = lab.container(Container.script("stat -c '%n %a' /first /real/missing /later"));
    mkdirSync(join(box.rootfs, "real"));
    symlinkSync("/real", join(box.rootfs, "link"));
    const volume = join(lab.folder, "volume");
    mkdirSync(volume);
    // The first is missing: all missing mount points are made with it, before anything is mounted on /real.
    box.config.mounts.push(
      tmpfs("/first"),
      volumeAt("/link", volume),
      tmpfs("/real/missing"),
      tmpfs("/later"),
    );
    box.writeConfig();
    t.equal(await box.live(), "/first 1777\n/real/missing 1777\n/later 1777\n");
    t.ok(statSync(join(volume, "missing")).isDirectory(), "made in what covers the root's directory");
  },
);

behaviour(
  "a tmpfs on what was missing has its own mode, wherever and whenever that was made",
  async (t, lab) => {
    const box = lab.container(Container.script("stat -c '%n %a' /dev/far/made /above /behind"));
    mkdirSync(join(box.rootfs, "there"));
    symlinkSync("/there", join(box.rootfs, "link"));
    // Missing mount points are made for all later mounts; those below /dev after that is mounted.
    box.config.mounts.unshift(volumeAt("/first", lab.folder));
    box.config.mounts.push(
      volumeAt("/second", lab.folder),
      tmpfs("/dev/far/made"),
      tmpfs("/above/below"),
      tmpfs("/above"),
      volumeAt("/link", lab.folder),
      tmpfs("/behind"),
    );
    box.writeConfig();
    // A mount below it has created the directory, with the usual mode.
    t.equal(await box.live(), "/dev/far/made 1777\n/above 755\n/behind 1777\n");
  },
  notOfCrun("of the mode of a directory that was there it keeps the sticky bit of a tmpfs"),
);
