// A tmpfs takes over what it covers: the mode of the directory, and with tmpcopyup what is in it.

import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour } from "../support/behaviour.ts";
import { Container } from "../support/container.ts";

behaviour("tmpcopyup fills a tmpfs with what it covers", async (t, lab) => {
  const box = lab.container(Container.script("cat /etc/kept/file; rm /etc/kept/file; stat -c %a /etc/kept"));
  mkdirSync(join(box.rootfs, "etc/kept"), { mode: 0o750 });
  writeFileSync(join(box.rootfs, "etc/kept/file"), "kept\n");
  box.config.mounts.push({ destination: "/etc/kept", type: "tmpfs", source: "x", options: ["tmpcopyup"] });
  box.writeConfig();
  t.match(await box.live(), /^kept\n/);
  t.equal(readFileSync(join(box.rootfs, "etc/kept/file"), "utf8"), "kept\n", "the covered file is untouched");
});

behaviour("every tmpfs has the mode of the directory that it covers", async (t, lab) => {
  const modes = { a: 0o711, b: 0o750, c: 0o700 };
  const box = lab.container(Container.script("stat -c '%n %a' /a /b /c"));
  for (const [name, mode] of Object.entries(modes)) {
    mkdirSync(join(box.rootfs, name));
    chmodSync(join(box.rootfs, name), mode);
    box.config.mounts.push({ destination: `/${name}`, type: "tmpfs", source: "tmpfs" });
  }
  box.writeConfig();
  t.equal(await box.live(), "/a 711\n/b 750\n/c 700\n");
});

behaviour("a tmpfs has the mode of what a link leads to in the root", async (t, lab) => {
  const box = lab.container(Container.script("stat -c '%n %a' /real /far /new"));
  mkdirSync(join(box.rootfs, "real"));
  chmodSync(join(box.rootfs, "real"), 0o701);
  mkdirSync(join(box.rootfs, "far"));
  chmodSync(join(box.rootfs, "far"), 0o705);
  // An absolute link and one out of the root lead inside it.
  symlinkSync("/real", join(box.rootfs, "absolute"));
  symlinkSync("../../../far", join(box.rootfs, "out"));
  for (const name of ["absolute", "out", "new"]) {
    box.config.mounts.push({
      destination: `/${name}`,
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid"],
    });
  }
  box.writeConfig();
  t.equal(await box.live(), "/real 701\n/far 705\n/new 1777\n");
});

behaviour("a tmpfs has the mode of what an earlier mount behind a link has put there", async (t, lab) => {
  const box = lab.container(Container.script("stat -c '%n %a' /real/sub /real/deep/sub /other /plain"));
  for (const name of ["real/sub", "other", "plain"]) {
    mkdirSync(join(box.rootfs, name), { recursive: true });
    chmodSync(join(box.rootfs, name), 0o700);
  }
  symlinkSync("/real", join(box.rootfs, "link"));
  symlinkSync("/other", join(box.rootfs, "again"));
  const volume = join(lab.folder, "volume");
  for (const [name, mode] of Object.entries({ sub: 0o711, "deep/sub": 0o705, "deep/new": 0o704 })) {
    mkdirSync(join(volume, name), { recursive: true });
    chmodSync(join(volume, name), mode);
  }
  const tmpfs = (destination: string) => ({ destination, type: "tmpfs", source: "tmpfs" });
  box.config.mounts.push(
    tmpfs("/plain"),
    { destination: "/link", type: "bind", source: volume, options: ["bind"] },
    tmpfs("/real/sub"),
    tmpfs("/link/deep/sub"),
    { destination: "/other", type: "bind", source: join(volume, "deep/new"), options: ["bind"] },
    tmpfs("/again"),
  );
  box.writeConfig();
  t.equal(await box.live(), "/real/sub 711\n/real/deep/sub 705\n/other 704\n/plain 700\n");
});

behaviour(
  "a mount behind a link neither hides the mount points that come later nor makes them",
  async (t, lab) => {
    const box = lab.container(Container.script("stat -c '%n %a' /first /real/missing /later"));
    mkdirSync(join(box.rootfs, "real"));
    symlinkSync("/real", join(box.rootfs, "link"));
    const volume = join(lab.folder, "volume");
    mkdirSync(volume);
    const tmpfs = (destination: string) => ({ destination, type: "tmpfs", source: "tmpfs" });
    // The first is missing: what else is missing is made along with it, before anything lies on /real.
    box.config.mounts.push(
      tmpfs("/first"),
      { destination: "/link", type: "bind", source: volume, options: ["bind"] },
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
    const tmpfs = (destination: string) => ({ destination, type: "tmpfs", source: "tmpfs" });
    const volume = { type: "bind", source: lab.folder, options: ["bind"] };
    // What is missing is made for all that come later, those below /dev when that is mounted.
    box.config.mounts.unshift({ destination: "/first", ...volume });
    box.config.mounts.push(
      { destination: "/second", ...volume },
      tmpfs("/dev/far/made"),
      tmpfs("/above/below"),
      tmpfs("/above"),
      { destination: "/link", ...volume },
      tmpfs("/behind"),
    );
    box.writeConfig();
    // A mount below it has made the directory, as directories are made.
    t.equal(await box.live(), "/dev/far/made 1777\n/above 755\n/behind 1777\n");
  },
);
