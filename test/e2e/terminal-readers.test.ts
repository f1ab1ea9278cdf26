// A foreground program with a terminal, whose output goes to somebody who reads slowly or not at all. The
// runtime still forwards signals, and ends when the program has ended.

import { execFileSync } from "node:child_process";
import { closeSync, constants, existsSync, openSync, readFileSync, readSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { behaviour, type Condition, nothingLeft, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { findProgram, signalProcess } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { atTerminal, needsTerminal, seen } from "../support/terminal.ts";
import { until } from "../support/wait.ts";

const WAITS = tsrunOnly("waits for a reader without end");
/** More than a pipe holds, and less than it and a terminal hold, which has 12 KiB (drivers/tty/pty.c). */
const MORE = 68_000;
/** The same for a socket with a small buffer. */
const MORE_THAN_SOCKET = 14_000;

interface Unread {
  /** Runs the runtime with the pipe as standard output, and writes its pid to a file. */
  readonly wrapper: readonly string[];
  readonly pid: () => number | undefined;
  /** What is in the pipe. */
  readonly read: () => Buffer;
}

/** A pipe that has a reader, who reads nothing. */
function unread(lab: Lab): Unread {
  const [pipe, pidFile] = [join(lab.folder, "output"), join(lab.folder, "pid")];
  execFileSync("mkfifo", [pipe]);
  const reader = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
  lab.atClose(() => closeSync(reader));
  const script = `echo $$ >${pidFile}; exec "$@" >${pipe}`;
  return {
    wrapper: [...atTerminal(), "sh", "-c", script, "sh"],
    pid: () => (existsSync(pidFile) ? Number(readFileSync(pidFile, "utf8")) : undefined),
    read: () => {
      const bytes = Buffer.alloc(1 << 20);
      return bytes.subarray(0, readSync(reader, bytes));
    },
  };
}

behaviour(
  "a program whose output waits in a pipe that nobody reads has all of it there when the runtime ends",
  async (t, lab) => {
    const box = lab.container((config) => {
      Container.script(`busybox yes abcdefghi | busybox head -c ${MORE}; exit 7`)(config);
      config.process.terminal = true;
    });
    const { wrapper, read } = unread(lab);
    t.equal(seen(await box.run({ wrapper })).code, 7, "and the program's exit status");
    t.equal(read().length, MORE, "with the newlines of the program");
    await nothingLeft(t, lab, "after run");
    const host = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await host.run({ flags: ["--detach"] }));
    const more = ["sh", "-c", `busybox yes abcdefghi | busybox head -c ${MORE}`];
    t.equal(seen(await lab.invoke(["exec", "--tty", host.id, ...more], { wrapper })).code, 0);
    t.equal(read().length, MORE, "exec, too");
  },
  needsTerminal(),
  WAITS,
);

behaviour(
  "signals reach the program while its terminal is full, since nobody reads",
  async (t, lab) => {
    const script = "busybox yes & trap 'exit 9' TERM; while :; do wait; done";
    const box = lab.container((config) => {
      Container.script(script)(config);
      config.process.terminal = true;
    });
    const { wrapper, pid } = unread(lab);
    const running = box.run({ wrapper, timeoutMs: 40_000 });
    const { pid: program } = await box.waitForProgram("sh");
    const children = `/proc/${program}/task/${program}/children`;
    const writer = await until("yes", () => /\d+/.exec(readFileSync(children, "utf8"))?.[0]);
    let before = "";
    await until("its terminal to be full", async () => {
      const written = before;
      before = readFileSync(`/proc/${writer}/io`, "utf8");
      await new Promise((resume) => setTimeout(resume, 300));
      return /^wchar: [1-9]/m.test(before) && written === before;
    });
    signalProcess(pid() ?? 0, "SIGTERM");
    t.equal(seen(await running).code, 9);
    await nothingLeft(t, lab, "after run");
  },
  needsTerminal(),
  WAITS,
);

const needsPython: Condition =
  findProgram("python3") === undefined ? "needs python3 (package python3)" : undefined;

behaviour(
  "a socket that nobody reads is given up after some time, with a warning",
  async (t, lab) => {
    const path = join(lab.folder, "reader.sock");
    const server = createServer({ pauseOnConnect: true }, (connection) => {
      lab.atClose(() => connection.destroy());
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    lab.atClose(() => server.close());
    const connect = `import os, socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
os.dup2(s.fileno(), 1)
os.execv(sys.argv[2], sys.argv[2:])`;
    const box = lab.container((config) => {
      Container.script(`busybox yes abcdefghi | busybox head -c ${MORE_THAN_SOCKET}; exit 7`)(config);
      config.process.terminal = true;
    });
    const wrapper = [...atTerminal(), "python3", "-c", connect, path];
    const { code, shown } = seen(await box.run({ wrapper }));
    t.equal(code, 7);
    t.match(shown, /nobody reads standard output: \d+ bytes of the program's last output are lost/);
    await nothingLeft(t, lab, "after run");
  },
  needsTerminal(),
  needsPython,
  WAITS,
);

behaviour(
  "a program whose terminal's output nobody can read any more goes on, and gets no signal",
  async (t, lab) => {
    const pipe = join(lab.folder, "output");
    const box = lab.container((config) => {
      Container.script("trap 'exit 8' PIPE; echo a; sleep 1; echo b; sleep 1; exit 7")(config);
      config.process.terminal = true;
    });
    // The reader is gone before the runtime starts.
    const script = `mkfifo "$0"; : <"$0" & exec 3>"$0"; wait; exec "$@" >&3`;
    const wrapper = [...atTerminal(), "sh", "-c", script, pipe];
    t.equal(seen(await box.run({ wrapper, timeoutMs: 40_000 })).code, 7);
    await nothingLeft(t, lab, "after run");
  },
  needsTerminal(),
  WAITS,
);
