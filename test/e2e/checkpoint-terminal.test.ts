// checkpoint and restore of a container with a terminal: restore's caller gets the new terminal's master.

import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { behaviour, nothingLeft } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { checkpoint, counter, needsCriu, restore } from "../support/criu.ts";
import { atTerminal, listenForTerminal, needsTerminal, type Step, seen } from "../support/terminal.ts";
import { until } from "../support/wait.ts";

t.setTimeout(600_000);

/** Runs it with a terminal that is held open until the checkpoint has ended the program. */
async function checkpointAtTerminal(box: Container): Promise<void> {
  const up = join(box.lab.folder, "up");
  const holding: Step[] = [{ expect: "up" }, { touch: up }, { expect: "the end" }];
  const { socket, taken } = await listenForTerminal(box.lab, ...holding);
  mustSucceed(await box.run({ flags: ["-d", "--console-socket", socket] }));
  await until("the program", () => existsSync(up));
  mustSucceed(await checkpoint(box));
  await taken;
  rmSync(socket);
}

behaviour(
  "a restored container's terminal goes to the console socket",
  async (t, lab) => {
    const box = counter(lab, (config) => {
      config.process.terminal = true;
      Container.script("echo up; while read line; do echo got-$line; done")(config);
    });
    await checkpointAtTerminal(box);
    const after = await listenForTerminal(lab, { send: "hello\r" }, { expect: "got-hello" });
    mustSucceed(await restore(box, { flags: ["-d", "--console-socket", after.socket] }));
    const { missing, descriptors } = await after.taken;
    t.strictSame({ missing, descriptors }, { missing: null, descriptors: 1 });
    await box.waitForStatus("stopped");
    mustSucceed(await box.delete());
  },
  needsCriu(),
  needsTerminal(),
);

behaviour(
  "in the foreground a restored container has the caller's terminal, and its status is the command's",
  async (t, lab) => {
    const box = counter(lab, (config) => {
      config.process.terminal = true;
      Container.script("echo up; read line; echo got-$line; exit 7")(config);
    });
    await checkpointAtTerminal(box);
    const restored = seen(
      await restore(box, { wrapper: atTerminal({ send: "hello\r" }, { expect: "got-hello" }) }),
    );
    t.strictSame([restored.missing, restored.code], [null, 7]);
    await nothingLeft(t, lab, "after restore");
  },
  needsCriu(),
  needsTerminal(),
);
