// Terminals of processes under tsrun as containerd's shim: what the processes do with them.

import { closeSync, constants, existsSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { Container } from "../support/container.ts";
import { Shim } from "../support/shim.ts";
import { readFifo, shimCase } from "../support/shim-cases.ts";
import { until } from "../support/wait.ts";

const withTerminal =
  (script: string) =>
  (config: Container["config"]): void => {
    Container.script(script)(config);
    config.process.terminal = true;
  };

// As an init such as systemd does: it opens the console for each of its lines.
const LETS_GO = "echo before; exec </dev/null >/dev/null 2>&1; sleep 1";

shimCase("a terminal is passed on after nobody has had it open for a while", async (t, lab) => {
  const script = `${LETS_GO}; echo one >/dev/console; sleep 1; echo two >/dev/console`;
  const shim = await Shim.start(lab, lab.container(withTerminal(script)));
  const stdout = shim.fifo("out");
  const out = readFifo(stdout);
  await shim.create({ stdout, terminal: true });
  await shim.client.call("Start", { id: shim.box.id });
  await shim.client.call("Wait", { id: shim.box.id });
  t.equal(await out, "before\r\none\r\ntwo\r\n");
  await shim.stop();
});

shimCase("input reaches a terminal after nobody has had it open for a while", async (t, lab) => {
  const script = `${LETS_GO}; exec </dev/console >/dev/console; touch /ready; read line; echo got $line`;
  const shim = await Shim.start(lab, lab.container(withTerminal(script)));
  const [stdin, stdout] = [shim.fifo("in"), shim.fifo("out")];
  const out = readFifo(stdout);
  await shim.create({ stdin, stdout, terminal: true });
  await shim.client.call("Start", { id: shim.box.id });
  await until("it to be open again", () => existsSync(join(shim.box.rootfs, "ready")));
  // Without a reader this is refused; it does not wait for one.
  const writer = openSync(stdin, constants.O_WRONLY | constants.O_NONBLOCK);
  writeSync(writer, "x\n");
  await shim.client.call("Wait", { id: shim.box.id });
  closeSync(writer);
  t.match(await out, /^before\r\n.*got x\r\n$/s);
  await shim.stop();
});
