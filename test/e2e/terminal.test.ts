// Terminals: of a container in the foreground, between the user and the program, and of one whose terminal is
// sent to a console socket. runtime-spec config.md#process, `terminal` and `consoleSize`.

import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  behaviour,
  nothingLeft,
  notOfCrun,
  notOfCrunBefore,
  refused,
  tsrunOnly,
} from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { isCrun, type Result } from "../support/runtime.ts";
import {
  atTerminal,
  listenForTerminal,
  needsTerminal,
  type Step,
  seen,
  unreadConsole,
} from "../support/terminal.ts";
import { until } from "../support/wait.ts";

const ECHO_AND_ICANON = 0o10 | 0o2;
const MEBIBYTE = 1 << 20;

function withTerminal(lab: Lab, script: string): Container {
  return lab.container((config) => {
    Container.script(script)(config);
    config.process.terminal = true;
  });
}

function localModes(modes: readonly number[] | undefined): number {
  return modes?.[3] ?? -1;
}

behaviour(
  "in the foreground the program has a terminal of the caller's size, and follows when it changes",
  async (t, lab) => {
    const script = `trap 'busybox stty size' WINCH; tty=$(busybox tty); echo $tty; busybox stty size
      sleep 1000 & while :; do wait; done`;
    const box = withTerminal(lab, script);
    const steps: Step[] = [
      { expect: "/dev/(console|pts/0)\\r\\n24 80\\r\\n" },
      { size: [40, 100] },
      { expect: "40 100\\r\\n" },
      { size: [7, 9] },
      { expect: "7 9\\r\\n" },
      { touch: join(lab.folder, "seen") },
    ];
    const running = box.run({ wrapper: atTerminal(...steps) });
    await until("the sizes", () => existsSync(join(lab.folder, "seen")));
    mustSucceed(await box.kill("KILL"));
    const report = seen(await running);
    t.strictSame([report.missing, report.code], [null, 137]);
    await nothingLeft(t, lab, "after run");
  },
  needsTerminal(),
  notOfCrun("its terminal has no size to begin with"),
);

behaviour(
  "the caller's terminal is raw meanwhile, and as before when the program has been killed",
  async (t, lab) => {
    const box = withTerminal(lab, "echo up; exec sleep 1000");
    const up = join(lab.folder, "up");
    const running = box.run({ wrapper: atTerminal({ expect: "up" }, { modes: true }, { touch: up }) });
    await until("the program", () => existsSync(up));
    mustSucceed(await box.kill("KILL"));
    const { modes, code, missing } = seen(await running);
    t.strictSame([missing, code], [null, 137]);
    const [before, during, after] = modes;
    t.equal(localModes(during) & ECHO_AND_ICANON, 0, "neither echo nor lines");
    t.equal(localModes(before) & ECHO_AND_ICANON, ECHO_AND_ICANON);
    t.strictSame(after, before, "restored");
    await nothingLeft(t, lab, "after run");
  },
  needsTerminal(),
);

behaviour(
  "the caller's terminal is as before after every end of exec, killed and failed ones too",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const ends: [string[], number][] = [
      [["true"], 0],
      [["sh", "-c", "exit 7"], 7],
      [["sh", "-c", "kill -9 $$"], 137],
      [["sh", "-c", "busybox stty -echo raw; kill -9 $$"], 137],
      [["nosuch"], isCrun ? 1 : 255],
    ];
    for (const [args, status] of ends) {
      const wrapper = atTerminal();
      const { modes, code } = seen(await lab.invoke(["exec", "--tty", box.id, ...args], { wrapper }));
      t.equal(code, status, args.join(" "));
      t.strictSame(modes.at(-1), modes[0], args.join(" "));
    }
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  needsTerminal(),
  notOfCrunBefore("1.28", "leaves it raw when it is killed, and ends with 255"),
);

behaviour(
  "what is typed reaches the program as its terminal makes it of it",
  async (t, lab) => {
    const script =
      "trap 'echo interrupted; exit 9' INT; read line; echo got:$line; while :; do sleep 0.01; done";
    const box = withTerminal(lab, script);
    const steps: Step[] = [{ send: "words\r" }, { expect: "got:words" }, { send: "\u0003" }];
    const report = seen(await box.run({ wrapper: atTerminal(...steps, { expect: "interrupted" }) }));
    t.strictSame([report.missing, report.code], [null, 9]);
    await nothingLeft(t, lab, "after run");
  },
  needsTerminal(),
);

behaviour(
  "1 MiB goes through both terminals and back, however fast it is sent",
  async (t, lab) => {
    const box = withTerminal(lab, "busybox stty raw -echo; echo ready; exec cat");
    const up = join(lab.folder, "up");
    const steps: Step[] = [{ within: 60 }, { expect: "ready[\\r\\n]+" }, { echo: MEBIBYTE }, { touch: up }];
    const running = box.run({ wrapper: atTerminal(...steps), timeoutMs: 90_000 });
    await until("the echo", () => existsSync(up), 70_000).catch(() => {});
    mustSucceed(await box.kill("KILL"));
    const report = seen(await running);
    t.equal(report.missing, null);
    await nothingLeft(t, lab, "after run");
  },
  needsTerminal(),
  notOfCrun("what comes back is not what was sent"),
);

behaviour("1 MiB goes from stdin to stdout unchanged, through pipes", async (t, lab) => {
  const input = join(lab.folder, "input");
  const bytes = randomBytes(MEBIBYTE);
  writeFileSync(input, bytes);
  const digest = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");
  const wrapper = ["sh", "-c", `cat ${input} | "$@" | cat >${lab.folder}/output`, "sh"];
  const box = lab.container(Container.script("exec cat"));
  mustSucceed(await box.run({ wrapper }));
  t.equal(digest(readFileSync(join(lab.folder, "output"))), digest(bytes), "run");
  const other = lab.container(Container.script("exec sleep 1000"));
  mustSucceed(await other.run({ flags: ["--detach"] }));
  mustSucceed(await lab.invoke(["exec", other.id, "cat"], { wrapper }));
  t.equal(digest(readFileSync(join(lab.folder, "output"))), digest(bytes), "exec");
});

behaviour(
  "a console socket gets one message with one terminal, of the configured size",
  async (t, lab) => {
    const box = withTerminal(lab, "busybox stty size; [ -t 0 ] && [ -c /dev/console ] && echo yes; read x");
    Object.assign(box.config.process, { consoleSize: { height: 30, width: 70 } });
    box.writeConfig();
    const script: Step[] = [{ expect: "30 70\\r\\nyes\\r\\n" }, { send: "\r" }];
    const { socket, taken } = await listenForTerminal(lab, ...script);
    mustSucceed(await box.create({ flags: ["--console-socket", socket] }));
    mustSucceed(await box.start());
    const { missing, name, descriptors, silent } = await taken;
    t.strictSame({ missing, descriptors, silent }, { missing: null, descriptors: 1, silent: true });
    t.not(name, "");
    await box.waitForStatus("stopped");
    mustSucceed(await box.delete());
    await nothingLeft(t, lab, "after delete");
  },
  needsTerminal(),
);

behaviour(
  "exec sends its terminal to a console socket, too",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const { socket, taken } = await listenForTerminal(lab, { expect: "/dev/pts/\\d+\\r\\n" });
    const flags = ["--detach", "--tty", "--console-socket", socket];
    mustSucceed(await lab.invoke(["exec", ...flags, box.id, "busybox", "tty"]));
    const { missing, descriptors } = await taken;
    t.strictSame({ missing, descriptors }, { missing: null, descriptors: 1 });
  },
  needsTerminal(),
);

/** Listens and never accepts; `connect` waits when the queue is full. */
const FULL = `
import socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind(sys.argv[1])
server.listen(0)
waiting = []
while True:
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    one.setblocking(False)
    waiting.append(one)
    try:
        one.connect(sys.argv[1])
    except BlockingIOError:
        break
print("up", flush=True)
sys.stdin.read()
`;

/** Console sockets from which nobody will ever receive a terminal. */
async function badSockets(lab: Lab): Promise<{ [what: string]: { path: string; line: RegExp } }> {
  const [missing, file, dead, full] = ["missing", "file", "dead", "full"].map((name) =>
    join(lab.folder, name),
  );
  writeFileSync(file ?? "", "");
  // Left by a process that has ended.
  const { spawnSync, spawn } = await import("node:child_process");
  const bound = "import socket, sys; socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).bind(sys.argv[1])";
  spawnSync("/usr/bin/python3", ["-c", bound, dead ?? ""]);
  const server = spawn("/usr/bin/python3", ["-c", FULL, full ?? ""], { stdio: ["pipe", "pipe", "inherit"] });
  lab.atClose(() => server.kill("SIGKILL"));
  await new Promise((resolve) => server.stdout.once("data", resolve));
  return {
    missing: {
      path: missing ?? "",
      line: /cannot connect to ".*\/missing" of --console-socket: no such file/,
    },
    file: { path: file ?? "", line: /cannot connect to ".*\/file" of --console-socket: connection refused/ },
    dead: { path: dead ?? "", line: /cannot connect to ".*\/dead" of --console-socket: connection refused/ },
    full: { path: full ?? "", line: /cannot connect to ".*\/full" of --console-socket: / },
  };
}

/** A call that waits for nobody. On a busy machine it may be stopped for seconds, but not each time. */
async function atOnce(call: (limit: { timeoutMs: number }) => Promise<Result>): Promise<Result> {
  for (let tried = 1; ; tried += 1) {
    try {
      return await call({ timeoutMs: 5_000 });
    } catch (error) {
      if (tried === 3) throw error;
    }
  }
}

behaviour(
  "a console socket that is missing, a file, dead or full is refused at once",
  async (t, lab) => {
    const box = withTerminal(lab, "exec sleep 1000");
    const other = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await other.run({ flags: ["--detach"] }));
    for (const [what, { path, line }] of Object.entries(await badSockets(lab))) {
      t.comment(what);
      const flags = ["--console-socket", path];
      refused(t, await atOnce((limit) => box.create({ flags, ...limit })), line);
      const detached = ["--detach", ...flags];
      refused(t, await atOnce((limit) => box.run({ flags: detached, ...limit })), line);
      const exec = ["exec", "--detach", "--tty", ...flags, other.id, "true"];
      refused(t, await atOnce((limit) => lab.invoke(exec, limit)), line, 255);
      t.equal((await box.state()).code, 1, "no container");
    }
    mustSucceed(await other.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  needsTerminal(),
  notOfCrun("it waits for a full one"),
);

behaviour("a console socket whose owner accepts and never reads is not waited for", async (t, lab) => {
  const box = withTerminal(lab, "true");
  mustSucceed(await box.create({ flags: ["--console-socket", unreadConsole(lab)] }));
  mustSucceed(await box.delete({ flags: ["--force"] }));
  await nothingLeft(t, lab, "after delete");
});

behaviour(
  "flags and process.terminal that contradict each other are refused",
  async (t, lab) => {
    const needsSocket = /cannot allocate tty if runc will detach without setting console socket/;
    const needless = /cannot use console socket if runc will not detach or allocate tty/;
    const [plain, tty] = [lab.container(Container.script("exec sleep 1000")), withTerminal(lab, "true")];
    const flags = ["--console-socket", join(lab.folder, "nobody.sock")];
    refused(t, await tty.create(), needsSocket);
    refused(t, await tty.run({ flags: ["--detach"] }), needsSocket);
    refused(t, await tty.run({ flags }), needless);
    refused(t, await plain.create({ flags }), needless);
    refused(t, await plain.run({ flags }), needless);
    await nothingLeft(t, lab, "after the refusals");
    mustSucceed(await plain.run({ flags: ["--detach"] }));
    refused(t, await lab.invoke(["exec", "--detach", "--tty", plain.id, "true"]), needsSocket, 255);
    refused(t, await lab.invoke(["exec", ...flags, plain.id, "true"]), needless, 255);
  },
  notOfCrun("it takes some of them"),
);

behaviour(
  "a terminal in the foreground is refused when the caller has none",
  async (t, lab) => {
    const wrapper = ["setsid", "--wait"];
    const box = withTerminal(lab, "true");
    refused(t, await box.run({ wrapper }), /cannot find a terminal/);
    await nothingLeft(t, lab, "after the refusal");
  },
  tsrunOnly("it has words of its own for it"),
);

behaviour(
  "exec ends with its program when others go on to write to its terminal",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const script = "trap '' HUP; while :; do echo endless; done & exit 3";
    const call = ["exec", "--tty", box.id, "sh", "-c", script];
    // It passes on up to 128 KiB of that: 20 s were not enough in an emulated machine.
    const report = seen(await lab.invoke(call, { wrapper: atTerminal(), timeoutMs: 120_000 }));
    t.equal(report.code, 3);
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete --force");
  },
  needsTerminal(),
  notOfCrun("it goes on as long as they do"),
);
