// Execs that the shim starts in its own process (shim/exec-story.ts): what they inherit, what they leave to a
// command, and that neither a process that never answers nor a system call that fails harms the shim.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import { needsAgent, startAgent } from "../support/agent.ts";
import { needsFreezer } from "../support/cgroup.ts";
import type { Config } from "../support/config.ts";
import { makeCgroup } from "../support/freezing.ts";
import { controllerHierarchy, hasEnded } from "../support/host.ts";
import { needsStrace, traced } from "../support/injection.ts";
import { needsProgram } from "../support/program.ts";
import { refusal, type Shim } from "../support/shim.ts";
import {
  document,
  privateKib,
  processOf,
  readFifo,
  shimCase,
  shimWith,
  sleeping,
} from "../support/shim-cases.ts";
import { until } from "../support/wait.ts";

/** How many system calls are refused; SHIM_REFUSALS=1000 tries all. */
const TRIED = Number(process.env.SHIM_REFUSALS ?? 24);

/** The pids of a process's children. */
function childrenOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
}

type Spec = ReturnType<typeof document>;

let execs = 0;

/** Runs an exec, which has to print something. Returns its exit status and what it has printed. */
async function run(shim: Shim, spec: Spec): Promise<readonly [number, string]> {
  const { client, box } = shim;
  const { id } = box;
  const execId = `run-${++execs}`;
  const stdout = shim.fifo(`${execId}-out`);
  const printed = readFifo(stdout);
  await client.call("Exec", { id, execId, stdout, spec });
  await client.call("Start", { id, execId });
  const { exitStatus = 0 } = await client.call("Wait", { id, execId });
  await client.call("Delete", { id, execId });
  return [exitStatus, await printed];
}

/** Asks for the container's state while something waits. @param pid of the container's first process */
async function answersInTime(t: Test, { client, box }: Shim, pid: number): Promise<void> {
  for (let count = 0; count < 20; count++) {
    const began = performance.now();
    t.match(await client.call("State", { id: box.id }), { pid });
    if (performance.now() - began > 1_000) t.fail("the answer came late");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

shimCase("an exec has three descriptors, and of the shim nothing", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const [status, printed] = await run(shim, processOf(shim, "ls -l /proc/self/fd; exit 7"));
  t.equal(status, 7);
  const open = [...printed.matchAll(/ (\d+) -> (\S+)$/gm)].map(([, fd, file]) => `${fd} ${file}`);
  t.match(open, ["0 /dev/null", /^1 pipe:/, "2 /dev/null"]);
  t.equal(open.length, 3);
  await shim.stop();
});

shimCase("an exec with very many variables is left to a command, and is the same", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { process } = shim.box.config;
  const env = [...(process.env ?? []), ...Array.from({ length: 60 }, (_, n) => `V${n}=${"x".repeat(2_000)}`)];
  const args = ["/bin/sh", "-c", "env | wc -c; exit 3"];
  const [status, printed] = await run(shim, document({ ...process, env, args }));
  t.equal(status, 3);
  t.ok(Number(printed) > 120_000, printed);
  await shim.stop();
});

shimCase("so is one that searches very many directories, and the shim stays small", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { process } = shim.box.config;
  const env = [`PATH=${"/no:".repeat(3_000)}/bin`];
  const spec = document({ ...process, env, args: ["sh", "-c", "echo $0; exit 6"] });
  await run(shim, processOf(shim, "echo"));
  const before = privateKib(shim.pid);
  t.strictSame(await run(shim, spec), [6, "sh\n"]);
  // In the shim itself it would take 10 MiB.
  t.ok(privateKib(shim.pid) < before + 1_000, `${before} KiB, then ${privateKib(shim.pid)} KiB`);
  await shim.stop();
});

shimCase("two at a time, with long environments, do not disturb each other", async (t, lab) => {
  const shim = await shimWith("running", lab);
  const { process } = shim.box.config;
  const one = async (number: number): Promise<void> => {
    const env = ["PATH=/bin", ...Array.from({ length: 100 }, (_, n) => `V${n}=${`${number} `.repeat(70)}`)];
    const args = ["/bin/sh", "-c", `env | grep -c '=${number} ${number} '; exit ${number}`];
    t.strictSame(await run(shim, document({ ...process, env, args })), [number, "100\n"]);
  };
  for (let number = 100; number < 150; number += 2) await Promise.all([one(number), one(number + 1)]);
  await shim.stop();
});

shimCase(
  "so is one whose profile has an agent",
  async (t, lab) => {
    const agent = await startAgent(lab, "123");
    const shim = await shimWith("running", lab, (config: Config) => {
      sleeping(config);
      config.linux.seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        listenerPath: agent.socket,
        syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_NOTIFY" }],
      };
    });
    const [status, printed] = await run(shim, processOf(shim, "mkdir /tmp/a 2>&1"));
    t.equal(status, 1);
    t.match(printed, /No medium found/);
    await shim.stop();
  },
  needsAgent,
);

shimCase(
  "an exec below a frozen cgroup holds no other request, and ends nothing but itself",
  async (t, lab) => {
    const version = controllerHierarchy("freezer") === undefined ? 2 : 1;
    const freezer = makeCgroup(lab, lab.mark, version);
    const shim = await shimWith("running", lab, (config) => {
      sleeping(config);
      config.linux.cgroupsPath = `/${lab.mark}/${lab.mark}-own`;
    });
    const { client, box } = shim;
    const { id } = box;
    await client.call("Exec", { id, execId: "other", spec: processOf(shim, "sleep 1000") });
    const { pid = 0 } = await client.call("Start", { id, execId: "other" });
    const start = async (execId: string): Promise<readonly [number, string]> => {
      await client.call("Exec", { id, execId, spec: processOf(shim, "exit 9") });
      return refusal(client.call("Start", { id, execId }));
    };

    const { pid: first = 0 } = await client.call("State", { id });
    freezer.freeze();
    const patient = start("patient");
    await answersInTime(t, shim, first);
    freezer.thaw();
    t.strictSame(await patient, [0, "it succeeded"]);
    t.match(await client.call("Wait", { id, execId: "patient" }), { exitStatus: 9 });

    freezer.freeze();
    t.match(await start("vain"), [2, /^OCI runtime exec failed: cannot start a process in a frozen cgroup/]);
    freezer.thaw();
    t.notOk(hasEnded(pid), "the other exec runs");
    t.match(await run(shim, processOf(shim, "echo 4; exit 4")), [4, "4\n"], "so does the container");
    await shim.stop();
  },
  needsFreezer(),
);

/** Mounts a file system of FUSE in the container, whose first question is never answered. */
async function mountHung(shim: Shim, pid: number): Promise<{ end(): void }> {
  const mount = "mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0 none /data";
  const script = `exec 9<>/dev/fuse && ${mount} && : >/mounted && exec sleep 1000`;
  const words = ["--target", `${pid}`, "--mount", "--", "/bin/sh", "-c", script];
  const server = spawn("nsenter", words, { stdio: "ignore" });
  const end = (): void => void server.kill("SIGKILL");
  shim.lab.atClose(end);
  await until("the file system to be mounted", () => existsSync(join(shim.box.rootfs, "mounted")));
  return { end };
}

shimCase(
  "execs that wait for a file system's server hold no other request, and end with the server",
  async (t, lab) => {
    const shim = await shimWith("running", lab, (config) => {
      sleeping(config);
      config.linux.devices = [{ path: "/dev/fuse", type: "c", major: 10, minor: 229 }];
    });
    const { client, box } = shim;
    const { id } = box;
    mkdirSync(join(box.rootfs, "data"));
    const { pid = 0 } = await client.call("State", { id });
    const server = await mountHung(shim, pid);
    const [descriptors, children] = [shim.descriptors, childrenOf(shim.pid)];
    const { process } = box.config;
    const spec = document({ ...process, args: ["/bin/true"], cwd: "/data/in" });
    const waiting: Promise<readonly [number, string]>[] = [];
    for (const execId of ["one", "two", "three"]) {
      await client.call("Exec", { id, execId, spec });
      waiting.push(refusal(client.call("Start", { id, execId })));
    }
    await answersInTime(t, shim, pid);
    t.match(await run(shim, processOf(shim, "echo 8; exit 8")), [8, "8\n"]);
    server.end();
    for (const [code, said] of await Promise.all(waiting)) {
      t.equal(code, 2);
      t.match(said, /^OCI runtime exec failed: .*"\/data\/in"/);
    }
    for (const execId of ["one", "two", "three"]) await client.call("Delete", { id, execId });
    await until("the descriptors to be closed", () => shim.descriptors <= descriptors, 5_000);
    await until("the processes to end", () => childrenOf(shim.pid).length <= children.length, 5_000);
    await shim.stop();
  },
  existsSync("/dev/fuse") ? undefined : "needs /dev/fuse",
  needsProgram("nsenter", "util-linux"),
);

/** The system calls of a story that the kernel may refuse, and why. */
const REFUSED: Readonly<Record<string, string>> = {
  openat: "EMFILE",
  socketpair: "EMFILE",
  memfd_create: "EMFILE",
  fcntl: "EMFILE",
  pipe2: "EMFILE",
  clone: "EAGAIN",
  epoll_ctl: "ENOMEM",
  recvfrom: "ENOMEM",
  write: "ENOMEM",
  prlimit64: "EPERM",
  sched_setaffinity: "ENOMEM",
};

shimCase(
  "whichever system call of an exec is refused, the shim goes on, and keeps neither descriptor nor process",
  async (t, lab) => {
    const shim = await shimWith("running", lab);
    const { client, box, containerd } = shim;
    const { id } = box;
    await containerd.waitFor("TaskStart");
    await run(shim, processOf(shim, "echo"));
    const [descriptors, children] = [shim.descriptors, childrenOf(shim.pid)];
    let codes: number[] = [];
    const exec = async (): Promise<"done"> => {
      const execId = `refused-${++execs}`;
      await client.call("Exec", { id, execId, spec: processOf(shim, `echo ran >>/${execId}`) });
      const [code] = await refusal(client.call("Start", { id, execId }));
      if (code === 0) await client.call("Wait", { id, execId });
      await client.call("Delete", { id, execId });
      const ran = join(box.rootfs, execId);
      const runs = existsSync(ran) ? readFileSync(ran, "utf8").split("\n").length - 1 : 0;
      // If it was refused after it had begun, it was ended.
      if (runs > 1 || (code === 0 && runs === 0))
        t.fail(`${execId} ran ${runs} times, and Start said ${code}`);
      codes = [...codes, code];
      return "done";
    };
    const names = Object.keys(REFUSED);
    const log = await traced(shim, ["-e", `trace=${names.join()}`], exec);
    const calls = [...log.matchAll(/^(\w+)\(/gm)].map(([, name = ""]) => name);
    t.ok(calls.length > 30, `${calls.length} system calls`);
    let happened = 0;
    for (let at = 0; at < calls.length; at += Math.max(1, calls.length / TRIED)) {
      const name = calls[Math.floor(at)] ?? "";
      const nth = calls.slice(0, Math.floor(at) + 1).filter((one) => one === name).length;
      const fault = `inject=${name}:error=${REFUSED[name]}:when=${nth}`;
      const told = await traced(shim, ["-e", `trace=${name}`, "-e", fault], exec);
      if (told.includes("INJECTED")) happened += 1;
      await until(`the descriptors after ${fault}`, () => shim.descriptors <= descriptors, 5_000);
      await until(
        `the processes after ${fault}`,
        () => childrenOf(shim.pid).length <= children.length,
        5_000,
      );
    }
    t.ok(happened >= Math.min(TRIED, calls.length) / 2, `${happened} were refused`);
    t.ok(codes.filter((code) => code === 0).length > 1, "a command takes over");
    t.match(await run(shim, processOf(shim, "echo 5; exit 5")), [5, "5\n"]);
    await shim.stop();
  },
  needsStrace,
);
