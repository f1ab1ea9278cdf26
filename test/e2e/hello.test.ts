// `make run`: the bundle that a newcomer sees first, as root, in a user namespace, and as an ordinary user.

import { spawnSync } from "node:child_process";
import { behaviour, notOfCrunBefore } from "../support/behaviour.ts";
import { plainEnv, runtimePath } from "../support/runtime.ts";

for (const variant of ["plain", "userns", "rootless"]) {
  behaviour(
    `bundle-fixtures/hello runs ${variant} and says what it sees`,
    (t) => {
      const args = ["scripts/run-bundle.ts", "hello", variant];
      const { status, stdout, stderr } = spawnSync("node_modules/.bin/bun", args, {
        encoding: "utf8",
        env: { ...plainEnv, RUNTIME: runtimePath },
        timeout: 60_000,
      });
      t.equal(status, 0);
      t.equal(stderr, "");
      t.match(
        stdout,
        /^hello from a container\n {2}pid {7}1\n {2}hostname {2}hello\n {2}user {6}uid=0\(root\) gid=0/,
      );
      const mounts = stdout
        .slice(stdout.indexOf("mounts\n") + 7)
        .trimEnd()
        .split("\n");
      const targets = mounts.map((line) => line.trim().split(/ +/)[0]);
      for (const target of ["/", "/proc", "/dev", "/tmp", "/usr"]) t.ok(targets.includes(target), target);
      t.notOk(targets.includes("/sys/fs/cgroup"), "none of the host's other mounts");
    },
    notOfCrunBefore("1.28", "refuses this version of the specification"),
  );
}
