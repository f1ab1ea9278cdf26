// CVE-2024-21626: a working directory of /proc/self/fd/N leads to a directory of the host if the first
// process still has it as descriptor N. CVE-2016-9962: processes inside see the descriptors of a process that
// exec adds.

import { readdirSync, readlinkSync, rmSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import { attack, MANY_CAPABILITIES } from "../support/attack.ts";
import { notOfCrunBefore, runcBefore, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import type { Result } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

const LEAKY = "CVE-2024-21626";
const NUMBERS = [3, 4, 5, 6, 7, 8, 9];

/** A caller that leaks directories of the host into the runtime. */
const leaking = ["sh", "-c", 'exec 3</ 4</etc 5</tmp 6</; exec "$@"', "sh"];

const SHOW =
  "stat -c %d:%i . 2>/dev/null; ls -d .* * 2>/dev/null | head -3 >/dev/null; cat file ../file; true";

/** Checks that it is refused, or shows only the container's own files. */
function stayedInside(t: Test, result: Result, what: string): void {
  const [shown = ""] = result.stdout.split("\n");
  const forbidden = ["/", "/etc", "/tmp", process.cwd()].map((path) => statSync(path));
  const hit = forbidden.some(({ dev, ino }) => shown === `${dev}:${ino}`);
  t.notOk(result.code === 0 && hit, `${what} led out: ${shown}`);
  t.notMatch(result.stdout, /of the host/);
}

attack(
  LEAKY,
  "a working directory of /proc/self/fd/N is no way out for create",
  async (t, lab, outside) => {
    for (const number of NUMBERS) {
      const box = lab.container(Container.script(SHOW));
      for (const suffix of ["", `/../..${outside.folder}`, `/made-${lab.mark}`]) {
        box.config.process.cwd = `/proc/self/fd/${number}${suffix}`;
        box.writeConfig();
        stayedInside(t, await box.run({ wrapper: leaking }), box.config.process.cwd);
        for (const folder of ["/", "/etc", "/tmp"]) {
          const made = join(folder, `made-${lab.mark}`);
          t.notOk(statSync(made, { throwIfNoEntry: false }), `${made} was not made`);
        }
      }
    }
  },
  notOfCrunBefore("1.28", "it leads out"),
);

attack(
  LEAKY,
  "nor is a link of the image that leads there",
  async (t, lab) => {
    const box = lab.container(Container.script(SHOW));
    box.config.process.cwd = "/work";
    box.writeConfig();
    for (const number of NUMBERS) {
      symlinkSync(`/proc/self/fd/${number}`, join(box.rootfs, "work"));
      stayedInside(t, await box.run({ wrapper: leaking }), `fd ${number}`);
      rmSync(join(box.rootfs, "work"));
    }
  },
  notOfCrunBefore("1.28", "it leads out"),
);

attack(
  LEAKY,
  "where the host's processes are in sight, their roots are no way out and nothing is made there",
  async (t, lab, outside) => {
    const box = lab.container(Container.script(SHOW));
    box.config.linux.namespaces = box.config.linux.namespaces.filter(({ type }) => type !== "pid");
    symlinkSync(`/proc/${process.pid}/root`, join(box.rootfs, "host"));
    for (const root of [`/proc/${process.pid}/root`, "/host", `/proc/${process.pid}/cwd`]) {
      for (const path of [outside.folder, join(outside.folder, "made"), join(outside.folder, "made/deep")]) {
        box.config.process.cwd = `${root}${path}`;
        box.writeConfig();
        t.equal((await box.run()).code, 1, box.config.process.cwd);
        t.strictSame(outside.changes(), [], box.config.process.cwd);
      }
    }
  },
  tsrunOnly("it makes them before it refuses"),
);

attack(
  LEAKY,
  "nor is it one for exec",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await box.run({ flags: ["--detach"], wrapper: leaking }));
    for (const number of NUMBERS) {
      const args = ["exec", "--cwd", `/proc/self/fd/${number}`, box.id, "sh", "-c", SHOW];
      stayedInside(t, await lab.invoke(args, { wrapper: leaking }), `fd ${number}`);
    }
  },
  notOfCrunBefore("1.28", "it leads out"),
);

attack(LEAKY, "a program that lies behind a descriptor of the host's is not executed", async (t, lab) => {
  const box = lab.container();
  for (const number of NUMBERS) {
    box.config.process.args = [`/proc/self/fd/${number}/bin/true`];
    box.writeConfig();
    t.not((await box.run({ wrapper: leaking })).code, 0, `fd ${number}`);
  }
});

/** For all processes, again and again: where their descriptors lead, and what can be read through them. */
const WATCHER = `while :; do for p in /proc/[0-9]*; do for fd in $p/fd/*; do
    link=$(readlink $fd) && case $link in *pipe:*|*/calls/*|/dev/null) ;; *) echo "$link" >>/tmp/links
    ls $fd/ >>/tmp/listed && echo "$link" >>/tmp/directories; esac
  done; done; echo up >/tmp/up; done 2>/dev/null`;

attack(
  "CVE-2016-9962",
  "what watches execs arrive finds no directory of the host among their descriptors",
  async (t, lab) => {
    const box = watcher(lab);
    mustSucceed(await box.run({ flags: ["--detach"], wrapper: leaking }));
    const size = (name: string): number =>
      statSync(join(box.rootfs, "tmp", name), { throwIfNoEntry: false })?.size ?? 0;
    await until("the watcher", () => size("up") > 0);
    for (let round = 0; round < 15; round += 1) {
      mustSucceed(await lab.invoke(["exec", box.id, "true"], { wrapper: leaking }));
    }
    mustSucceed(await box.kill("KILL"));
    await box.waitForStatus("stopped");
    t.equal(size("directories"), 0, "no directory could be listed");
  },
  tsrunOnly("what exec brings along still holds directories of procfs"),
);

function watcher(lab: Lab): Container {
  return lab.container((config) => {
    Container.script(WATCHER)(config);
    const [bounding, effective, permitted] = [MANY_CAPABILITIES, MANY_CAPABILITIES, MANY_CAPABILITIES];
    config.process.capabilities = { bounding, effective, permitted };
  });
}

attack(
  "CVE-2016-9962",
  "nor in a created container, whose first process still waits",
  async (t, lab) => {
    const box = watcher(lab);
    mustSucceed(await box.create({ wrapper: leaking }));
    const probe = "for fd in /proc/1/fd/* /proc/1/cwd; do [ -d $fd/ ] && readlink $fd; done; true";
    const { stdout } = mustSucceed(await lab.invoke(["exec", box.id, "sh", "-c", probe]));
    t.equal(stdout, "/\n", "its working directory, which is the container's root");
  },
  runcBefore("1.3.0", "its first process holds a directory of procfs"),
);

attack(
  "CVE-2016-9962",
  "nor does it hold on to anything else but what it waits and is told with",
  async (t, lab) => {
    const box = lab.container((config) => {
      // One of each kind of file that stays open while the root is made.
      const options = ["ro", "mode=755"];
      config.mounts.push({ destination: "/run", type: "tmpfs", source: "tmpfs", options });
      config.mounts.push({ destination: "/run/deep", type: "tmpfs", source: "tmpfs" });
      config.linux.maskedPaths = ["/proc/kcore", "/proc/scsi", "/sys/firmware", "/etc/passwd"];
      config.linux.readonlyPaths = ["/proc/sys", "/etc"];
    });
    mustSucceed(await box.create({ wrapper: leaking }));
    const folder = `/proc/${(await box.stateDocument()).pid}/fd`;
    const links = readdirSync(folder)
      .filter((number) => Number(number) > 2)
      .map((number) => readlinkSync(join(folder, number)).replace(/:.*/, ""));
    t.strictSame(links.sort(), [join(lab.stateRoot, box.id, "exec.fifo"), "socket"]);
  },
  tsrunOnly("its first process is runc itself"),
);
