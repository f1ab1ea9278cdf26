// --pidfd-socket: the caller's socket gets a pidfd of the process, and a word that says which process it is.
// There is no substitute for pidfd_open(2).

import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Test } from "tap";
import { behaviour, nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import type { Result } from "../support/runtime.ts";
import { needsCall, without } from "../support/without.ts";

const NOT_IN_ALL = tsrunOnly("the version at hand may not know the option");

/** Listens, makes the call, and returns the message; Node drops the descriptor. */
async function told(lab: Lab, call: (socket: string) => Promise<Result>): Promise<[Result, string]> {
  const path = join(lab.folder, "pidfd.sock");
  let words = "";
  const server = createServer((peer) => peer.setEncoding("utf8").on("data", (text) => (words += text)));
  await once(server.listen(path), "listening");
  const result = await call(path);
  await new Promise((closed) => server.close(closed));
  return [result, words];
}

behaviour(
  "a pidfd of the first process, and of one of exec, goes to the caller's socket",
  async (t: Test, lab: Lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    const [created, first] = await told(lab, (path) => box.create({ flags: ["--pidfd-socket", path] }));
    mustSucceed(created);
    t.equal(first, "standard");
    mustSucceed(await box.start());
    const [ended, second] = await told(lab, (path) =>
      lab.invoke(["exec", "--pidfd-socket", path, box.id, "true"]),
    );
    mustSucceed(ended);
    t.equal(second, "setns");
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  NOT_IN_ALL,
  needsCall("pidfd_open", "a pidfd"),
);

behaviour(
  "where there are none, asking for one is refused",
  async (t, lab) => {
    const none = without("pidfd_open");
    const box = lab.container(Container.script("exec sleep 1000"));
    const line =
      /cannot open the process for --pidfd-socket: function not implemented.*needs pidfd_open\(2\)/;
    const [created, first] = await told(lab, (path) =>
      box.create({ flags: ["--pidfd-socket", path], ...none }),
    );
    refused(t, created, line);
    t.equal(first, "");
    await nothingLeft(t, lab, "after create");
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const [ended] = await told(lab, (path) =>
      lab.invoke(["exec", "--pidfd-socket", path, box.id, "true"], none),
    );
    refused(t, ended, line, 255);
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  NOT_IN_ALL,
);
