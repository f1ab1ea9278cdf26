// A host on which other processes rename and mount all the time: openat2(2) then fails with EAGAIN for a path
// with "..", and must be called again.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";

const CREATES = 25;
/** Each is one more path walk with "..". */
const MASKS = 40;

/** Renames a file back and forth, without a pause, until the lab is closed. */
async function renamer(lab: Lab): Promise<ChildProcess> {
  const [one, other] = [join(lab.folder, "one"), join(lab.folder, "other")];
  writeFileSync(one, "");
  const script = `const { renameSync } = require("node:fs"); console.log("up");
    for (;;) { renameSync(${JSON.stringify(one)}, ${JSON.stringify(other)});
      renameSync(${JSON.stringify(other)}, ${JSON.stringify(one)}); }`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  lab.atClose(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child;
}

behaviour("links of the image that lead up are followed while others rename", async (t, lab) => {
  const box = lab.container(Container.script("cat /etc/up && ls /etc/directory"));
  mkdirSync(join(box.rootfs, "var/deep/empty"), { recursive: true });
  writeFileSync(join(box.rootfs, "var/deep/file"), "visible\n");
  symlinkSync("../var/../var/deep/../deep/file", join(box.rootfs, "etc/up"));
  symlinkSync("../var/../var/deep/../deep", join(box.rootfs, "etc/directory"));
  // Of the directory the mask is last: it hides the file's.
  box.config.linux.maskedPaths = [...Array<string>(MASKS).fill("/etc/up"), "/etc/directory"];
  box.writeConfig();
  const child = await renamer(lab);
  for (let round = 0; round < CREATES; round += 1) {
    mustSucceed(await box.create());
    mustSucceed(await box.delete({ flags: ["--force"] }));
  }
  t.equal(child.exitCode, null, "they were renaming all the while");
  await nothingLeft(t, lab, "after delete");
});
