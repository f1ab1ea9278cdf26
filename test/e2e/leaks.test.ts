// Many containers, one after the other and at the same time: the host must be as it was before.

import { readdirSync, readFileSync } from "node:fs";
import { behaviour, nothingLeft } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { cgroupHierarchies, hostMounts } from "../support/host.ts";

const IN_A_ROW = 200;
const FAILURES = 10;
const AT_ONCE = 20;

/** Counts that grow with anything that is leaked, under any name. */
function cgroupCount(): number {
  return cgroupHierarchies().reduce((sum, { mountpoint }) => sum + readdirSync(mountpoint).length, 0);
}

behaviour(`${IN_A_ROW} lives in a row leave nothing`, async (t, lab) => {
  const box = lab.container((config) => {
    config.linux.resources = { memory: { limit: 64 << 20 }, pids: { limit: 50 } };
  });
  const failures: string[] = [];
  for (let life = 0; life < IN_A_ROW; life += 1) {
    for (const step of ["create", "start"] as const) {
      const result = await box[step]();
      if (result.code !== 0) failures.push(`${step} ${life}: ${result.stderr}`);
    }
    await box.waitForStatus("stopped");
    const result = await box.delete();
    if (result.code !== 0) failures.push(`delete ${life}: ${result.stderr}`);
  }
  t.strictSame(failures, []);
  await nothingLeft(t, lab, `after ${IN_A_ROW} lives`);
});

behaviour(`${AT_ONCE} lives at once leave nothing`, async (t, lab) => {
  const boxes = Array.from({ length: AT_ONCE }, (_, index) =>
    lab.container(Container.script(`echo ${index}`)),
  );
  const outputs = await Promise.all(boxes.map((box) => box.live()));
  t.strictSame(
    outputs,
    boxes.map((_, index) => `${index}\n`),
  );
  await nothingLeft(t, lab, `after ${AT_ONCE} lives at once`);
});

behaviour(`${AT_ONCE} containers side by side are all there, and then none`, async (t, lab) => {
  const boxes = Array.from({ length: AT_ONCE }, () => lab.container(Container.script("exec sleep 1000")));
  for (const result of await Promise.all(boxes.map((box) => box.run({ flags: ["--detach"] }))))
    mustSucceed(result);
  const { stdout } = await lab.invoke(["list", "--format", "json"]);
  const listed = JSON.parse(stdout) as { id: string; status: string; pid: number }[];
  t.equal(listed.filter(({ status }) => status === "running").length, AT_ONCE);
  t.equal(new Set(listed.map(({ pid }) => pid)).size, AT_ONCE);
  const deleted = await Promise.all(boxes.map((box) => box.delete({ flags: ["--force"] })));
  for (const result of deleted) mustSucceed(result);
  await nothingLeft(t, lab, "after delete --force");
});

behaviour("of twenty that ask for one id at once, one gets it", async (t, lab) => {
  const box = lab.container(Container.script("exec sleep 1000"));
  const results = await Promise.all(Array.from({ length: AT_ONCE }, () => box.create()));
  t.equal(results.filter(({ code }) => code === 0).length, 1);
  mustSucceed(await box.start());
  t.equal((await box.stateDocument()).status, "running");
  mustSucceed(await box.delete({ flags: ["--force"] }));
  await nothingLeft(t, lab, "after delete --force");
});

behaviour("failed creates leave the host's mounts and cgroups as they were", async (t, lab) => {
  const before = { mounts: hostMounts().length, cgroups: cgroupCount() };
  const box = lab.container((config) => {
    config.process.args = ["nosuchprogram"];
  });
  for (let attempt = 0; attempt < FAILURES; attempt += 1) t.equal((await box.create()).code, 1);
  await nothingLeft(t, lab, "after ten failures");
  const busy = readFileSync("/proc/loadavg", "utf8");
  // Others mount something meanwhile, but not as often as creates have failed.
  t.ok(hostMounts().length < before.mounts + FAILURES, `mounts, with ${busy}`);
  t.ok(cgroupCount() <= before.cgroups + 100, "cgroups of other tests aside");
});
