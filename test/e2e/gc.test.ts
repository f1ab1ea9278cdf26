// `gc`: what killed commands and earlier boots leave is found with its reason and removed with --yes; what is
// of a living container, or cannot be proven to be garbage, stays.

import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  statfsSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { behaviour, nothingLeft, tsrunOnly } from "../support/behaviour.ts";
import { cgroupFolders } from "../support/cgroup.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { signalProcess } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { nameOf } from "../support/proc.ts";
import { needsProgram } from "../support/program.ts";
import { runtimePath } from "../support/runtime.ts";
import { atTerminal, needsTerminal, seen } from "../support/terminal.ts";
import { until } from "../support/wait.ts";
import { stuck, why } from "../support/why.ts";

const ours = tsrunOnly("has no gc command");

const SLEEP = Container.script("exec sleep 1000");

interface Found {
  readonly kind: string;
  readonly what: string;
  readonly why: string;
  readonly failure?: string;
}

interface Report {
  readonly code: number;
  readonly garbage: readonly Found[];
  readonly kept: readonly Found[];
}

async function gc(lab: Lab, flags: readonly string[] = [], wrapper?: readonly string[]): Promise<Report> {
  const options = wrapper === undefined ? {} : { wrapper };
  const { code, stdout, stderr } = await lab.invoke(["gc", "--json", ...flags], options);
  if (stdout === "") throw new Error(`gc: ${code} ${stderr}`);
  return { code, ...(JSON.parse(stdout) as Omit<Report, "code">) };
}

/** A create that is killed while its hook runs; the hook, too. */
async function halfMade(lab: Lab): Promise<Container> {
  const box = lab.container((config) => {
    config.hooks = { createRuntime: [{ path: "/bin/sleep", args: ["sleep", "1000"] }] };
  });
  let pid = 0;
  const creating = box.create({
    onSpawn: (made) => {
      pid = made;
    },
  });
  const hook = await until("the hook to run", () => {
    const children = `/proc/${pid}/task/${pid}/children`;
    const list = existsSync(children) ? readFileSync(children, "utf8").trim().split(" ") : [];
    return list.find((child) => nameOf(child) === "sleep");
  });
  signalProcess(pid, "SIGKILL");
  signalProcess(hook, "SIGKILL");
  await creating;
  return box;
}

behaviour(
  "containers that are well are no garbage: created, running, paused, ended, being made",
  async (t, lab) => {
    const [created, running, ended] = [lab.container(), lab.container(SLEEP), lab.container()];
    mustSucceed(await created.create());
    mustSucceed(await running.run({ flags: ["--detach"] }));
    await ended.run({ flags: ["--keep"] });
    t.match(await gc(lab), { code: 0, garbage: [], kept: [] });
    t.match(await gc(lab, ["--yes"]), { code: 0, garbage: [] });
    t.equal((await created.stateDocument()).status, "created");
    t.equal((await running.stateDocument()).status, "running");
    t.equal((await ended.stateDocument()).status, "stopped");
    t.equal((await lab.invoke(["gc"])).stdout, "No garbage.\n");
  },
  ours,
);

behaviour(
  "a container whose create was killed is found, and removed with all that it had",
  async (t, lab) => {
    const box = await halfMade(lab);
    const well = lab.container(SLEEP);
    mustSucceed(await well.run({ flags: ["--detach"] }));
    const found = await until("its first process to end", async () => {
      const report = await gc(lab);
      return report.garbage.length > 0 ? report : undefined;
    });
    const one = { kind: "half-made", what: box.id, why: "its create was killed before it was complete" };
    t.match(found, { code: 2, garbage: [one] });
    t.ok(existsSync(join(lab.stateRoot, box.id)), "it is only shown");
    t.match(await gc(lab, ["--yes"]), { code: 0, garbage: [one] });
    t.notOk(existsSync(join(lab.stateRoot, box.id)));
    t.strictSame(cgroupFolders(`/${box.id}`), []);
    t.equal((await well.stateDocument()).status, "running");
    t.match(await gc(lab), { code: 0, garbage: [] });
  },
  ours,
);

behaviour(
  "a directory without a state is garbage when it is old, and nobody works on it",
  async (t, lab) => {
    const directory = join(lab.stateRoot, `${lab.mark}-empty`);
    mkdirSync(directory, { recursive: true });
    t.match(await gc(lab), { code: 0, kept: [{ why: /less than a minute old$/ }] });
    utimesSync(directory, 1, 1);
    const holder = spawn("sh", ["-c", `exec 9<${directory}; echo up; exec sleep 1000`]);
    lab.atClose(() => holder.kill("SIGKILL"));
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    t.match(await gc(lab, ["--yes"]), { code: 0, garbage: [] }, "somebody has it open");
    holder.kill("SIGKILL");
    await until("it to be free", async () => (await gc(lab)).code === 2);
    t.match(await gc(lab, ["--yes"]), { code: 0, garbage: [{ kind: "half-made" }] });
    t.notOk(existsSync(directory));
  },
  ours,
);

behaviour(
  "states of an earlier boot go, without touching who has their pid and cgroup now",
  async (t, lab) => {
    const box = lab.container(SLEEP);
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const { pid } = await box.stateDocument();
    const id = join(lab.folder, "boot_id");
    writeFileSync(id, "00000000-1111-2222-3333-444444444444\n");
    const script = `mount --bind ${id} /proc/sys/kernel/random/boot_id && exec "$@"`;
    const later = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"];
    lab.atClose(() => killIfThere(pid));
    t.match(await gc(lab, [], later), { code: 2, garbage: [{ kind: "earlier boot", what: box.id }] });
    t.match(await gc(lab), { code: 0, garbage: [] }, "in its own boot it is alive");
    t.match(await gc(lab, ["--yes"], later), { code: 0 });
    t.notOk(existsSync(join(lab.stateRoot, box.id)));
    t.ok(existsSync(`/proc/${pid}`), "the process may be another's");
    killIfThere(pid);
    await until("its end", () => cgroupsEmpty(box.id));
  },
  ours,
  statfsSync(tmpdir()).type === 0x01021994 ? `"${tmpdir()}" is in memory` : undefined,
  systemdDriver ? "systemd removes the cgroup by itself" : undefined,
);

behaviour(
  "nothing is garbage because a sandbox around tsrun hides the boot",
  async (t, lab) => {
    const box = lab.container(SLEEP);
    mustSucceed(await box.run({ flags: ["--detach"] }));
    for (const hiding of [
      "tmpfs -t tmpfs /proc/sys/kernel/random",
      "--bind /dev/null /proc/sys/kernel/random/boot_id",
    ]) {
      const script = `mount ${hiding} && exec "$@"`;
      const hidden = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"];
      t.match(await gc(lab, ["--yes"], hidden), { code: 0, garbage: [] }, hiding);
      t.match(JSON.parse((await box.state({ wrapper: hidden })).stdout), { status: "running" }, hiding);
      t.match(await why(lab, box.id, { wrapper: hidden }), { code: 0, state: "running" }, hiding);
    }
    t.equal((await box.stateDocument()).status, "running");
  },
  ours,
);

function killIfThere(pid: number): void {
  try {
    signalProcess(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

/** Removes the cgroups that nobody knows of any more, once they are empty. */
function cgroupsEmpty(id: string): boolean {
  for (const path of cgroupFolders(`/${id}`)) {
    try {
      rmdirSync(path);
    } catch {
      return false;
    }
  }
  return true;
}

behaviour(
  "files that a killed command was writing go; those of a command that is at work stay",
  async (t, lab) => {
    const box = lab.container(SLEEP);
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const file = join(lab.stateRoot, box.id, ".state.json.4711");
    writeFileSync(file, "{");
    t.match(await gc(lab), { code: 2, garbage: [{ kind: "temporary", what: file }] });
    t.match(await gc(lab, ["--yes"]), { code: 0 });
    t.notOk(existsSync(file));
    t.equal((await box.stateDocument()).status, "running");
  },
  ours,
);

behaviour(
  "a first process that waits for ever, since its state was removed by hand, is ended with its cgroup",
  async (t, lab) => {
    const box = lab.container();
    const other = lab.container();
    mustSucceed(await box.create());
    mustSucceed(await other.create());
    const { pid } = await box.stateDocument();
    rmSync(join(lab.stateRoot, box.id), { recursive: true });
    t.match(await gc(lab), {
      code: 2,
      garbage: [{ kind: "process", what: new RegExp(`^process ${pid}, of`) }],
    });
    t.match(await gc(lab, ["--yes"]), { code: 0, garbage: [{ kind: "process" }] });
    await until("its end", () => !existsSync(`/proc/${pid}/exe`) || cgroupFolders(`/${box.id}`).length === 0);
    if (!systemdDriver) t.strictSame(cgroupFolders(`/${box.id}`), []);
    t.equal((await other.stateDocument()).status, "created");
  },
  ours,
);

function isEmpty(cgroup: string): boolean {
  return readFileSync(join(cgroup, "cgroup.procs"), "utf8") === "";
}

behaviour(
  "a first process below another root of the same name, in another mount namespace, is left alone",
  async (t, lab) => {
    const box = lab.container();
    box.writeConfig();
    mkdirSync(lab.stateRoot, { recursive: true });
    // Its FIFO is deleted and its state is not in our root: so it looks from here during its start, too.
    const made = `mount -t tmpfs none "$0" && "$@" </dev/null >&2 && rm -r "$0/${box.id}"`;
    const script = `${made} && echo && exec cat`;
    const create = [runtimePath, "--root", lab.stateRoot, "create", "--bundle", box.bundle, box.id];
    const holder = spawn("unshare", ["--mount", "sh", "-c", script, lab.stateRoot, ...create], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    lab.atClose(() => holder.kill("SIGKILL"));
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    const folders = cgroupFolders(`/${box.id}`);
    const procs = join(folders[0] ?? "", "cgroup.procs");
    const [pid = ""] = readFileSync(procs, "utf8").split("\n");
    t.match(readlinkSync(`/proc/${pid}/exe`), /tsrun-init/);
    t.match(await gc(lab, ["--yes"]), { code: 0, garbage: [] });
    t.equal(readFileSync(procs, "utf8"), `${pid}\n`, "it is still there");
    signalProcess(Number(pid), "SIGKILL");
    await until("its end", () => folders.every((folder) => isEmpty(folder)));
    for (const folder of folders) rmdirSync(folder);
  },
  ours,
  needsProgram("unshare", "util-linux"),
  systemdDriver ? "systemd makes the cgroups" : undefined,
);

behaviour(
  "a cgroup that delete --force had to leave goes when nobody is in it any more",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create());
    const folders = cgroupFolders(`/${box.id}`);
    const [folder = ""] = folders;
    mustSucceed(await box.delete());
    // As delete --force remembers it: the inode tells it from one that another has made at that path since.
    mkdirSync(folder);
    const remembered = (inode: number | bigint, at = Date.now()): string => {
      const left = [`${inode} ${folder}`];
      return `${JSON.stringify({ id: box.id, created: "c", at, by: "delete", left })}\n`;
    };
    const history = join(lab.stateRoot, ".ended");
    const { ino } = statSync(folder);
    writeFileSync(history, remembered(ino + 1));
    t.match(await gc(lab, ["--yes"]), { code: 0, garbage: [] }, "another cgroup");
    writeFileSync(history, remembered(ino, 1));
    t.match(await gc(lab, ["--yes"]), { code: 0, garbage: [] }, "of an earlier boot");
    writeFileSync(history, remembered(ino));
    const member = spawn("sleep", ["1000"]);
    lab.atClose(() => member.kill("SIGKILL"));
    writeFileSync(join(folder, "cgroup.procs"), String(member.pid));
    t.match(await gc(lab, ["--yes"]), { code: 0, garbage: [], kept: [{ kind: "cgroup", what: folder }] });
    member.kill("SIGKILL");
    await until("it to be empty", async () => (await gc(lab)).code === 2);
    t.match(await gc(lab, ["--yes"]), { code: 0, garbage: [{ kind: "cgroup", what: folder }] });
    t.notOk(existsSync(folder));
  },
  ours,
  systemdDriver ? "systemd removes the cgroup by itself" : undefined,
);

behaviour(
  "what is damaged is named, and not touched; a root that is not there has no garbage",
  async (t, lab) => {
    t.match(await gc(lab), { code: 0, garbage: [], kept: [] });
    const box = lab.container();
    mustSucceed(await box.create());
    const file = join(lab.stateRoot, box.id, "state.json");
    const whole = readFileSync(file, "utf8");
    writeFileSync(file, "{");
    t.match(await gc(lab, ["--yes"]), {
      code: 0,
      garbage: [],
      kept: [{ what: box.id, why: /it is damaged/ }],
    });
    t.equal(readFileSync(file, "utf8"), "{");
    writeFileSync(file, whole);
    mustSucceed(await box.delete());
    await nothingLeft(t, lab, "of it");
  },
  ours,
);

behaviour(
  "a directory with a name that no container may have is somebody else's, and disturbs nobody",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create());
    const odd = join(lab.stateRoot, "lost and found");
    mkdirSync(odd);
    lab.atClose(() => rmSync(odd, { recursive: true }));
    t.match(await gc(lab, ["--yes"]), { code: 0, garbage: [], kept: [] });
    t.match(await stuck(lab), { code: 0, looked: 1 });
    mustSucceed(await lab.invoke(["top", "--once"]));
    const { stdout, stderr } = await lab.invoke(["list", "--quiet"]);
    t.strictSame(
      [stdout, stderr],
      [`${box.id}\n`, 'cannot list container "lost and found": invalid container ID format\n'],
    );
    t.ok(existsSync(odd));
  },
  ours,
);

behaviour(
  "at a terminal it is a table within the columns",
  async (t, lab) => {
    const directory = join(lab.stateRoot, `${lab.mark}-empty`);
    mkdirSync(directory, { recursive: true });
    utimesSync(directory, 1, 1);
    for (const columns of [60, 80, 200]) {
      const wrapper = [...atTerminal(), "sh", "-c", `stty cols ${columns}; exec "$@"`, "sh"];
      const { shown, code } = seen(await lab.invoke(["gc"], { wrapper }));
      t.equal(code, 2);
      t.match(shown, /^Garbage\r?\n {2}half-made {5}\S+-empty\r?\n {16}it has no state/);
      t.match(shown, /1 thing can be removed: gc --yes\./);
      const longest = Math.max(...shown.split(/\r?\n/).map((line) => line.length));
      t.ok(longest <= columns, `${columns} columns: ${longest}`);
    }
    rmSync(directory, { recursive: true });
  },
  ours,
  needsTerminal(),
);
