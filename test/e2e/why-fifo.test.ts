// `why` about a program that opens a FIFO: it waits, which may be what is wanted.

import { execFileSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, tsrunOnly } from "../support/behaviour.ts";
import { mustSucceed } from "../support/container.ts";
import { until } from "../support/wait.ts";
import { stuck, why } from "../support/why.ts";

behaviour(
  "a program that opens a FIFO waits for the other end, and for nothing when that is open",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.process.args = ["/bin/cat", "/tmp/fifo"];
    });
    const fifo = join(box.rootfs, "tmp/fifo");
    execFileSync("mkfifo", [fifo]);
    mustSucceed(await box.create());
    mustSucceed(await box.start());
    const report = await until("it to open the FIFO", async () => {
      const found = await why(lab, box.id);
      return found.about("fifo") === undefined ? undefined : found;
    });
    t.match(report, { code: 0, state: "running", wrong: false });
    t.match(report.about("fifo"), {
      weight: "waits",
      words: /^process \d+ \(\/bin\/cat \/tmp\/fifo\) opens a FIFO, and nobody opens the other end$/,
      details: [/^in the kernel: (wait_for_partner|fifo_open)\b/, /^in the call open(at)?\(2\)$/],
    });
    t.match(await stuck(lab), { code: 0, reports: [] }, "a wait that may be wanted hangs nothing");
    appendFileSync(fifo, "text\n");
    await box.waitForStatus("stopped");
    t.equal(box.output(), "text\n");
  },
  tsrunOnly("has no why command"),
);
