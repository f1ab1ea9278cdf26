// checkpoint and restore of a container with a new network namespace: criu makes a new one, with only a
// loopback device that is down.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { behaviour, nothingLeft, notOfRunc, tsrunOnly } from "../support/behaviour.ts";
import type { Config } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import {
  COUNTING,
  checkpoint,
  counter,
  countOf,
  goesOn,
  needsCriu,
  needsIptables,
  restore,
  runCounting,
} from "../support/criu.ts";

t.setTimeout(600_000);

const PATH = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

/** Sends numbers over a connection, and writes down each one that arrives. */
const TALKING = `echo begun >> /begun; mkfifo /dev/shm/never /dev/shm/out
  exec 3<>/dev/shm/never 4<>/dev/shm/out
  (busybox nc -l -p 700 </dev/shm/never | while read n; do echo $n > /dev/shm/count; done) &
  (until busybox nc 127.0.0.1 700 <&4; do read -t 0.01 x <&3; done) &
  i=0; while :; do i=$((i+1)); echo $i >&4; read -t 0.02 x <&3; done`;

const withOwnNetwork = (script: string) => (config: Config) => {
  Container.script(script)(config);
  config.linux.namespaces.push({ type: "network" });
};

behaviour(
  "the loopback device of a network namespace of its own is up again, before hooks look",
  async (t, lab) => {
    const box = counter(lab, withOwnNetwork(COUNTING));
    await runCounting(box);
    const last = await countOf(box);
    mustSucceed(await checkpoint(box));
    const seen = join(lab.folder, "seen");
    const script = `pid=$(sed 's/.*"pid":\\([0-9]*\\).*/\\1/'); nsenter -t $pid -n ip link show lo > ${seen}`;
    box.config.hooks = { createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", script], env: [PATH] }] };
    box.writeConfig();
    mustSucceed(await restore(box, { flags: ["-d"] }));
    await goesOn(t, box, last);
    const shown = mustSucceed(await lab.invoke(["exec", box.id, "ip", "link", "show", "lo"])).stdout;
    t.match(shown, /[<,]UP[,>]/);
    t.match(readFileSync(seen, "utf8"), /[<,]UP[,>]/);
  },
  needsCriu(),
  needsIptables(),
  tsrunOnly("runc leaves it down, and crun runs no hooks at restore"),
);

behaviour(
  "a connection over the loopback device of a network namespace of its own goes on",
  async (t, lab) => {
    const box = counter(lab, withOwnNetwork(TALKING));
    await runCounting(box);
    const last = await countOf(box);
    mustSucceed(await checkpoint(box, "--tcp-established"));
    mustSucceed(await restore(box, { flags: ["-d", "--tcp-established"] }));
    await goesOn(t, box, last);
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  needsCriu(),
  needsIptables(),
  notOfRunc("leaves the device down, and criu cannot reach the other end"),
);
