// Hooks: their order, the environment of each, and the state that it reads. CONTRACT: runtime-spec
// config.md#posix-platform-hooks, and runc where that leaves a choice.

import { chownSync, existsSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, notOfCrun, tsrunOnly } from "../support/behaviour.ts";
import { type ConfigHook, mapIds } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { everyKind, KINDS, ON_HOST, shell, wholeLife, written } from "../support/every-hook.ts";
import { parseStatus } from "../support/proc.ts";
import { isRuncBefore, isTsrun, plainEnv } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

behaviour("hooks of all kinds run, each in its command and before the next kind", async (t, lab) => {
  const box = lab.container(everyKind(lab.folder, "echo ran"));
  const there = (): string[] =>
    KINDS.filter((kind) => existsSync(join(kind === "startContainer" ? box.rootfs : lab.folder, kind)))
      // runc runs these in create, before the user's process exists.
      .filter((kind) => isTsrun || kind !== "poststart");
  mustSucceed(await box.create());
  t.strictSame(there(), ["prestart", "createRuntime", "createContainer"], "create runs three");
  mustSucceed(await box.start());
  // runc's does not wait for it.
  if (!isTsrun) await until("the hook of start", () => there().includes("startContainer"));
  t.strictSame(
    there(),
    KINDS.slice(0, 5).filter((kind) => isTsrun || kind !== "poststart"),
    "start runs two more",
  );
  mustSucceed(await box.kill("KILL"));
  await box.waitForStatus("stopped");
  t.notOk(existsSync(join(lab.folder, "poststop")), "the end of the process is not that of the container");
  mustSucceed(await box.delete());
  t.ok(existsSync(join(lab.folder, "poststop")), "delete runs the last");
});

behaviour("hooks of one kind run in the order of the array", async (t, lab) => {
  const log = join(lab.folder, "log");
  const box = lab.container((config) => {
    Container.script("true")(config);
    config.hooks = {
      createRuntime: [1, 2, 3].map((number) => shell(`echo r${number} >> ${log}`)),
      createContainer: [1, 2].map((number) => shell(`echo c${number} >> ${log}`)),
      prestart: [1, 2].map((number) => shell(`echo p${number} >> ${log}`)),
      startContainer: [1, 2].map((number) => shell(`echo s${number} >> /log`)),
    };
  });
  await box.live();
  t.equal(readFileSync(log, "utf8"), "p1\np2\nr1\nr2\nr3\nc1\nc2\n");
  t.equal(readFileSync(join(box.rootfs, "log"), "utf8"), "s1\ns2\n");
});

behaviour(
  "each reads the state on standard input, up to its end",
  async (t, lab) => {
    const box = lab.container((config) => {
      everyKind(lab.folder, "cat")(config);
      config.annotations = { "org.example.one": "1" };
      config.ociVersion = "1.0.1";
    });
    const pid = await wholeLife(box);
    // DIFFERS: the first is "creating" in runc, "created" in crun and in the OCI validation suite.
    const statuses = [
      isTsrun ? "created" : "creating",
      "creating",
      "creating",
      "created",
      isTsrun ? "running" : "created",
      "stopped",
    ];
    // AS RUNC: the hooks inside get the pid that the container itself sees.
    const pids = [pid, pid, 1, 1, pid, 0];
    KINDS.forEach((kind, index) => {
      const state = JSON.parse(written(lab.folder, box, kind));
      const { id, status, bundle, annotations } = state;
      t.equal(id, box.id, kind);
      t.equal(status, statuses[index], kind);
      t.equal(state.pid ?? 0, pids[index], `${kind}: pid`);
      t.equal(bundle, box.bundle, kind);
      t.strictSame(annotations, { "org.example.one": "1" }, kind);
      t.type(state.ociVersion, "string");
    });
  },
  notOfCrun('it tells other statuses, pid 0 to the hooks inside and "/" as the bundle to startContainer'),
);

behaviour(
  "no empty annotations are told, and no pid that is gone",
  async (t, lab) => {
    const box = lab.container((config) => {
      everyKind(lab.folder, "cat")(config);
      config.annotations = {};
    });
    await wholeLife(box);
    for (const kind of KINDS) {
      const state = JSON.parse(written(lab.folder, box, kind));
      t.notOk("annotations" in state, kind);
      t.equal("pid" in state, kind !== "poststop", kind);
    }
  },
  notOfCrun("it tells poststop a pid of 0"),
);

behaviour(
  "hooks have the caller's umask and limits, of a name that stands twice the last value",
  async (t, lab) => {
    const box = lab.container((config) => {
      everyKind(lab.folder, "umask; ulimit -f; echo $A")(config);
      config.process.rlimits = [{ type: "RLIMIT_FSIZE", soft: 1 << 20, hard: 1 << 21 }];
      for (const kind of ["prestart", "createRuntime", "createContainer", "poststart", "poststop"] as const) {
        for (const hook of config.hooks?.[kind] ?? []) hook.env = ["A=1", ...(hook.env ?? []), "A=2"];
      }
      config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "pid");
    });
    const wrapper = ["sh", "-c", 'umask 0027 && exec "$@"', "sh"];
    mustSucceed(await box.create({ wrapper }));
    mustSucceed(await box.start({ wrapper }));
    mustSucceed(await box.kill("KILL"));
    await box.waitForStatus("stopped");
    mustSucceed(await box.delete({ wrapper }));
    for (const kind of ["prestart", "createRuntime", "createContainer", "poststart", "poststop"] as const) {
      t.equal(written(lab.folder, box, kind), "0027\nunlimited\n2", kind);
    }
    await nothingLeft(t, lab, "after delete");
  },
  notOfCrun("its hooks have umask 0"),
);

behaviour("the namespaces are the runtime's, or the container's", async (t, lab) => {
  const script = "for kind in mnt pid net ipc uts; do readlink /proc/self/ns/$kind; done";
  const box = lab.container((config) => {
    everyKind(lab.folder, script)(config);
    // The host's /proc, which these see, shows nothing of a process in another pid namespace as itself.
    config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "pid");
  });
  mustSucceed(await box.create());
  const { pid } = await box.stateDocument();
  const namespaces = (of: number | "self"): string =>
    ["mnt", "pid", "net", "ipc", "uts"].map((kind) => readlinkSync(`/proc/${of}/ns/${kind}`)).join("\n");
  const inside = namespaces(pid);
  mustSucceed(await box.start());
  mustSucceed(await box.kill("KILL"));
  await box.waitForStatus("stopped");
  mustSucceed(await box.delete());
  for (const kind of KINDS) {
    const expected = ON_HOST.includes(kind) ? namespaces("self") : inside;
    t.equal(written(lab.folder, box, kind), expected, kind);
  }
});

behaviour(
  "the working directory is the bundle, the rootfs before it is entered, the process' own",
  async (t, lab) => {
    const box = lab.container((config) => {
      everyKind(lab.folder, "pwd -P")(config);
      config.process.cwd = "/tmp";
    });
    await wholeLife(box);
    for (const kind of ON_HOST.filter((kind) => kind !== "poststop")) {
      t.equal(written(lab.folder, box, kind), box.bundle, kind);
    }
    // The bundle may be gone by then.
    t.equal(written(lab.folder, box, "poststop"), join(lab.folder, "calls"), "poststop: the caller's");
    t.equal(written(lab.folder, box, "createContainer"), box.rootfs);
    t.equal(written(lab.folder, box, "startContainer"), "/tmp");
  },
  notOfCrun("createContainer and poststop are in the bundle as well"),
);

behaviour("the environment is the hook's own, and nothing else", async (t, lab) => {
  const box = lab.container((config) => {
    everyKind(lab.folder, 'echo "$ONE-$TWO"')(config);
    config.process.env = [...(config.process.env ?? []), "TWO=process"];
    for (const [hook] of Object.values(config.hooks ?? {})) hook?.env?.push("ONE=hook");
  });
  mustSucceed(await box.create({ env: { ...plainEnv, TWO: "caller" } }));
  mustSucceed(await box.start({ env: { ...plainEnv, TWO: "caller" } }));
  mustSucceed(await box.kill("KILL"));
  await box.waitForStatus("stopped");
  mustSucceed(await box.delete({ env: { ...plainEnv, TWO: "caller" } }));
  for (const kind of KINDS) t.equal(written(lab.folder, box, kind), "hook-", kind);
});

behaviour(
  "without one, it is the caller's on the host and the process' in startContainer",
  async (t, lab) => {
    const box = lab.container((config) => {
      everyKind(lab.folder, 'echo "$WHO $HOME"')(config);
      config.process.env = [...(config.process.env ?? []), "WHO=process"];
      for (const [hook] of Object.values(config.hooks ?? {})) delete hook?.env;
    });
    const env = { ...plainEnv, WHO: "caller", HOME: "/caller" };
    mustSucceed(await box.create({ env }));
    mustSucceed(await box.start({ env }));
    mustSucceed(await box.kill("KILL"));
    await box.waitForStatus("stopped");
    mustSucceed(await box.delete({ env }));
    for (const kind of ON_HOST) t.equal(written(lab.folder, box, kind), "caller /caller", kind);
    // In runc 1.1 it has the process's environment.
    if (!isRuncBefore("1.3.0")) {
      t.equal(written(lab.folder, box, "createContainer"), "", "createContainer has none");
    }
    t.equal(written(lab.folder, box, "startContainer"), "process /root", "with the user's HOME");
  },
  notOfCrun("createContainer has the caller's"),
);

behaviour("args are passed as they are, argv[0] included; without any it is the path", async (t, lab) => {
  const box = lab.container((config) => {
    Container.script("true")(config);
    const shown = (file: string): ConfigHook => ({
      path: "/bin/sh",
      args: ["ash", "-c", `tr '\\0' '|' < /proc/$$/cmdline > ${file}; true`],
    });
    config.hooks = {
      createRuntime: [shown(join(lab.folder, "host")), { path: "/bin/true" }],
      startContainer: [shown("/inside"), { path: "/bin/true" }],
    };
  });
  await box.live();
  t.match(readFileSync(join(lab.folder, "host"), "utf8"), /^ash\|-c\|/);
  t.match(readFileSync(join(box.rootfs, "inside"), "utf8"), /^ash\|-c\|/);
});

behaviour("what startContainer hooks are, the container's process is too", async (t, lab) => {
  const facts = "grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp:)' /proc/self/status; ulimit -n; umask";
  for (const noNewPrivileges of [true, false]) {
    const box = lab.container((config) => {
      Container.script(`{ ${facts}; } > /tmp/process`)(config);
      config.hooks = { startContainer: [shell(`{ ${facts}; } > /tmp/hook`)] };
      config.process.user = { uid: 1000, gid: 1000, additionalGids: [7], umask: 0o027 };
      config.process.noNewPrivileges = noNewPrivileges;
      config.process.rlimits = [{ type: "RLIMIT_NOFILE", soft: 77, hard: 78 }];
      config.linux.seccomp = {
        defaultAction: "SCMP_ACT_ALLOW",
        syscalls: [{ names: ["kexec_load"], action: "SCMP_ACT_ERRNO" }],
      };
    });
    await box.live();
    const hook = readFileSync(join(box.rootfs, "tmp/hook"), "utf8");
    t.equal(hook, readFileSync(join(box.rootfs, "tmp/process"), "utf8"));
    const status = parseStatus(hook);
    t.strictSame(status.get("Uid"), ["1000", "1000", "1000", "1000"]);
    t.strictSame(status.get("Seccomp"), ["2"], "the filter is there already");
    t.strictSame(status.get("NoNewPrivs"), [noNewPrivileges ? "1" : "0"]);
  }
});

behaviour("startContainer hooks are children of the container's first process", async (t, lab) => {
  const box = lab.container((config) => {
    Container.script("true")(config);
    config.hooks = { startContainer: [shell("echo $PPID $$ > /hook; cat /proc/1/comm >> /hook")] };
  });
  await box.live();
  t.match(readFileSync(join(box.rootfs, "hook"), "utf8"), /^1 \d+\n/);
});

behaviour(
  "hooks inside get no descriptor but their three",
  async (t, lab) => {
    const list = (file: string): ConfigHook => shell(`ls /proc/self/fd > ${file}`);
    const box = lab.container((config) => {
      Container.script("true")(config);
      config.hooks = {
        createContainer: [list(join(lab.folder, "createContainer"))],
        startContainer: [list("/tmp/startContainer")],
      };
    });
    await box.live();
    // The fourth is the directory that ls reads.
    t.equal(written(lab.folder, box, "createContainer"), "0\n1\n2\n3");
    t.equal(readFileSync(join(box.rootfs, "tmp/startContainer"), "utf8"), "0\n1\n2\n3\n");
  },
  tsrunOnly("its createContainer hooks inherit sockets and files of its own"),
);

behaviour("with --no-pivot they are in the container's root all the same", async (t, lab) => {
  const box = lab.container((config) => {
    Container.script("true")(config);
    config.hooks = { startContainer: [shell("ls / > /seen")] };
  });
  await box.live({ flags: ["--no-pivot"] });
  t.match(readFileSync(join(box.rootfs, "seen"), "utf8"), /^seen$/m);
});

behaviour("startContainer hooks run in a user namespace as the container's root", async (t, lab) => {
  const box = lab.container((config) => {
    Container.script("true")(config);
    mapIds(config, 100_000, 65_536);
    config.hooks = { startContainer: [shell("id -u > /tmp/uid; cat /proc/self/uid_map > /tmp/map")] };
    config.mounts.push({ destination: "/tmp", type: "bind", source: lab.folder, options: ["bind"] });
  });
  // The host user of the container's root may write there.
  chownSync(lab.folder, 100_000, 100_000);
  await box.live();
  t.equal(readFileSync(join(lab.folder, "uid"), "utf8"), "0\n");
  t.match(readFileSync(join(lab.folder, "map"), "utf8"), /^\s*0\s+100000\s+65536\n$/);
});

behaviour("what the container inherits by --preserve-fds comes through", async (t, lab) => {
  const box = lab.container((config) => {
    Container.script("ls /proc/self/fd | tr '\\n' ' '")(config);
    config.hooks = { startContainer: [{ path: "/bin/true" }] };
  });
  mustSucceed(await box.create({ flags: ["--preserve-fds", "2"], leakFds: 2 }));
  mustSucceed(await box.start());
  await box.waitForStatus("stopped");
  t.match(box.output(), /^0 1 2 3 4 5 $/, "the last is the directory that ls reads");
});

behaviour(
  "a createContainer hook gets nothing of what the container inherits",
  async (t, lab) => {
    const file = join(lab.folder, "open");
    const box = lab.container((config) => {
      config.hooks = { createContainer: [shell(`ls /proc/self/fd | tr '\\n' ' ' > ${file}`)] };
    });
    mustSucceed(await box.create({ flags: ["--preserve-fds", "2"], leakFds: 2 }));
    t.equal(readFileSync(file, "utf8"), "0 1 2 3 ", "the last is the directory that ls reads");
  },
  tsrunOnly("gives it descriptors of its own too"),
);

behaviour("`run --detach` runs them before it leaves", async (t, lab) => {
  const box = lab.container((config) => {
    everyKind(lab.folder, "echo ran")(config);
  });
  mustSucceed(await box.run({ flags: ["--detach"] }));
  t.equal((await box.stateDocument()).status, "running");
  for (const kind of KINDS.slice(0, 5)) t.equal(written(lab.folder, box, kind), "ran", kind);
});

behaviour("`run` runs them all", async (t, lab) => {
  const box = lab.container((config) => {
    everyKind(lab.folder, "echo ran")(config);
    config.process.args = ["/bin/sh", "-c", "echo program; exit 7"];
  });
  const { code, stdout } = await box.run();
  t.equal(code, 7);
  t.equal(stdout, "program\n", "what hooks print is nobody's output");
  for (const kind of KINDS) t.equal(written(lab.folder, box, kind), "ran", kind);
});

behaviour(
  "a profile that denies what the hooks' runner needs keeps no hook from running",
  async (t, lab) => {
    for (const noNewPrivileges of [true, false]) {
      const box = lab.container((config) => {
        Container.script("true")(config);
        config.process.noNewPrivileges = noNewPrivileges;
        config.hooks = { startContainer: [{ path: "/bin/touch", args: ["touch", "/hook"] }] };
        config.linux.seccomp = {
          defaultAction: "SCMP_ACT_ALLOW",
          syscalls: [
            {
              names: ["accept4", "memfd_create", "clone", "clone3", "ppoll", "wait4", "dup3", "lseek"],
              action: "SCMP_ACT_KILL_PROCESS",
            },
          ],
        };
      });
      await box.live();
      t.ok(existsSync(join(box.rootfs, "hook")), `noNewPrivileges ${noNewPrivileges}`);
    }
  },
  tsrunOnly("its own process lives under the profile before the hooks run"),
);
