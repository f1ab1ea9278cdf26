// A host on which other processes rename and mount all the time: openat2(2) then fails with EAGAIN for a path
// with "..", and must be called again. And one on which processes that were killed get no processor for a
// while.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { needsProgram } from "../support/program.ts";
import { until } from "../support/wait.ts";

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

const PYTHON = "/usr/bin/python3";

/** Holds a process in its exit(2) for two seconds: PTRACE_SEIZE with PTRACE_O_TRACEEXIT, then PTRACE_CONT. */
const HOLD = `import ctypes, os, sys, time
pid = int(sys.argv[1])
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
ptrace.argtypes = [ctypes.c_long] * 4
if ptrace(0x4206, pid, 0, 0x40) != 0: sys.exit(os.strerror(ctypes.get_errno()))
print("held", flush=True)
os.waitpid(pid, 0x40000000)
time.sleep(2)
ptrace(7, pid, 0, 0)`;

for (const damaged of [false, true]) {
  behaviour(
    `delete --force waits for a killed process, with${damaged ? "out" : ""} a state that can be read`,
    async (t, lab) => {
      const box = lab.container((config) => {
        Container.script("sleep 1000 & exec sleep 1000")(config);
        config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "pid");
      });
      mustSucceed(await box.run({ flags: ["--detach"] }));
      const { pid } = await box.stateDocument();
      const other = await until("the second process", async () => {
        const { stdout } = await lab.invoke(["ps", "--format", "json", box.id]);
        return (JSON.parse(stdout) as number[]).find((one) => one !== pid);
      });
      const holder = spawn(PYTHON, ["-c", HOLD, `${other}`], { stdio: ["ignore", "pipe", "inherit"] });
      lab.atClose(() => holder.kill("SIGKILL"));
      await once(holder.stdout, "data");
      if (damaged) writeFileSync(join(lab.stateRoot, box.id, "state.json"), "{");
      const { code, stderr } = await box.delete({ flags: ["--force"] });
      t.equal(code, 0);
      t.notMatch(stderr, "cannot remove cgroup");
      await nothingLeft(t, lab, "after delete");
    },
    needsProgram(PYTHON, "python3"),
    tsrunOnly("gives up before that"),
  );
}
