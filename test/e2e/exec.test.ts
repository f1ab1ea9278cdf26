// exec: another process in a container, with its namespaces and cgroup; how it ends, and how it fails.

import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  behaviour,
  nothingLeft,
  notOfCrun,
  notOfCrunBefore,
  refused,
  runcFrom,
  tsrunOnly,
} from "../support/behaviour.ts";
import { needsFreezer } from "../support/cgroup.ts";
import { type Config, mapIds } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { parseStatus } from "../support/proc.ts";
import { type InvokeOptions, isCrun, isRuncBefore, isTsrun, type Result } from "../support/runtime.ts";
import { asUser, NOBODY, needsOwnSystemd, userContainer } from "../support/user.ts";
import { until } from "../support/wait.ts";

const HOMELESS = runcFrom("1.3.0", "gives every process a HOME");
const AT_ONCE = 50;
const FAILED = 255;

async function running(lab: Lab, edit?: (config: Config) => void): Promise<Container> {
  const box = lab.container((config) => {
    Container.script("exec sleep 1000")(config);
    edit?.(config);
  });
  mustSucceed(await box.run({ flags: ["--detach"] }));
  return box;
}

function exec(box: Container, args: string[], options: Partial<InvokeOptions> = {}): Promise<Result> {
  return box.lab.invoke(["exec", box.id, ...args], options);
}

behaviour("exec joins every namespace of the container, and its cgroup", async (t, lab) => {
  const box = await running(lab, (config) => {
    config.linux.namespaces.push({ type: "cgroup" });
    mapIds(config, 100_000, 65_536);
  });
  const { pid } = await box.stateDocument();
  const show =
    "for n in pid net ipc uts cgroup user mnt; do readlink /proc/$1/ns/$n; done; cat /proc/$1/cgroup";
  const [inside, first] = [
    mustSucceed(await exec(box, ["sh", "-c", show, "sh", "self"])).stdout,
    mustSucceed(await exec(box, ["sh", "-c", show, "sh", "1"])).stdout,
  ];
  t.equal(inside, first);
  const pidFile = join(lab.folder, "pid");
  mustSucceed(await lab.invoke(["exec", "--detach", "--pid-file", pidFile, box.id, "sleep", "1000"]));
  const second = readFileSync(pidFile, "utf8");
  const cgroup = (of: number | string) => readFileSync(`/proc/${of}/cgroup`, "utf8");
  t.equal(cgroup(second), cgroup(pid), "as the host sees it");
  mustSucceed(await box.delete({ flags: ["--force"] }));
  await nothingLeft(t, lab, "after delete");
});

behaviour("exec ends with the program's status, or 128 plus the signal that ended it", async (t, lab) => {
  const box = await running(lab);
  for (const [script, status] of [
    ["exit 0", 0],
    ["exit 7", 7],
    ["exit 255", 255],
    ["kill -TERM $$", 143],
    ["kill -KILL $$", 137],
  ] as const) {
    t.equal((await exec(box, ["sh", "-c", script])).code, status, script);
  }
  t.equal((await box.stateDocument()).status, "running");
});

behaviour(
  "what is executed and what is not are told apart with runc's words",
  async (t, lab) => {
    const box = await running(lab);
    writeFileSync(join(box.rootfs, "bin/plain"), "#!/bin/sh\n", { mode: 0o644 });
    writeFileSync(join(box.rootfs, "bin/odd"), "neither ELF nor a script\n", { mode: 0o755 });
    chmodSync(join(box.rootfs, "bin/odd"), 0o755);
    for (const [program, line] of [
      ["nosuch", /exec: "nosuch": executable file not found in \$PATH/],
      ["/no/such", /exec: "\/no\/such": stat \/no\/such: no such file or directory/],
      ["/bin/plain", /exec: "\/bin\/plain": permission denied/],
      ["/etc", /exec: "\/etc": is a directory/],
      ["/etc/passwd/x", /exec: "\/etc\/passwd\/x": stat \/etc\/passwd\/x: not a directory/],
      ["/bin/odd", /exec format error/],
    ] as const) {
      // runc has exited before execve(2) fails.
      const letGo = program === "/bin/odd" && !isTsrun;
      refused(t, await exec(box, [program]), line, letGo && isRuncBefore("1.3.0") ? 1 : FAILED);
      const pidFile = join(lab.folder, "pid");
      const detached = await lab.invoke(["exec", "--detach", "--pid-file", pidFile, box.id, program]);
      if (!letGo) t.strictSame([detached.code, existsSync(pidFile)], [isCrun ? 1 : FAILED, false], program);
    }
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  notOfCrunBefore("1.28", "ends with 255 for what is refused"),
);

behaviour(
  "exec into a container with a user namespace of its own is root there, not here",
  async (t, lab) => {
    const box = await running(lab, (config) => mapIds(config, 100_000, 65_536));
    const script = "id -u; cat /proc/self/uid_map; touch /tmp/mine; grep CapEff /proc/self/status";
    const { stdout } = mustSucceed(await exec(box, ["sh", "-c", script]));
    t.match(stdout, /^0\n +0 +100000 +65536\nCapEff:/);
    const other = mustSucceed(await lab.invoke(["exec", "--user", "1000:1000", box.id, "id", "-u"]));
    t.equal(other.stdout, "1000\n");
    t.equal(statSync(join(box.rootfs, "tmp/mine")).uid, 100_000);
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
);

behaviour(
  "an ordinary user executes in a container of its own",
  async (t, lab) => {
    const box = userContainer(lab, Container.script("exec sleep 1000"));
    const wrapper = asUser(lab);
    mustSucceed(await box.run({ wrapper, flags: ["--detach"] }));
    const script = "id -u; hostname; touch /tmp/mine; exit 5";
    const { code, stdout } = await exec(box, ["sh", "-c", script], { wrapper });
    t.strictSame([code, stdout, statSync(join(box.rootfs, "tmp/mine")).uid], [5, "0\nbox\n", NOBODY]);
    refused(t, await exec(box, ["nosuch"], { wrapper }), /executable file not found/, FAILED);
    mustSucceed(await box.delete({ wrapper, flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  needsOwnSystemd,
);

behaviour(`${AT_ONCE} execs at once all run, each with its own output and status`, async (t, lab) => {
  const box = await running(lab);
  const numbers = Array.from({ length: AT_ONCE }, (_, index) => index);
  const results = await Promise.all(
    numbers.map((number) => exec(box, ["sh", "-c", `echo ${number}; exit ${number}`], { timeoutMs: 60_000 })),
  );
  t.strictSame(
    results.map(({ code, stdout, stderr }) => [code, stdout, stderr]),
    numbers.map((number) => [number, `${number}\n`, ""]),
  );
  mustSucceed(await box.delete({ flags: ["--force"] }));
  await nothingLeft(t, lab, "after delete");
});

behaviour("exec in a created container runs before its program does", async (t, lab) => {
  const box = lab.container(Container.script("cat /tmp/prepared"));
  mustSucceed(await box.create());
  mustSucceed(await exec(box, ["sh", "-c", "echo ready >/tmp/prepared"]));
  t.equal((await box.stateDocument()).status, "created");
  mustSucceed(await box.start());
  await box.waitForStatus("stopped");
  t.equal(box.output(), "ready\n");
});

behaviour("exec in a stopped container, and in none, is refused", async (t, lab) => {
  const box = lab.container();
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  await box.waitForStatus("stopped");
  refused(t, await exec(box, ["true"]), /cannot exec in a stopped container/, FAILED);
  mustSucceed(await box.delete());
  refused(t, await exec(box, ["true"]), /container does not exist/, FAILED);
  await nothingLeft(t, lab, "after the refusals");
});

behaviour(
  "exec in a paused container is refused, unless --ignore-paused says otherwise",
  async (t, lab) => {
    const box = await running(lab);
    mustSucceed(await lab.invoke(["pause", box.id]));
    const line = /cannot exec in a paused container \(use --ignore-paused to override\)/;
    refused(t, await exec(box, ["true"]), line, FAILED);
    const waiting = lab.invoke(["exec", "--ignore-paused", box.id, "echo", "thawed"]);
    // It is frozen with the others as soon as it is in the cgroup.
    await until("a process more", async () => {
      const { stdout } = await lab.invoke(["ps", "--format", "json", box.id]);
      return (JSON.parse(stdout || "[]") as number[]).length > 1;
    });
    mustSucceed(await lab.invoke(["resume", box.id]));
    t.match(await waiting, { code: 0, stdout: "thawed\n" });
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  needsFreezer(),
  notOfCrun("it has no --ignore-paused"),
);

behaviour("a process file is read before exec returns, so it may be deleted at once", async (t, lab) => {
  const box = await running(lab);
  const [file, pidFile] = [join(lab.folder, "process.json"), join(lab.folder, "pid")];
  const process = {
    ...box.config.process,
    args: ["/bin/sh", "-c", "echo $FROM; pwd; id -u; exec sleep 1000"],
  };
  writeFileSync(
    file,
    JSON.stringify({ ...process, cwd: "/tmp", env: ["FROM=file"], user: { uid: 7, gid: 7 } }),
  );
  const removing = ["sh", "-c", `"$@"; status=$?; rm ${file}; exit $status`, "sh"];
  const args = ["exec", "--process", file, "--detach", "--pid-file", pidFile, box.id];
  const result = mustSucceed(await lab.invoke(args, { wrapper: removing }));
  await until("its output", () => readFileSync(result.stdoutPath, "utf8") === "file\n/tmp\n7\n");
  t.ok(existsSync(`/proc/${readFileSync(pidFile, "utf8")}`), "the pid file names it");
});

behaviour(
  "a process file that is none is refused with its place and reason",
  async (t, lab) => {
    const box = await running(lab);
    const file = join(lab.folder, "process.json");
    const good = { args: ["/bin/true"], cwd: "/", user: { uid: 0, gid: 0 }, env: ["PATH=/bin"] };
    const bad: (readonly [string, RegExp])[] = [
      ["", /process\.json/],
      ["{ nonsense", /process\.json.* line 1 column 3/],
      ["[]", /process\.json/],
      ['"text"', /process\.json/],
      [JSON.stringify({ ...good, args: "true" }), /\/args/],
      [JSON.stringify({ ...good, user: { uid: "0", gid: 0 } }), /\/user\/uid/],
      // runc truncates the id, and the program is root.
      ...(isTsrun ? ([[JSON.stringify({ ...good, user: { uid: 2 ** 32, gid: 0 } }), /uid/]] as const) : []),
      [JSON.stringify({ ...good, args: [] }), /args/],
      [JSON.stringify({ ...good, cwd: "relative" }), /[Cc]wd/],
    ];
    for (const [text, line] of bad) {
      writeFileSync(file, text);
      refused(t, await lab.invoke(["exec", "--process", file, box.id]), line, FAILED);
    }
    for (const path of [join(lab.folder, "missing"), lab.folder]) {
      refused(
        t,
        await lab.invoke(["exec", "--process", path, box.id]),
        /no such file|is a directory/,
        FAILED,
      );
    }
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  notOfCrun("it takes a process without a working directory, or with a relative one"),
);

behaviour(
  "flags change the container's own process, and add nothing else",
  async (t, lab) => {
    const box = await running(lab);
    const flags = ["--cwd", "/tmp", "--env", "A=1", "--env", "B=2 3", "--user", "1000:1000"];
    const more = ["--additional-gids", "5", "--cap", "CAP_KILL", "--no-new-privs"];
    const script = "pwd; echo $A $B $HOME; cat /proc/self/status";
    const args = ["exec", ...flags, ...more, box.id, "sh", "-c", script];
    const { stdout } = mustSucceed(await lab.invoke(args));
    t.match(stdout, /^\/tmp\n1 2 3 \/tmp\n/);
    const status = parseStatus(stdout);
    t.strictSame([status.get("Uid")?.[0], status.get("Gid")?.[0]], ["1000", "1000"]);
    const groups = status.get("Groups") ?? [];
    // runc 1.3 has them twice.
    t.strictSame(isTsrun ? groups : [...new Set(groups)], ["5"]);
    t.strictSame(status.get("NoNewPrivs"), ["1"]);
  },
  notOfCrun("it has no --additional-gids"),
);

behaviour(
  "--user takes numbers only, and the words that are none are refused",
  async (t, lab) => {
    const box = await running(lab);
    for (const user of ["root", "0:root", "-1", "1:2:3", "0x1"]) {
      const result = await lab.invoke(["exec", "--user", user, box.id, "true"]);
      t.equal(result.code, FAILED, JSON.stringify(user));
      t.equal(result.stderr.trimEnd().split("\n").length, 1);
    }
  },
  tsrunOnly("it takes some of them"),
);

behaviour(
  "groups that are no ids are refused",
  async (t, lab) => {
    const box = await running(lab);
    const call = (gid: string) => lab.invoke(["exec", `--additional-gids=${gid}`, box.id, "true"]);
    const negative = await call("-5");
    t.equal(negative.code, FAILED);
    t.equal(negative.stderr.trimEnd().split("\n").length, 1);
    t.match(negative.stderr, /additional-gids/);
    t.equal((await call("staff")).code, 1, "a wrong flag");
  },
  notOfCrun("it has no --additional-gids"),
);

behaviour(
  "--no-new-privs=false gives back what the container's own process does without",
  async (t, lab) => {
    const box = await running(lab, (config) => {
      config.process.noNewPrivileges = true;
    });
    const show = ["grep", "NoNewPrivs", "/proc/self/status"];
    for (const [flags, value] of [
      [[], "1"],
      [["--no-new-privs=false"], "0"],
      [["--no-new-privs"], "1"],
    ] as const) {
      const result = await lab.invoke(["exec", ...flags, box.id, ...show]);
      t.equal(parseStatus(mustSucceed(result).stdout).get("NoNewPrivs")?.[0], value, flags.join(" "));
    }
  },
  notOfCrun("its --no-new-privs has no value, and the container's does not hold for exec"),
);

behaviour(
  "a relative --cwd is refused",
  async (t, lab) => {
    const box = await running(lab);
    const result = await lab.invoke(["exec", "--cwd", "tmp", box.id, "pwd"]);
    refused(t, result, /Cwd must be an absolute path.*hint="--cwd is "tmp""/, FAILED);
  },
  notOfCrun("it takes one"),
);

behaviour(
  "exec in a container without an environment has none, and with --env a home beside",
  async (t, lab) => {
    const box = lab.container(Container.script("exec /bin/sleep 1000"));
    Reflect.deleteProperty(box.config.process, "env");
    box.writeConfig();
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const variables = async (...flags: string[]) =>
      mustSucceed(await lab.invoke(["exec", ...flags, box.id, "/bin/env"])).stdout;
    t.equal(await variables(), "");
    t.equal(await variables("--env", "A=1"), "A=1\nHOME=/root\n");
  },
  HOMELESS,
  notOfCrun("it adds HOME"),
);

behaviour(
  "--env without a value or a name is refused, and not repeated",
  async (t, lab) => {
    const box = await running(lab);
    for (const [variable, reason] of [
      ["secret", /invalid environment variable: missing "="/],
      ["=secret", /invalid environment variable: name cannot be empty/],
    ] as const) {
      const result = await lab.invoke(["exec", "--env", variable, box.id, "env"]);
      refused(t, result, reason, FAILED);
      t.notMatch(result.stderr, "secret");
    }
  },
  tsrunOnly("it refuses it since 1.2 only"),
);

behaviour("only descriptors 0 to 2 reach the program, and those asked for", async (t, lab) => {
  const box = await running(lab);
  const script = "cd /proc/self/fd; for i in *; do [ $i -lt 3 ] || readlink $i; done; echo done";
  const plain = await exec(box, ["sh", "-c", script], { leakFds: 9 });
  t.notMatch(plain.stdout, /passwd|cgroup|socket|memfd/);
  t.match(plain.stdout, /done\n$/);
  const args = ["exec", "--preserve-fds", "2", box.id, "sh", "-c", "cat <&3 | head -1; cat <&4 | wc -l"];
  const kept = mustSucceed(await lab.invoke(args, { leakFds: 4 }));
  t.match(kept.stdout, /^root:.*\n\d+\n$/);
});

behaviour(
  "a sub-cgroup that does not exist, or lies outside the container's, is refused",
  async (t, lab) => {
    const box = await running(lab);
    for (const path of ["nosuch", "../..", "/../..", ".."]) {
      const result = await lab.invoke(["exec", "--cgroup", path, box.id, "true"]);
      refused(t, result, /cgroup/, FAILED);
    }
  },
  tsrunOnly("the flag came with 1.1, and its words changed"),
);

behaviour(
  "a process file without limits leaves the caller's, and its score for the OOM killer is not set",
  async (t, lab) => {
    const box = await running(lab, (config) => {
      config.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 512, hard: 512 }];
      config.process.oomScoreAdj = 300;
    });
    const file = join(lab.folder, "process.json");
    const script = "ulimit -n; cat /proc/self/oom_score_adj";
    const base = { user: { uid: 0, gid: 0 }, args: ["/bin/sh", "-c", script], env: ["PATH=/bin"], cwd: "/" };
    const wrapper = ["sh", "-c", 'ulimit -n 700 && exec "$@"', "sh"];
    const run = async (rest: object): Promise<string> => {
      writeFileSync(file, JSON.stringify({ ...base, ...rest }));
      return mustSucceed(await lab.invoke(["exec", "--process", file, box.id], { wrapper })).stdout;
    };
    t.equal(await run({}), "700\n300\n");
    t.equal(await run({ oomScoreAdj: -900 }), "700\n300\n");
    t.equal(await run({ rlimits: [{ type: "RLIMIT_NOFILE", soft: 100, hard: 200 }] }), "100\n300\n");
    t.equal(mustSucceed(await exec(box, ["sh", "-c", script])).stdout, "512\n300\n");
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  notOfCrun("the score for the OOM killer is 0"),
);
