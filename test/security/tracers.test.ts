// A container with CAP_SYS_PTRACE seizes the process that `exec` adds, as soon as it sees it, and can then do
// everything that this process may do. So the process must not have more privileges than the container.

import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import type { Test } from "tap";
import { attack } from "../support/attack.ts";
import { tsrunOnly } from "../support/behaviour.ts";
import type { Config, ConfigProcess } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { kernelAtLeast } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { capabilityBits } from "../support/proc.ts";
import { needsProgram } from "../support/program.ts";
import { until } from "../support/wait.ts";
import { needsCall } from "../support/without.ts";

const HAS = ["CAP_SYS_PTRACE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
const NUMBERS = [5, 10, 19];
const CAP_SYS_ADMIN = 21;
const CAP_SYS_NICE = 23;
/** Some processes have gone on before the tracer attaches. */
const WANTED = 2;
const MOST_TRIES = 100;

interface Seized {
  readonly Name: string;
  readonly CapPrm: string;
  readonly CapEff: string;
  readonly CapBnd: string;
  /** Device and inode of its root directory. */
  readonly Root: string;
}

/** To be out of sight, a process mounts the procfs of a pid namespace that it is not in. */
const needsPidns = kernelAtLeast(6, 18)
  ? needsCall("fsopen", "a procfs of another pid namespace")
  : "needs Linux 6.18 (pidns of procfs)";

/** Runs tracer.py among the container's processes, with the container's capabilities. */
async function startTracer(lab: Lab, box: Container): Promise<() => Seized[]> {
  const { pid } = await box.stateDocument();
  const bounding = `-all,${HAS.map((name) => name.replace("CAP_", "+").toLowerCase()).join(",")}`;
  const inside = 'mount -t proc proc /proc && exec setpriv --bounding-set "$0" --inh-caps -all "$@"';
  const enter = ["nsenter", "--target", `${pid}`, "--pid", "--", "unshare", "--mount", "--"];
  const tracer = ["sh", "-c", inside, bounding, "/usr/bin/python3", "test/support/tracer.py"];
  const child = spawn("/usr/bin/env", [...enter, ...tracer], { stdio: ["ignore", "pipe", "inherit"] });
  lab.atClose(() => child.kill("SIGKILL"));
  let said = "";
  child.stdout.on("data", (text) => {
    said += text;
  });
  await until("the tracer", () => said.startsWith("ready\n"));
  const lines = (): string[] => said.split("\n").slice(1, -1);
  return () => lines().map((line) => JSON.parse(line) as Seized);
}

interface Case {
  readonly what: string;
  readonly edit?: (process: ConfigProcess, config: Config) => void;
  /** Capabilities that the executing process may have in addition to the container's. */
  readonly named?: readonly number[];
}

/** A profile like those of engines: almost everything is allowed. */
function usualProfile(_process: ConfigProcess, { linux }: Config): void {
  const names = ["swapon", "swapoff", "reboot"];
  linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names, action: "SCMP_ACT_ERRNO" }] };
}

const CASES: readonly Case[] = [
  { what: "with no_new_privs" },
  {
    what: "without it",
    edit: (process) => {
      process.noNewPrivileges = false;
    },
  },
  {
    what: "with a seccomp profile",
    edit: (process, config) => {
      process.noNewPrivileges = false;
      usualProfile(process, config);
    },
  },
  {
    what: "for another user with a limit and a nice value",
    edit: (process) => {
      process.user = { uid: 1000, gid: 1000, additionalGids: [5] };
      process.rlimits = [{ type: "RLIMIT_NPROC", soft: 1000, hard: 1000 }];
      process.scheduler = { policy: "SCHED_OTHER", nice: 5 };
    },
  },
  {
    what: "with a scheduler that a child does not get",
    edit: (process) => {
      process.scheduler = { policy: "SCHED_OTHER", nice: 5, flags: ["SCHED_FLAG_RESET_ON_FORK"] };
    },
    named: [CAP_SYS_NICE],
  },
  {
    what: "with a profile that forbids what comes before execve",
    edit: (process, config) => {
      process.noNewPrivileges = false;
      const rule = { names: ["setsid"], action: "SCMP_ACT_ERRNO" };
      config.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [rule] };
    },
    named: [CAP_SYS_ADMIN],
  },
];

const hostRoot = statSync("/");

/** What is on the way to the program has no capability but these, and does not see the host's files. */
function checkSeized(t: Test, seized: readonly Seized[], named: readonly number[]): void {
  const allowed = (bit: number): boolean => NUMBERS.includes(bit) || named.includes(bit);
  for (const { CapPrm, CapEff, CapBnd, Root } of seized) {
    const more = [CapPrm, CapEff].flatMap(capabilityBits).filter((bit) => !allowed(bit));
    t.strictSame(more, [], "nothing more");
    t.strictSame(capabilityBits(CapBnd), NUMBERS, "nor by executing another program");
    t.not(Root, `${hostRoot.dev}:${hostRoot.ino}`, "nor the host's files");
  }
}

for (const { what, edit, named = [] } of CASES) {
  attack(
    "CAP_SYS_PTRACE",
    `a tracer finds no capability in what exec brings that the container does not have, ${what}`,
    async (t, lab) => {
      const box = lab.container((config) => {
        Container.script("exec sleep 1000")(config);
        config.process.capabilities = { bounding: HAS, effective: HAS, permitted: HAS };
        edit?.(config.process, config);
      });
      mustSucceed(await box.run({ flags: ["--detach"] }));
      const seized = await startTracer(lab, box);
      const early = (): Seized[] => seized().filter(({ Name }) => Name === "tsrun-init");
      for (let tried = 0; tried < MOST_TRIES && early().length < WANTED; tried += 1) {
        mustSucceed(await lab.invoke(["exec", box.id, "true"]));
      }
      t.ok(early().length >= WANTED, `it got hold of ${early().length} before they executed`);
      checkSeized(t, seized(), named);
    },
    needsProgram("/usr/bin/python3", "python3"),
    needsProgram("nsenter", "util-linux"),
    tsrunOnly("the process of its exec has all of the runtime's capabilities there"),
  );

  attack(
    "CAP_SYS_PTRACE",
    `nor in a container that is created in its pid namespace, ${what}`,
    async (t, lab) => {
      const box = lab.container((config) => {
        Container.script("exec sleep 1000")(config);
        config.process.capabilities = { bounding: HAS, effective: HAS, permitted: HAS };
      });
      mustSucceed(await box.run({ flags: ["--detach"] }));
      const { pid } = await box.stateDocument();
      const next = lab.container((config) => {
        config.process.args = ["/bin/true"];
        config.process.capabilities = { bounding: HAS, effective: HAS, permitted: HAS };
        for (const one of config.linux.namespaces) if (one.type === "pid") one.path = `/proc/${pid}/ns/pid`;
        edit?.(config.process, config);
      });
      const seized = await startTracer(lab, box);
      const early = (): Seized[] => seized().filter(({ Name }) => Name === "tsrun-init");
      for (let tried = 0; tried < MOST_TRIES && early().length < WANTED; tried += 1) {
        mustSucceed(await next.create());
        mustSucceed(await next.delete({ flags: ["--force"] }));
      }
      t.ok(early().length >= WANTED, `it got hold of ${early().length} before they executed`);
      checkSeized(t, seized(), named);
    },
    needsProgram("/usr/bin/python3", "python3"),
    needsProgram("nsenter", "util-linux"),
    needsPidns,
    tsrunOnly("its first process has all of the runtime's capabilities and the host's root there"),
  );
}
