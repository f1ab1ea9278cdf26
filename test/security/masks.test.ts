// CVE-2025-31133: a masked file is covered with the container's /dev/null, for which an image or volume may
// have put another file; covered with the target of a link, it would be writable instead of hidden.

import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attack, mendedIn } from "../support/attack.ts";
import { nothingLeft, notOfCrun, refused, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";

const CVE = "CVE-2025-31133";
const MASKED = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/etc/hidden"];

/** A container whose /dev is a volume, in which `null` is whatever the attacker wants. */
function withDev(lab: Lab, script: string): { box: Container; dev: string } {
  const dev = join(lab.folder, "dev");
  for (const name of ["", "pts", "shm", "mqueue"]) mkdirSync(join(dev, name), { recursive: true });
  const box = lab.container(Container.script(script));
  writeFileSync(join(box.rootfs, "etc/hidden"), "hidden");
  box.config.linux.maskedPaths = MASKED;
  const mount = { destination: "/dev", type: "bind", source: dev, options: ["rbind", "rw"] };
  box.config.mounts = box.config.mounts.map((one) => (one.destination === "/dev" ? mount : one));
  box.writeConfig();
  return { box, dev };
}

const FORGERIES: { [what: string]: (path: string, host: string) => void } = {
  "a link to a file of procfs": (path) => symlinkSync("/proc/sys/kernel/core_pattern", path),
  "a link to a file of the host": (path, host) => symlinkSync(host, path),
  "a link to the masked path itself": (path) => symlinkSync("/etc/hidden", path),
  "a file": (path) => writeFileSync(path, "forged"),
  "a directory": (path) => mkdirSync(path),
  "a FIFO": (path) => execFileSync("mkfifo", [path]),
  "another device": (path) => execFileSync("mknod", [path, "c", "1", "5"]),
};

for (const [what, forge] of Object.entries(FORGERIES)) {
  attack(
    CVE,
    `a /dev/null that is ${what} is refused, not mounted`,
    async (t, lab, outside) => {
      const { box, dev } = withDev(lab, "cat /proc/keys /etc/hidden; echo evil >/proc/keys");
      forge(join(dev, "null"), outside.file);
      refused(t, await box.create(), /\/dev\/null/);
      await nothingLeft(t, lab, "after the refusal");
      rmSync(join(dev, "null"), { recursive: true });
    },
    mendedIn("1.2.8"),
    notOfCrun("it starts the container all the same"),
  );
}

attack(
  CVE,
  "a real null of the volume's masks, and the mask cannot be lifted or written through",
  async (t, lab) => {
    const script = `for path in ${MASKED.join(" ")}; do stat -c %F:%t:%T $path; done
      umount /etc/hidden; cat /etc/hidden`;
    const { box, dev } = withDev(lab, script);
    execFileSync("mknod", ["-m", "666", join(dev, "null"), "c", "1", "3"]);
    const exists = MASKED.filter(
      (path) => path === "/etc/hidden" || statSync(path, { throwIfNoEntry: false }),
    );
    t.equal(await box.live(), "character special file:1:3\n".repeat(exists.length));
  },
);

attack(CVE, "a masked directory is empty and stays so", async (t, lab) => {
  const box = lab.container(
    Container.script(
      "ls /etc/secrets; touch /etc/secrets/x || echo denied; umount /etc/secrets || echo kept",
    ),
  );
  mkdirSync(join(box.rootfs, "etc/secrets"));
  writeFileSync(join(box.rootfs, "etc/secrets/key"), "secret");
  box.config.linux.maskedPaths = ["/etc/secrets"];
  box.writeConfig();
  t.equal(await box.live(), "denied\nkept\n");
});

attack(
  CVE,
  "a masked path behind a link of the image is masked where it leads, inside",
  async (t, lab, outside) => {
    const box = lab.container(Container.script("cat /etc/link; cat /etc/real; echo done"));
    writeFileSync(join(box.rootfs, "etc/real"), "visible");
    symlinkSync("../../../../etc/real", join(box.rootfs, "etc/link"));
    symlinkSync(outside.file, join(box.rootfs, "etc/astray"));
    box.config.linux.maskedPaths = ["/etc/link", "/etc/astray"];
    box.config.linux.readonlyPaths = ["/etc/astray", "/proc/sys"];
    box.writeConfig();
    t.equal(await box.live(), "done\n");
  },
);

attack(
  CVE,
  "masks come after every mount, so none of these can uncover what they hide",
  async (t, lab) => {
    const box = lab.container(Container.script("cat /proc/keys; [ -c /proc/keys ] && echo masked"));
    const volume = join(lab.folder, "volume");
    mkdirSync(volume);
    writeFileSync(join(volume, "keys"), "forged");
    box.config.mounts.push({
      destination: "/proc/cpuinfo",
      type: "bind",
      source: join(volume, "keys"),
      options: ["bind"],
    });
    box.config.linux.maskedPaths = ["/proc/keys"];
    box.writeConfig();
    t.equal(await box.live(), "masked\n");
    box.config.mounts.push({
      destination: "/proc/keys",
      type: "bind",
      source: join(volume, "keys"),
      options: ["bind"],
    });
    box.writeConfig();
    refused(t, await box.create(), /"\/proc\/keys"/);
    mustSucceed(await box.delete({ flags: ["--force"] }));
  },
  statSync("/proc/keys", { throwIfNoEntry: false }) === undefined
    ? "the kernel has no /proc/keys"
    : undefined,
  tsrunOnly("the version at hand may differ"),
);
