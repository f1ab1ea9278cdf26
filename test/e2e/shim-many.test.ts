// More execs at once than the limit allows that containerd leaves a shim.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { Shim } from "../support/shim.ts";
import { processOf, readFifo, STATES, shimCase, sleeping } from "../support/shim-cases.ts";

const SOFT = 200;

/** Sets this process's own limit, which a shim inherits, and returns it as it was. */
function limitOpenFiles(limit: string): string {
  const own = ["--pid", String(process.pid)];
  const columns = ["--output", "SOFT,HARD", "--noheadings", "--nofile"];
  const before = execFileSync("prlimit", [...own, ...columns], { encoding: "utf8" });
  execFileSync("prlimit", [...own, `--nofile=${limit}`]);
  return before.trim().split(/\s+/).join(":");
}

shimCase("execs may need more descriptors than the soft limit, which they get unchanged", async (t, lab) => {
  const before = limitOpenFiles(`${SOFT}:`);
  const shim = await Shim.start(lab, lab.container(sleeping)).finally(() => limitOpenFiles(before));
  await STATES.running(shim);
  const { client, box } = shim;
  const { id } = box;
  const spec = processOf(shim, "ulimit -Sn; sleep 2");
  const ids = Array.from({ length: 40 }, (_, index) => `e${index}`);
  for (const execId of ids) for (const name of ["out", "err"]) shim.fifo(`${execId}-${name}`);
  const run = async (execId: string): Promise<string> => {
    const [stdout, stderr] = [join(box.bundle, `${execId}-out`), join(box.bundle, `${execId}-err`)];
    await client.call("Exec", { id, execId, stdout, stderr, spec });
    const [out, err] = [readFifo(stdout), readFifo(stderr)];
    await client.call("Start", { id, execId });
    await client.call("Wait", { id, execId });
    await client.call("Delete", { id, execId });
    return (await out) + (await err);
  };
  t.strictSame([...new Set(await Promise.all(ids.map(run)))], [`${SOFT}\n`]);
  await shim.stop();
});
