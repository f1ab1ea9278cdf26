// File systems whose server does not answer: whoever looks at a path behind one waits in the kernel.
// `delete --force` ends the container, and the command with it.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { hasEnded } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { allPids, readProc } from "../support/proc.ts";
import { needsProgram } from "../support/program.ts";
import { isTsrun } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

const LIMIT_MS = 60_000;
const needsFuse = existsSync("/dev/fuse") ? undefined : "needs /dev/fuse";
const needsStacks = existsSync("/proc/self/stack")
  ? undefined
  : "this kernel does not show where a process waits";
const NEEDS = [needsFuse, needsStacks, needsProgram("nsenter", "util-linux")];

interface HungServer {
  /** Runs the runtime in the mount namespace that has the file system; the host does not see it. */
  readonly wrapper: readonly string[];
  /** The directory that it is mounted in, as `hung`. */
  readonly folder: string;
  /** Ends the server. */
  readonly end: () => void;
}

/** Mounts a file system of FUSE, whose first question is never answered. */
async function hungServer(lab: Lab): Promise<HungServer> {
  const folder = join(lab.folder, "volume");
  mkdirSync(join(folder, "hung"), { recursive: true });
  const ready = join(lab.folder, "mounted");
  const mount = "mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0 none";
  const script = `exec 9<>/dev/fuse && ${mount} "$0/hung" && : >"$1" && exec sleep 1000`;
  const words = ["--mount", "--propagation", "private", "sh", "-c", script, folder, ready];
  const server = spawn("unshare", words, { stdio: "ignore" });
  const end = () => void server.kill("SIGKILL");
  lab.atClose(end);
  await until("the file system to be mounted", () => existsSync(ready));
  return { folder, end, wrapper: ["nsenter", "--target", `${server.pid}`, "--mount", "--wdns=/"] };
}

/** Waits until a process of the container's, or a command on it, waits in the kernel for a server of FUSE. */
async function untilWaiting({ id }: Container): Promise<void> {
  const waits = (pid: number): boolean => {
    const isMeant = `${readProc(pid, "cgroup")}${readProc(pid, "cmdline")}`.includes(id);
    return isMeant && /fuse|request_wait_answer/.test(readProc(pid, "stack"));
  };
  await until("it to wait for the server", () => allPids().some(waits));
}

behaviour(
  "an exec into a directory whose server does not answer ends with its container",
  async (t, lab) => {
    const { wrapper, folder } = await hungServer(lab);
    const box = lab.container(Container.script("exec sleep 1000"));
    box.config.mounts.push({ destination: "/data", type: "bind", source: folder, options: ["rbind"] });
    box.writeConfig();
    mustSucceed(await box.run({ flags: ["--detach"], wrapper }));
    const { pid } = await box.stateDocument();
    const exec = lab.invoke(["exec", "--cwd", "/data/hung", box.id, "true"], {
      timeoutMs: LIMIT_MS,
      wrapper,
    });
    await untilWaiting(box);
    mustSucceed(await box.delete({ flags: ["--force"], timeoutMs: LIMIT_MS, wrapper }));
    const ended = await exec;
    if (isTsrun) refused(t, ended, /cannot exec in a stopped container/, 255);
    else t.not(ended.code, 0);
    await until("the container to end", () => hasEnded(pid));
    await nothingLeft(t, lab, "after delete --force");
  },
  ...NEEDS,
);

behaviour(
  "a create with a mount whose server does not answer is ended by delete --force",
  async (t, lab) => {
    const { wrapper, folder } = await hungServer(lab);
    const box = lab.container(Container.script("exec sleep 1000"));
    const source = join(folder, "hung/file");
    box.config.mounts.push({ destination: "/data", type: "bind", source, options: ["bind"] });
    box.writeConfig();
    const create = box.create({ timeoutMs: LIMIT_MS, wrapper });
    await untilWaiting(box);
    mustSucceed(await box.delete({ flags: ["--force"], timeoutMs: LIMIT_MS, wrapper }));
    const { code, stderr } = await create;
    t.equal(code, 1);
    t.equal(stderr.trimEnd().split("\n").length, 1, stderr);
    await nothingLeft(t, lab, "after delete --force");
  },
  ...NEEDS,
  tsrunOnly("it knows no such container yet"),
);

behaviour(
  "a create whose own look at a source waits for a server ends with the server",
  async (t, lab) => {
    const { wrapper, folder, end } = await hungServer(lab);
    const box = lab.container(Container.script("exec sleep 1000"));
    // What lies in a tmpfs that was mounted just before is looked at by tsrun itself.
    box.config.mounts.push(
      { destination: "/tmp", type: "tmpfs", source: "tmpfs" },
      { destination: "/tmp/data", type: "bind", source: join(folder, "hung/file"), options: ["bind"] },
    );
    box.writeConfig();
    const create = box.create({ timeoutMs: LIMIT_MS, wrapper });
    await untilWaiting(box);
    end();
    refused(t, await create, /cannot mount .*hung\/file/);
    await nothingLeft(t, lab, "after the refusal");
  },
  ...NEEDS,
);
