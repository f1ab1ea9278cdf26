// Many execs and containers under tsrun as containerd's shim: none of them leaves anything in its memory.
// SHIM_EXECS=24000 runs as many as a probe every few seconds runs in days.

import { closeSync, constants, openSync } from "node:fs";
import { needsController } from "../support/behaviour.ts";
import { optionsFor, refusal } from "../support/shim.ts";
import { privateKib, processOf, shimCase, shimWith, sleeping, sleepingInPod } from "../support/shim-cases.ts";

const EXECS = Number(process.env.SHIM_EXECS ?? 400);
/** Until then the shim still grows to its size. */
const WARM_UP = 100;
const SIDE_BY_SIDE = 4;
/** The memory is noted after as many of them, and at the end. */
const MARKS = [1_000, 4_000, 12_000];
/** An exec that left 1 KiB would exceed this after 200. */
const MOST_KIB = 200;

shimCase(`after ${EXECS} execs the shim is as large as after ${WARM_UP}`, async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { client, box } = shim;
  const { id } = box;
  const [stdout, stderr] = [shim.fifo("out"), shim.fifo("err")];
  const readers = [stdout, stderr].map((path) => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK));
  const spec = processOf(shim, "exit 0");
  let count = 0;
  const exec = async (): Promise<void> => {
    const execId = `e${count++}`;
    await client.call("Exec", { id, execId, stdout, stderr, spec });
    await client.call("Start", { id, execId });
    await client.call("Wait", { id, execId });
    await client.call("Delete", { id, execId });
  };
  const upTo = async (total: number): Promise<number> => {
    const worker = async (): Promise<void> => {
      while (count < total) await exec();
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, worker));
    const kib = privateKib(shim.pid);
    t.comment(`${kib} KiB after ${count} execs`);
    return kib;
  };
  const before = await upTo(WARM_UP);
  for (const mark of MARKS) if (mark < EXECS) await upTo(mark);
  const after = await upTo(EXECS);
  t.ok(after <= before + MOST_KIB, `${before} KiB before, ${after} KiB after`);
  for (const reader of readers) closeSync(reader);
  await shim.stop();
});

shimCase(
  "nor do execs that a full container refuses",
  async (t, lab) => {
    const shim = await shimWith("running", lab, (config) => {
      sleeping(config);
      config.linux.resources = { pids: { limit: 1 } };
    });
    const { client, box } = shim;
    const { id } = box;
    let count = 0;
    const upTo = async (total: number): Promise<number> => {
      for (; count < total; count++) {
        const execId = `e${count}`;
        await client.call("Exec", { id, execId, spec: processOf(shim, "exit 0") });
        const [code] = await refusal(client.call("Start", { id, execId }));
        if (code === 0) t.fail("it was not refused");
        await client.call("Delete", { id, execId });
      }
      return privateKib(shim.pid);
    };
    const before = await upTo(20);
    const after = await upTo(60);
    t.ok(after <= before + MOST_KIB, `${before} KiB before, ${after} KiB after`);
    await shim.stop();
  },
  needsController("pids"),
);

shimCase("nor do containers of a pod that have been removed", async (t, lab) => {
  const shim = await shimWith("running", lab, sleepingInPod);
  const { client } = shim;
  let count = 0;
  const upTo = async (total: number): Promise<number> => {
    for (; count < total; count++) {
      const { id, bundle } = lab.container(sleepingInPod);
      await client.call("Create", { id, bundle, options: optionsFor(lab) });
      await client.call("Start", { id });
      await client.call("Kill", { id, signal: 9 });
      await client.call("Wait", { id });
      await client.call("Delete", { id });
    }
    return privateKib(shim.pid);
  };
  const before = await upTo(15);
  const after = await upTo(80);
  t.ok(after <= before + MOST_KIB, `${before} KiB before, ${after} KiB after`);
  await shim.stop();
});
