// record: it behaves as run does, with hooks, signals and terminals, for programs of several kinds, and
// leaves nothing that waits.

import { execFileSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { nothingLeft } from "../support/behaviour.ts";
import { mustSucceed } from "../support/container.ts";
import { signalProcess } from "../support/host.ts";
import {
  goProgram,
  names,
  python,
  type Recording,
  record,
  recordCase,
  runAgain,
  SEES_PATHS,
  script,
} from "../support/recording.ts";
import { atTerminal, needsTerminal, seen } from "../support/terminal.ts";
import { asUser, NOBODY, needsOwnSystemd, userContainer } from "../support/user.ts";
import { until } from "../support/wait.ts";
import { needsCall } from "../support/without.ts";

recordCase("the program's exit status is that of record, and signals reach it", async (t, lab) => {
  const text = "trap 'echo got; exit 9' TERM; touch /tmp/up; while :; do sleep 1000 & wait; done";
  const box = lab.container(script(text));
  let pid = 0;
  const running = record(box, {
    onSpawn: (spawned) => {
      pid = spawned;
    },
  });
  await until("the trap to be set", () => existsSync(join(box.rootfs, "tmp/up")));
  signalProcess(pid, "SIGTERM");
  const result = await running;
  t.strictSame([result.code, result.stdout], [9, "got\n"]);
  await nothingLeft(t, lab, "after record");
});

recordCase("--for ends the program", async (t, lab) => {
  const box = lab.container(script("trap 'exit 4' TERM; while :; do sleep 1000 & wait; done"));
  // Long enough for the shell to set its trap on a busy machine; before that it ignores the signal.
  const result = await record(box, { flags: ["--for", "3s"] });
  t.equal(result.code, 4);
  await nothingLeft(t, lab, "after record");
});

recordCase(
  "hooks run as ever: those inside under the container's own filter, those beside it while it works",
  async (t, lab) => {
    const seen = join(lab.folder, "seen");
    const box = lab.container(
      script("touch /tmp/up; while [ ! -e /tmp/go ]; do sleep 0.01; done; echo end", (config) => {
        config.hooks = {
          startContainer: [{ path: "/bin/sh", args: ["sh", "-c", "rmdir /tmp/none; touch /tmp/inside"] }],
          // It waits for the program, whose calls are answered meanwhile.
          poststart: [
            {
              path: "/bin/sh",
              args: [
                "sh",
                "-c",
                `while [ ! -e ROOT/tmp/up ]; do sleep 0.01; done; touch ${seen} ROOT/tmp/go`,
              ],
            },
          ],
        };
      }),
    );
    const text = JSON.stringify(box.config).replaceAll("ROOT", box.rootfs);
    box.writeConfig(text);
    const { code, stdout, recording } = await record(box);
    t.strictSame([code, stdout], [0, "end\n"]);
    t.ok(existsSync(seen) && existsSync(join(box.rootfs, "tmp/inside")));
    t.notOk(names(recording.calls.used).includes("rmdir"), "the hook's calls are not the program's");
    await nothingLeft(t, lab, "after record");
  },
);

recordCase("nothing of the recording can be reached from inside", async (t, lab) => {
  const box = lab.container(script("ls -l /proc/1/fd /proc/self/fd; grep Seccomp /proc/self/status"));
  const { stdout } = await record(box);
  t.notMatch(stdout, /seccomp notify|trace|memfd/);
  t.match(stdout, /Seccomp:\t2/);
});

recordCase("when record is killed, the program's calls fail, and nothing waits", async (t, lab) => {
  const box = lab.container(script("touch /tmp/up; while :; do sleep 0.01 || exit; done"));
  let pid = 0;
  const running = lab.invoke(["record", "--id", box.id, box.bundle], {
    onSpawn: (spawned) => {
      pid = spawned;
    },
  });
  await until("the program to run", () => existsSync(join(box.rootfs, "tmp/up")));
  const init = (await box.stateDocument()).pid;
  signalProcess(pid, "SIGKILL");
  await running;
  await until("the program to end", () => !existsSync(`/proc/${init}/exe`));
  mustSucceed(await box.delete({ flags: ["--force"] }));
  await nothingLeft(t, lab, "after delete");
});

recordCase(
  "a terminal works",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.process.args = ["/bin/sh"];
      config.process.terminal = true;
      config.process.env = ["PATH=/bin", "PS1=# "];
    });
    const wrapper = atTerminal(
      { expect: "# " },
      { send: "tty\r" },
      { expect: "/dev/pts/0" },
      { send: "exit 5\r" },
    );
    const { code, missing, shown } = seen(
      await lab.invoke(["record", "--id", box.id, box.bundle], { wrapper }),
    );
    t.strictSame([code, missing], [5, null]);
    t.match(shown, /recorded 1 run/);
  },
  needsTerminal(),
);

recordCase(
  "an ordinary user records system calls and paths, and is told what that leaves out",
  async (t, lab) => {
    const box = userContainer(lab, (config) => {
      config.process.args = ["/bin/sh", "-c", "mkdir /tmp/made && echo done"];
    });
    chownSync(join(box.rootfs, "tmp"), NOBODY, NOBODY);
    const output = join(lab.stateRoot, "recording.json");
    const { code, stdout, stderr } = await lab.invoke(
      ["record", "--id", box.id, "--output", output, box.bundle],
      {
        wrapper: asUser(lab),
        cwd: "/",
      },
    );
    t.strictSame([code, stdout], [0, "done\n"], stderr);
    const { calls, paths, limits } = JSON.parse(readFileSync(output, "utf8")) as Recording;
    t.ok(names(calls.used).includes("mkdir"));
    t.ok(paths.written.includes("/tmp/made"), paths.written.join());
    t.match(limits.join(), /capabilities were not recorded, and stay as they are: /);
    await nothingLeft(t, lab, "after record");
  },
  SEES_PATHS,
  needsOwnSystemd,
);

const APPLETS = execFileSync("/bin/busybox", ["--list"], { encoding: "utf8" }).split("\n");

/** As nginx does: root opens the socket, another user answers, each request in a process of its own. */
const SERVER = [
  "busybox httpd -f -p 127.0.0.1:80 -u 65534:65534 -h /www &",
  "until busybox wget -q -O - http://127.0.0.1/page 2>/tmp/none; do sleep 0.1; done",
  // Neither the server nor the shell has made this call before.
  '[ -z "$MORE" ] || ln -s /www /tmp/link',
  "kill $!",
].join("\n");

recordCase(
  "a web server that gives up root runs again, and may not do more",
  async (t, lab) => {
    const box = lab.container(
      script(SERVER, ({ process }) => {
        const sets = ["CAP_SETUID", "CAP_SETGID", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SYS_ADMIN"];
        process.capabilities = { bounding: sets, effective: sets, permitted: sets };
      }),
    );
    mkdirSync(join(box.rootfs, "www"));
    writeFileSync(join(box.rootfs, "www/page"), "a page\n");
    const first = await record(box);
    t.strictSame([first.code, first.stdout], [0, "a page\n"], first.stderr);
    const used = names(first.recording.calls.used);
    for (const name of ["bind", "listen", "setuid", "setgid"]) t.ok(used.includes(name), name);
    const again = await runAgain(box, first);
    t.strictSame([again.code, again.stdout, again.stderr], [0, "a page\n", ""]);
    const more = await runAgain(box, first, ({ process: { env } }) => env?.push("MORE=yes"));
    t.match([more.stdout, more.stderr], ["a page\n", /^ln: \/tmp\/link: Operation not permitted$/m]);
    await nothingLeft(t, lab, "after running again");
  },
  APPLETS.includes("httpd") && APPLETS.includes("wget") ? undefined : "needs a busybox with httpd and wget",
);

const PYTHON = python();

recordCase(
  "a program in Python runs again, and may not do more",
  async (t, lab) => {
    const program =
      "import os, threading\n" +
      "t = [threading.Thread(target=os.getcwd) for _ in range(3)]\n" +
      "[one.start() for one in t]; [one.join() for one in t]\n" +
      "print(len(os.listdir('/')) > 0, flush=True)\n" +
      "if 'MORE' in os.environ: os.symlink('/', '/tmp/link')";
    const box = lab.container((config) => {
      config.process.args = [PYTHON ?? "", "-I", "-S", "-c", program];
      for (const path of ["/usr", "/lib", "/lib64"]) {
        if (existsSync(path))
          config.mounts.push({ destination: path, source: path, options: ["rbind", "ro"] });
      }
    });
    const first = await record(box);
    t.strictSame([first.code, first.stdout], [0, "True\n"], first.stderr);
    t.match(first.recording.calls.used, [{}]);
    const again = await runAgain(box, first);
    t.strictSame([again.code, again.stdout, again.stderr], [0, "True\n", ""]);
    const more = await runAgain(box, first, ({ process: { env } }) => env?.push("MORE=yes"));
    t.match([more.code, more.stdout], [1, "True\n"]);
    t.match(more.stderr, /^PermissionError: \[Errno 1\] Operation not permitted: '\/' -> '\/tmp\/link'$/m);
  },
  PYTHON === undefined ? "needs python3 (package python3)" : undefined,
  needsCall("clone3", "a recording of what Python calls, which a filter around tsrun answers first,"),
);

const GO = goProgram();

recordCase(
  "a static program in Go runs again, and may not do more",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.process.args = ["/go/tsc", "--version"];
      config.mounts.push({ destination: "/go", source: dirname(resolve(GO ?? "")), options: ["bind", "ro"] });
    });
    const first = await record(box);
    t.strictSame([first.code, first.stdout.slice(0, 8)], [0, "Version "], first.stderr);
    const again = await runAgain(box, first);
    t.strictSame([again.code, again.stdout, again.stderr], [0, first.stdout, ""]);
    const made = join(box.rootfs, "tmp/made");
    mkdirSync(made);
    writeFileSync(join(box.rootfs, "tmp/a.ts"), "export const one = 1;\n");
    box.config.process.args = ["/go/tsc", "--noCheck", "--outDir", "/tmp/made", "/tmp/a.ts"];
    box.writeConfig();
    const compiling = await record(box);
    t.equal((await runAgain(box, compiling)).code, 0, "it writes into the folder");
    rmSync(made, { recursive: true });
    t.not((await runAgain(box, compiling)).code, 0);
    t.notOk(existsSync(made), "it may not make the folder");
  },
  GO === undefined ? "needs the compiler of this machine in node_modules" : undefined,
);
