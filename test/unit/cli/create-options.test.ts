// What `create` and `run` hand to their stories.

import t from "tap";
import { readCreateOptions } from "../../../src/cli/create-options.ts";
import { createOptions } from "../../../src/cli/flags.ts";
import type { OptionValue } from "../../../src/cli/options.ts";
import { valuesOf } from "../../../src/cli/parse.ts";

const read = (given: Record<string, OptionValue>, env: Record<string, string> = {}) =>
  readCreateOptions("id", valuesOf(createOptions, new Map(Object.entries(given))), {
    cwd: () => "/work",
    env,
    pid: 42,
  });

t.test("the bundle is the caller's directory unless another is named", async (t) => {
  t.equal(read({}).bundle, "/work");
  t.equal(read({ bundle: "" }).bundle, "/work");
  t.equal(read({ bundle: "b/../c/" }).bundle, "/work/c");
  t.equal(read({ bundle: "/b" }).bundle, "/b");
});

t.test("paths start from the caller's directory, not from the bundle", async (t) => {
  t.match(read({ bundle: "/b", "pid-file": "pid", "console-socket": "../s" }), {
    pidFile: "/work/pid",
    consoleSocket: "/s",
    pidfdSocket: undefined,
  });
});

t.test("an empty path is none", async (t) => {
  t.equal(read({ "pid-file": "" }).pidFile, undefined);
});

t.test("a negative number of descriptors is refused", async (t) => {
  t.equal(read({ "preserve-fds": 2 }).preserveFds, 2);
  t.throws(() => read({ "preserve-fds": -1 }), { code: "E_USAGE" });
});

t.test("descriptors of socket activation are the container's when they are meant for us", async (t) => {
  t.equal(read({}, { LISTEN_PID: "42", LISTEN_FDS: "2" }).listenFds, 2);
  for (const env of [
    {},
    { LISTEN_FDS: "2" },
    { LISTEN_PID: "42" },
    { LISTEN_PID: "41", LISTEN_FDS: "2" },
    { LISTEN_PID: "", LISTEN_FDS: "2" },
    ...["", "0", "-1", "1e3", "x", "99999999"].map((LISTEN_FDS) => ({ LISTEN_PID: "42", LISTEN_FDS })),
  ]) {
    t.equal(read({}, env).listenFds, 0, JSON.stringify(env));
  }
});

t.test("an empty NOTIFY_SOCKET is none", async (t) => {
  t.equal(read({}, { NOTIFY_SOCKET: "@manager" }).notifySocket, "@manager");
  t.equal(read({}, { NOTIFY_SOCKET: "" }).notifySocket, undefined);
  t.equal(read({}).notifySocket, undefined);
});
