// `diff` on a kernel that lacks the calls by which it looks at paths: what it says does not change.

import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { behaviour, tsrunOnly } from "../support/behaviour.ts";
import { mustSucceed } from "../support/container.ts";
import { amongMounts, diff, told } from "../support/drift.ts";
import { needsProgram } from "../support/program.ts";
import { without } from "../support/without.ts";

t.setTimeout(300_000);

for (const call of ["openat2", "statx"] as const) {
  behaviour(
    `without ${call}, mounts behind links are found, and those that are gone are told`,
    async (t, lab) => {
      const box = lab.container((config) => {
        config.process.args = ["/bin/sleep", "1000"];
        config.mounts.push({ destination: "/link/inner", type: "tmpfs", source: "tmpfs" });
        config.linux.maskedPaths = ["/etc/group"];
        config.linux.readonlyPaths = ["/link"];
      });
      mkdirSync(join(box.rootfs, "real"));
      symlinkSync("real", join(box.rootfs, "link"));
      mustSucceed(await box.run({ flags: ["--detach"] }));
      const { pid } = await box.stateDocument();
      const before = await diff(box, without(call));
      t.strictSame([before.code, before.differences, before.unseen], [0, [], []]);
      amongMounts(pid, "umount", "/etc/group");
      t.strictSame(told(await diff(box, without(call))), ["mounts /etc/group: masked -> visible"]);
    },
    needsProgram("nsenter", "util-linux"),
    tsrunOnly("has no diff command"),
  );
}
