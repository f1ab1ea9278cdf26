// `--debug` output and errors must not wait for a reader: conmon reads a runtime's stderr only after the
// command has ended, and a pipe holds 64 KiB.

import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, notOfCrun, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";

/** stderr is a FIFO that a process holds open and does not read, with `filled` bytes in it already. */
function unread(fifo: string, filled = 0): string[] {
  const fill = `head -c ${filled} /dev/zero >&3`;
  return ["sh", "-c", `mkfifo "$0" && exec 3<>"$0" && ${fill} && exec "$@" 2>&3`, fifo];
}

/** The content of the FIFO, which a process must still hold open; more than it can hold is never there. */
function drain(fifo: string): string {
  const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    const content = Buffer.alloc(1 << 20);
    return content.toString("latin1", 0, readSync(fd, content));
  } finally {
    closeSync(fd);
  }
}

function withManyMounts(lab: Lab): Container {
  return lab.container((config) => {
    Container.script("exec sleep 1000")(config);
    for (let count = 0; count < 100; count += 1) {
      const destination = `/data/${count}`;
      config.mounts.push({ destination, type: "bind", source: "/etc/hostname", options: ["bind", "ro"] });
    }
  });
}

behaviour(
  "create and exec with --debug end when nobody reads stderr",
  async (t, lab) => {
    const box = withManyMounts(lab);
    const fifo = join(lab.folder, "create");
    mustSucceed(await box.create({ wrapper: unread(fifo), globals: ["--debug"] }));
    // The container's first process has the FIFO open.
    const said = drain(fifo);
    t.ok(said.length > 0 && said.length < 16 << 10, `${said.length} bytes`);
    t.match(said, /level=debug/);
    mustSucceed(await box.start());
    const exec = join(lab.folder, "exec");
    const detached = ["exec", "--detach", box.id, "sleep", "1000"];
    mustSucceed(await lab.invoke(["--debug", ...detached], { wrapper: unread(exec) }));
    t.ok(drain(exec).length < 16 << 10);
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  notOfCrun("it says so in other words"),
);

behaviour(
  "with a log file, --debug tells every system call there and nothing on stderr",
  async (t, lab) => {
    const box = withManyMounts(lab);
    const log = join(lab.folder, "log");
    const globals = ["--debug", "--log", log, "--log-format", "json"];
    const created = mustSucceed(await box.create({ globals }));
    t.equal(created.stderr, "");
    const lines = readFileSync(log, "utf8").trimEnd().split("\n");
    const told = lines.map((line) => JSON.parse(line).msg);
    // Older kernels set the flags of a mount by mounting it again.
    const calls = told.filter((msg) => /\bmount(_setattr)?\(/.test(msg));
    t.ok(calls.length >= 100, `${calls.length} calls that set flags of mounts`);
    mustSucceed(await box.delete());
    await nothingLeft(t, lab, "after delete");
  },
  tsrunOnly("tells no system calls"),
);

behaviour(
  "a command whose error nobody reads fails all the same",
  async (t, lab) => {
    const fifo = join(lab.folder, "full");
    const result = await lab.invoke(["start", "nobody"], { wrapper: unread(fifo, 65_536) });
    t.equal(result.code, 1);
  },
  tsrunOnly("waits for the reader"),
);

behaviour(
  "a log that is a FIFO without a reader is refused",
  async (t, lab) => {
    const fifo = join(lab.folder, "log");
    execFileSync("mkfifo", [fifo]);
    const result = await lab.invoke(["--log", fifo, "start", "nobody"]);
    t.equal(result.code, 1);
    t.match(result.stderr, /cannot open .*: no such device or address/);
  },
  tsrunOnly("waits for the reader"),
);
