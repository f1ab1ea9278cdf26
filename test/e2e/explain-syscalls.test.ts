// explain --syscalls: compares the calls that it shows one by one with those that create then makes, as
// --debug reports them.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import { behaviour, nothingLeft, tsrunOnly } from "../support/behaviour.ts";
import type { Config } from "../support/config.ts";
import { type Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { missingCalls } from "../support/without.ts";

const ONLY_TSRUN = tsrunOnly("has no explain");
const KNOWS_ALL =
  missingCalls.length === 0
    ? undefined
    : "explain tells of a kernel that has every call, this one lacks some";

interface Call {
  readonly number: number;
  readonly by: string;
  readonly call: string;
}

async function shownCalls(lab: Lab, box: Container): Promise<readonly Call[]> {
  const { code, stdout, stderr } = await lab.invoke(["explain", "--json", "--syscalls", box.bundle]);
  if (code !== 0 || stderr !== "") throw new Error(`explain ended with ${code}: ${stderr}`);
  const { sections } = JSON.parse(stdout) as { sections: { syscalls?: Call[] }[] };
  return sections.flatMap(({ syscalls = [] }) => syscalls).sort((a, b) => a.number - b.number);
}

/** The calls of the container's first process, after the first proxy has ended. */
function ofInit(calls: readonly string[]): string[] {
  return calls.slice(calls.findIndex((call) => call.startsWith("setsid("))).map(normalised);
}

/** Without the parts that differ in each run: ids of the container and of keys. */
function normalised(call: string): string {
  return call
    .replace(/_ses\.[^"]*/, "_ses.ID")
    .replace(/^(keyctl\(\w+), \d+/, "$1, KEY")
    .replace(/^(keyctl\(.*\)) = \d+$/, "$1 = KEY")
    .replaceAll(/<container-id>|oci-e2e-[\w-]+(?=[/"])/g, "ID");
}

/** The proxies' calls that `create --debug` reports: those that were carried out, and the last batch. */
async function madeCalls(lab: Lab, box: Container): Promise<readonly string[]> {
  const log = join(lab.folder, "log");
  const quiet = join(lab.folder, "stdin");
  writeFileSync(quiet, "");
  // Standard streams that are root's files, so that tsrun need not change them.
  const wrapper = ["sh", "-c", `exec "$@" <${quiet} >>${quiet} 2>>${quiet}`, "sh"];
  const flags = ["--debug", "--log", log, "--log-format", "json"];
  mustSucceed(await box.create({ globals: flags, wrapper }));
  const calls = readFileSync(log, "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { msg: string }).msg)
    .flatMap((message) => /^\[\d+\] (.*)$/s.exec(message)?.[1] ?? []);
  const lastAnswered = calls.findLastIndex(isAnswered);
  return calls.filter((call, index) => isAnswered(call) || index > lastAnswered);
}

/** Calls after a failure in a batch are not carried out; the results of the last batch are not reported. */
function isAnswered(call: string): boolean {
  return / = [^=]*$/.test(call);
}

async function compare(t: Test, lab: Lab, box: Container): Promise<void> {
  const shown = await shownCalls(lab, box);
  await nothingLeft(t, lab, "after explaining");
  const made = await madeCalls(lab, box);
  const init = shown.filter(({ by }) => by === "init").map(({ call }) => call);
  t.ok(init.length > 100, `${init.length} calls`);
  t.strictSame(ofInit(init), ofInit(made));
  t.strictSame(
    shown.map(({ number }) => number),
    shown.map((_, index) => index + 1),
    "each has its place in the order of all",
  );
}

function alike(sentence: string, edit: (config: Config, lab: Lab) => void): void {
  behaviour(
    sentence,
    async (t, lab) => {
      const box = lab.container((config) => edit(config, lab));
      await compare(t, lab, box);
    },
    ONLY_TSRUN,
    KNOWS_ALL,
  );
}

alike("the calls of the base bundle are those that are made", () => {});

alike("so are they with the container's control groups to be seen", (config) => {
  const options = ["nosuid", "noexec", "nodev", "relatime", "ro"];
  config.mounts.push({ destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup", options });
});

alike("with binds of files and directories, and mount points that are missing", (config, lab) => {
  const file = join(lab.folder, "file");
  writeFileSync(file, "content");
  config.mounts.push(
    { destination: "/new/place", type: "bind", source: lab.folder, options: ["bind", "ro"] },
    { destination: "/new/file", type: "bind", source: file, options: ["bind"] },
    { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["nosuid"] },
    { destination: "/tmp/below", type: "bind", source: lab.folder, options: ["rbind", "rprivate"] },
  );
});

alike("for another user, with groups, a working directory, an environment and a profile", (config) => {
  config.process.user = { uid: 0, gid: 5, additionalGids: [7, 8], umask: 0o77 };
  config.process.cwd = "/work/here";
  config.process.env = ["PATH=/bin", "A=b", "HOME=/x"];
  config.process.noNewPrivileges = true;
  config.linux.seccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["acct"], action: "SCMP_ACT_ERRNO" }],
  };
});

alike("with a cgroup namespace, kernel parameters and paths that are closed", (config) => {
  config.linux.namespaces.push({ type: "cgroup" });
  config.linux.sysctl = { "net.ipv4.ip_forward": "1" };
  config.linux.maskedPaths = ["/proc/kcore", "/proc/keys", "/proc/acpi", "/nosuch"];
  config.linux.readonlyPaths = ["/proc/sys", "/proc/bus"];
});

alike("with file systems that are told by mount(2), and one that is filled", (config) => {
  config.mounts.push(
    { destination: "/a", type: "tmpfs", source: "tmpfs", options: [`size=1m,mode=0${"7".repeat(3)}`] },
    { destination: "/b", type: "tmpfs", source: "tmpfs", options: ["ro", "nodev"] },
  );
  config.root.readonly = true;
});

behaviour(
  "what tsrun itself does is among them: control groups, limits and hooks",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.linux.resources = { pids: { limit: 55 } };
      config.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 10, hard: 20 }];
    });
    const hooks = { prestart: [{ path: "/bin/true", args: ["true", "x"] }] };
    box.writeConfig(JSON.stringify({ ...box.config, hooks }));
    const shown = await shownCalls(lab, box);
    const host = shown.filter(({ by }) => by === "tsrun").map(({ call }) => call);
    t.ok(host.some((call) => call.startsWith("mkdirat(AT_FDCWD, ")));
    t.ok(host.includes('write(9, "55", 2) = 2'));
    t.ok(
      host.some((call) => /^write\(9, .*\\"status\\":\\"created\\"/.test(call)),
      "hooks are told of it",
    );
    t.ok(host.includes("prlimit64(PID, RLIMIT_NOFILE, {rlim_cur=10, rlim_max=20}, NULL) = 0"));
    t.strictSame(
      shown.filter(({ by }) => by === "hook").map(({ call }) => call),
      ['execve("/bin/true", ["true", "x"], []) = 0'],
    );
  },
  ONLY_TSRUN,
);

behaviour(
  "where create would fail it is said, and what comes before is shown",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.process.args = ["nosuchprogram"];
    });
    const { code, stdout } = await lab.invoke(["explain", "--syscalls", box.bundle]);
    t.equal(code, 0);
    t.match(
      stdout,
      /Warnings\n-+\n\n {2}create would fail here: exec: "nosuchprogram": executable file\s+not/,
    );
    t.match(stdout, /^ +\d+ {2}init +pivot_root\("\.", "\."\) = 0$/m);
  },
  ONLY_TSRUN,
);
