// Containers with writable cgroup mounts: they name, nest and freeze cgroups below their own in any way, and
// can still be listed, killed and deleted.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { attack } from "../support/attack.ts";
import { type Condition, needsController, notOfCrun, runcFrom, tsrunOnly } from "../support/behaviour.ts";
import {
  isUnified,
  needsUnified,
  onUnified,
  readCgroup,
  unifiedController,
  unifiedFolder,
} from "../support/cgroup.ts";
import { cgroupOf } from "../support/cgroup-driver.ts";
import type { Config } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { until } from "../support/wait.ts";

/** The folder, in the container, of the hierarchy by which the runtime finds the container's processes. */
const MOUNT = "/sys/fs/cgroup";
const PROCESSES = isUnified() ? MOUNT : `${MOUNT}/devices`;

/** Thousands of cgroups take a while on a busy machine. */
const MAKING_MS = 100_000;

/** Starts a container whose program runs this script, and waits until it prints "up". */
async function started(
  lab: Lab,
  script: string,
  { edit, ...host }: { readonly edit?: (config: Config) => void } & typeof onUnified = {},
): Promise<Container> {
  const box = lab.container(Container.script(script));
  edit?.(box.config);
  box.config.mounts.push({ destination: MOUNT, type: "cgroup", source: "cgroup", options: ["nosuid"] });
  box.config.linux.namespaces.push({ type: "cgroup" });
  box.writeConfig();
  mustSucceed(await box.create(host));
  mustSucceed(await box.start(host));
  await until("the cgroups to be made", () => box.output() === "up\n", MAKING_MS).catch(() => {
    throw new Error(`the program said: ${box.output()}`);
  });
  return box;
}

async function processesOf(box: Container): Promise<number[]> {
  const result = mustSucceed(await box.lab.invoke(["ps", "--format", "json", box.id]));
  return JSON.parse(result.stdout) as number[];
}

/** Puts a second process into the cgroup that is the working directory. */
const HIDE = "sleep 1000 & echo $! >cgroup.procs; echo up; exec sleep 1000";

const LONG = "n".repeat(200);

interface Making {
  readonly which: string;
  readonly script: string;
  readonly condition?: Condition;
}

const MAKING: readonly Making[] = [
  {
    which: "whose names are no UTF-8",
    script: `for name in '\\377' '\\303' '\\377/\\200'; do mkdir "$(printf $name)"; done
      cd -P "$(printf '\\377/\\200')"`,
  },
  {
    which: "nested so deep that no path reaches them",
    script: `for i in $(seq 30); do mkdir ${LONG}; cd -P ${LONG}; done`,
    condition: tsrunOnly("it goes by whole paths"),
  },
  {
    which: "nested in thousands of levels",
    script: `path=$(printf 'dd/%.0s' $(seq 1000)); for i in 1 2; do mkdir -p $path; cd -P $path; done`,
    condition: tsrunOnly("it goes by whole paths, or has a descriptor open for each level"),
  },
  { which: "that are many", script: "mkdir $(seq 2000); cd 1234" },
];

for (const { which, script, condition } of MAKING) {
  attack(
    "cgroup mount",
    `cgroups ${which} hide no process, and go with the container`,
    async (t, lab) => {
      const box = await started(lab, `cd ${PROCESSES}; ${script}; ${HIDE}`);
      t.equal((await processesOf(box)).length, 2, "both processes are listed");
      const { code, stderr } = await box.delete({ flags: ["--force"] });
      t.strictSame([code, stderr], [0, ""]);
    },
    condition,
  );
}

const FREEZES = tsrunOnly("it thaws the container's own cgroup alone");

attack(
  "cgroup mount",
  "a program that has frozen itself below the container's cgroup ends when it is killed",
  async (t, lab) => {
    const freeze = "echo 0 >inner/most/tasks; echo up; echo FROZEN >inner/freezer.state";
    const box = await started(lab, `cd ${MOUNT}/freezer; mkdir -p inner/most; ${freeze}`);
    const state = () => readCgroup("freezer", `${cgroupOf(box.id)}/inner`, "freezer.state");
    await until("the program to be frozen", () => state() === "FROZEN");
    mustSucceed(await box.kill("KILL"));
    await box.waitForStatus("stopped");
    t.equal((await box.delete()).code, 0);
  },
  needsController("freezer", 1),
  FREEZES,
);

attack(
  "cgroup mount",
  "a program that freezes the first process again and again does not keep it alive",
  async (t, lab) => {
    const freezer = "sh -c 'while :; do echo FROZEN >held/freezer.state; done' &";
    const box = await started(
      lab,
      `cd ${MOUNT}/freezer; mkdir held; ${freezer} echo up; echo 0 >held/tasks; while :; do :; done`,
    );
    const held = () => readCgroup("freezer", `${cgroupOf(box.id)}/held`, "tasks");
    await until("the first process to be held", () => held() !== "");
    const { code, stderr } = await box.delete({ flags: ["--force"] });
    t.strictSame([code, stderr], [0, ""]);
  },
  needsController("freezer", 1),
  FREEZES,
);

// ---- cgroup v2 --------------------------------------------------------------------------------------------

for (const [which, name] of [
  ["with a carriage return", "a\\rb"],
  ["with a line separator of Unicode", "a\\342\\200\\250b"],
  ["that is no UTF-8", "a\\377b"],
  ["that looks like that of a removed one", "a (deleted)"],
] as const) {
  attack(
    "cgroup mount",
    `exec enters the first process' cgroup by a name ${which}`,
    async (t, lab) => {
      const enter = `n="$(printf '${name}')"; mkdir "$n"; echo 0 >"$n/cgroup.procs"`;
      const divide = `echo +${unifiedController()} >cgroup.subtree_control`;
      const box = await started(
        lab,
        `cd ${MOUNT}; ${enter}; ${divide} && echo up; exec sleep 1000`,
        onUnified,
      );
      const inside = `test "$(grep ^0:: /proc/self/cgroup)" = "0::/$(printf '${name}')"`;
      const { code, stderr } = await lab.invoke(["exec", box.id, "sh", "-c", inside], onUnified);
      t.strictSame([code, stderr], [0, ""]);
      mustSucceed(await box.delete({ flags: ["--force"], ...onUnified }));
    },
    needsUnified(),
    unifiedController() === undefined ? "no controller is left to cgroup v2" : undefined,
  );
}

/** Gives the calling shell a name that puts `pid` where a reader of its status may look for its own. */
const passOff = (pid: number | undefined) => `printf '\\rTgid:\\t${pid}\\r' >/proc/self/comm`;

function bystander(lab: Lab): ChildProcess {
  const other = spawn("sleep", ["1000"]);
  lab.atClose(() => other.kill());
  return other;
}

attack(
  "cgroup mount",
  "a thread in a cgroup of threads passes off no process of the host as the container's",
  async (t, lab) => {
    const { pid } = bystander(lab);
    const enter = "mkdir t; echo threaded >t/cgroup.type; echo 0 >t/cgroup.procs";
    const script = `cd ${MOUNT}; ${enter}; ${passOff(pid)}; echo up; sleep 1000; echo over`;
    const box = await started(lab, script, onUnified);
    const listed = mustSucceed(await lab.invoke(["ps", "--format", "json", box.id], onUnified)).stdout;
    const pids = JSON.parse(listed) as number[];
    t.notOk(pids.includes(pid ?? 0), "the other process is not listed");
    t.ok(pids.includes((await box.stateDocument()).pid), "the container's own is");
    mustSucceed(await box.delete({ flags: ["--force"], ...onUnified }));
  },
  needsUnified(),
  notOfCrun("it reads the processes of a cgroup of threads in vain"),
  runcFrom("1.3.0", "it reads the processes of a cgroup of threads in vain"),
);

attack(
  "cgroup mount",
  "a thread in a cgroup of threads has no process of the host killed",
  async (t, lab) => {
    const other = bystander(lab);
    const ended = once(other, "exit");
    const place = `threads-${lab.mark}`;
    mkdirSync(unifiedFolder(`${place}/threaded`), { recursive: true });
    writeFileSync(unifiedFolder(`${place}/threaded/cgroup.type`), "threaded");
    const script = `${passOff(other.pid)}; echo up; sleep 1000; echo over`;
    const edit = ({ linux }: Config) => {
      linux.cgroupsPath = `/${place}/threaded`;
      // Without a pid namespace, the cgroup decides which processes are killed.
      linux.namespaces = linux.namespaces.filter(({ type }) => type !== "pid");
    };
    const box = await started(lab, script, { edit, ...onUnified });
    mustSucceed(await lab.invoke(["kill", box.id, "KILL"], onUnified));
    await box.waitForStatus("stopped");
    mustSucceed(await box.delete(onUnified));
    rmdirSync(unifiedFolder(place));
    // If it gets two signals, the first one ends it.
    other.kill("SIGTERM");
    t.strictSame(await ended, [null, "SIGTERM"]);
  },
  needsUnified(),
  tsrunOnly("it cannot kill what is in a cgroup of threads"),
);
