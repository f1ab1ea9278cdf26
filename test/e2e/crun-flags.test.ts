// The flags of crun that runc does not have, for callers that expect crun.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, crunFrom, nothingLeft, notOfRunc, refused, tsrunOnly } from "../support/behaviour.ts";
import { BUN, bunArguments, needsBun } from "../support/bun.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { isTsrun } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

const LACKS = "has no such flag";

behaviour(
  "create and run take a configuration that lies elsewhere",
  async (t, lab) => {
    const box = lab.container(Container.script("echo created"));
    renameSync(join(box.bundle, "config.json"), join(lab.folder, "first.json"));
    const where = { flags: ["--config", "first.json"], cwd: lab.folder };
    t.equal(await box.live(where), "created\n", "the path is the caller's");
    const ran = await box.run({ flags: ["-f", join(lab.folder, "first.json")] });
    t.strictSame([ran.code, ran.stdout], [0, "created\n"]);
  },
  notOfRunc(LACKS),
);

behaviour(
  "a configuration that is not there is refused, and leaves nothing",
  async (t, lab) => {
    const box = lab.container();
    for (const path of [join(lab.folder, "nosuch.json"), lab.folder, ""]) {
      refused(
        t,
        await box.create({ flags: ["--config", path] }),
        /cannot load the configuration of --config/,
      );
    }
    const broken = join(lab.folder, "broken.json");
    writeFileSync(broken, '{"ociVersion": "1.0.2", "process": 3}');
    refused(
      t,
      await box.create({ flags: ["--config", broken] }),
      /broken\.json.*\/process \(.*must be an object/,
    );
    await nothingLeft(t, lab, "after the refusals");
  },
  notOfRunc(LACKS),
);

behaviour(
  "create takes --no-subreaper, which says nothing there",
  async (t, lab) => {
    const box = lab.container(Container.script("echo here"));
    t.equal(await box.live({ flags: ["--no-subreaper"] }), "here\n");
  },
  notOfRunc(LACKS),
);

behaviour(
  "spec writes the file that it is told to, in the bundle",
  async (t, lab) => {
    const bundle = join(lab.folder, "new");
    mkdirSync(bundle);
    mustSucceed(await lab.invoke(["spec", "--bundle", bundle, "--file", "other.json"]));
    t.equal(JSON.parse(readFileSync(join(bundle, "other.json"), "utf8")).process.args[0], "sh");
    t.notOk(existsSync(join(bundle, "config.json")));
    const path = join(lab.folder, "absolute.json");
    mustSucceed(await lab.invoke(["spec", "--bundle", bundle, "-f", path]));
    t.ok(existsSync(path), "or where an absolute path leads");
    // crun writes over it.
    if (!isTsrun) return;
    refused(t, await lab.invoke(["spec", "-f", path]), /absolute\.json exists. Remove it first/);
  },
  notOfRunc(LACKS),
);

async function threeRunning(lab: Lab): Promise<Container[]> {
  const boxes = [0, 1, 2].map(() => lab.container(Container.script("sleep 1000")));
  for (const box of boxes) {
    mustSucceed(await box.create());
    mustSucceed(await box.start());
  }
  return boxes;
}

behaviour(
  "kill and delete take a regular expression for the ids",
  async (t, lab) => {
    const [first, second, third] = (await threeRunning(lab)) as [Container, Container, Container];
    // The mark ends in the lab's number, the id in the container's.
    mustSucceed(await lab.invoke(["kill", "--regex", `^${lab.mark}-[12]$`, "KILL"]));
    await first.waitForStatus("stopped");
    await second.waitForStatus("stopped");
    t.equal((await third.stateDocument()).status, "running");
    mustSucceed(await lab.invoke(["delete", "-r", `^${lab.mark}-([[:digit:]])$`]));
    t.equal((await lab.invoke(["list", "-q"])).stdout, `${third.id}\n`, "what still runs is left alone");
    mustSucceed(await lab.invoke(["delete", "--regex", "nobody-has-this"]));
    mustSucceed(await lab.invoke(["delete", "--force", "--regex", "."]));
    t.equal((await lab.invoke(["list", "-q"])).stdout, "");
    await nothingLeft(t, lab, "after delete --regex");
  },
  notOfRunc(LACKS),
);

behaviour(
  "what goes wrong with one of those that match is told, and is no failure",
  async (t, lab) => {
    const [first, second, third] = (await threeRunning(lab)) as [Container, Container, Container];
    mustSucceed(await second.kill("KILL"));
    await second.waitForStatus("stopped");
    const result = await lab.invoke(["delete", "--regex", `^${lab.mark}-.`]);
    t.equal(result.code, 0);
    const lines = result.stderr.trimEnd().split("\n");
    t.equal(lines.length, 2, result.stderr);
    t.match((await second.state()).stderr, /does not exist/);
    if (!isTsrun) return;
    t.match(lines[0], new RegExp(`container \\\\"${first.id}\\\\": cannot delete .* running`));
    t.match(lines[1], new RegExp(`container \\\\"${third.id}\\\\": cannot delete .* running`));
  },
  crunFrom("1.28", "tells of one only"),
);

behaviour(
  "list takes a regular expression for the ids, and tells of no others",
  async (t, lab) => {
    const [first, second, third] = (await threeRunning(lab)) as [Container, Container, Container];
    const list = async (...flags: string[]) => mustSucceed(await lab.invoke(["list", ...flags]));
    const two = `^${lab.mark}-[12]$`;
    t.equal((await list("--quiet", "--regex", two)).stdout, `${first.id}\n${second.id}\n`);
    const states = JSON.parse((await list("--format", "json", "-r", "-2$|-9$")).stdout);
    t.match(states, [{ id: second.id, status: "running" }]);
    t.equal(states.length, 1);
    t.equal((await list("--format", "json", "--regex", "nobody-has-this")).stdout, "null\n");
    const file = join(lab.stateRoot, third.id, "state.json");
    const saved = readFileSync(file, "utf8");
    writeFileSync(file, "{");
    t.equal((await list("--regex", two)).stderr, "", "nor of what is wrong with others");
    t.match((await list("--regex", third.id)).stderr, /cannot list container/);
    writeFileSync(file, saved);
    refused(t, await lab.invoke(["list", "--regex", "["]), /invalid regular expression "\["/);
  },
  tsrunOnly("has no such flag"),
);

behaviour(
  "what is no regular expression is refused, and nothing happens",
  async (t, lab) => {
    const [first] = (await threeRunning(lab)) as [Container];
    for (const wrong of ["[", "(", "*", "a\\", "[[:nosuch:]]", "(?=x)"]) {
      refused(t, await lab.invoke(["kill", "--regex", wrong, "KILL"]), /invalid regular expression/);
    }
    refused(t, await lab.invoke(["kill", "--regex", ".", "NOSUCH"]), /unknown signal "NOSUCH"/);
    t.equal((await first.stateDocument()).status, "running");
  },
  tsrunOnly("ends by SIGSEGV"),
);

/** For a user that is not mapped tsrun prints a warning; crun prints something else. */
behaviour(
  "--log-level says what is worth a line",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.process.args = ["/bin/true"];
      config.linux.resources = { ...config.linux.resources, memory: { limit: 50_000_000, kernel: 1 } };
    });
    const disabled = ["--cgroup-manager", "disabled"];
    const lives = async (...globals: string[]): Promise<string> => {
      const { stderr } = mustSucceed(await box.create({ globals: [...disabled, ...globals] }));
      mustSucceed(await box.delete());
      return stderr;
    };
    t.match(await lives(), /level=warning/);
    t.match(await lives("--log-level", "warning"), /level=warning/);
    t.equal(await lives("--log-level", "error"), "");
    t.match(await lives("--log-level=debug"), /level=debug/);
    refused(t, await box.state({ globals: ["--log-level", "loud"] }), /invalid log-level: loud/);
    refused(t, await box.state({ globals: ["--log-level", "error"] }), /level=error/);
  },
  tsrunOnly("warns of other things"),
);

behaviour(
  "--log file:PATH is a file",
  async (t, lab) => {
    const log = join(lab.folder, "log");
    const result = await lab.invoke(["--log", `file:${log}`, "--log-format", "json", "state", "nobody"]);
    t.equal(result.code, 1);
    t.equal(JSON.parse(readFileSync(log, "utf8")).level, "error");
  },
  notOfRunc("takes it for the name of a file"),
);

/** Listens on a daemon's socket, for commands that are called with the wrapper. */
async function daemon(lab: Lab, path: string) {
  const folder = join(lab.folder, "daemon");
  mkdirSync(folder);
  const name = path.slice(path.lastIndexOf("/") + 1);
  const listener = "test/support/notify-manager.ts";
  const child = spawn(BUN, bunArguments(listener, "listen", join(folder, name)), {
    stdio: ["ignore", "pipe", "inherit"],
  });
  lab.atClose(() => child.kill("SIGKILL"));
  let said = "";
  child.stdout.on("data", (chunk) => {
    said += chunk;
  });
  const output = () => said;
  await until("the daemon to listen", () => output().includes("ready\n"));
  const over = path.slice(0, path.lastIndexOf("/"));
  const script = [
    "mount --make-rprivate /",
    // Covers the host's socket, since the host may have such a daemon or not.
    over === "/dev"
      ? `touch "$0/null" && mount --bind /dev/null "$0/null" && mount --rbind "$0" /dev`
      : `mount -t tmpfs none /run && mkdir -p ${over} && mount --bind "$0" ${over}`,
    'exec "$@"',
  ].join(" && ");
  return {
    wrapper: ["unshare", "-m", "sh", "-c", script, folder],
    messages: () =>
      output()
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line): string => JSON.parse(line).text),
  };
}

behaviour(
  "--log journald:NAME writes to the journal, in its own protocol",
  async (t, lab) => {
    const { wrapper, messages } = await daemon(lab, "/run/systemd/journal/socket");
    const result = await lab.invoke(["--log", "journald:box", "state", "nobody"], { wrapper });
    t.equal(result.code, 1);
    await until("a message", () => messages().length > 0);
    const lines = messages()[0]?.trimEnd().split("\n") ?? [];
    t.ok(lines.includes("PRIORITY=3"), lines.join(" "));
    t.ok(
      lines.some((line) => /^MESSAGE=container .*does not exist/.test(line)),
      lines.join(" "),
    );
    t.equal(messages().length, 1);
    if (!isTsrun) return;
    t.ok(lines.includes("SYSLOG_IDENTIFIER=box"));
    t.ok(lines.includes("TSRUN_CODE=E_NOT_FOUND"));
    t.equal(result.stderr, "container does not exist\n", "stderr gets the bare words");
  },
  needsBun,
  crunFrom("1.28", "takes it for the name of a file, or writes less"),
);

behaviour(
  "--log syslog:NAME writes to the syslog",
  async (t, lab) => {
    const { wrapper, messages } = await daemon(lab, "/dev/log");
    const result = await lab.invoke(["--log", "syslog:box", "state", "nobody"], { wrapper });
    t.equal(result.code, 1);
    await until("a message", () => messages().length > 0);
    // Of user processes (1), an error (3): 1 * 8 + 3.
    t.match(messages()[0], /^<11>(... .. ..:..:.. )?box: container .*does not exist/);
  },
  needsBun,
  crunFrom("1.28", "takes it for the name of a file, or writes less"),
);

behaviour(
  "a log daemon that is not there is told of before anything is done",
  async (t, lab) => {
    const box = lab.container();
    const wrapper = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /run && exec "$@"', "sh"];
    const result = await box.create({ globals: ["--log", "journald:box"], wrapper });
    refused(t, result, /cannot log to journald: connect to "\/run\/systemd\/journal\/socket"/);
    await nothingLeft(t, lab, "after the refusal");
  },
  tsrunOnly("goes on without"),
);

behaviour(
  "-V is --version, and -? and --usage are a help",
  async (t, lab) => {
    t.equal((await lab.invokeBare(["-V"])).stdout, (await lab.invokeBare(["--version"])).stdout);
    for (const flags of [["-?"], ["--usage"], ["delete", "-?"], ["exec", "--usage"]]) {
      const { code, stdout } = await lab.invokeBare(flags);
      t.equal(code, 0, flags.join(" "));
      t.match(stdout, /usage/i, flags.join(" "));
    }
  },
  crunFrom("1.28", LACKS),
);
