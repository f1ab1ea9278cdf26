// create, start, state, kill and delete as a caller sees them: order, outputs, refusals. CONTRACT: runc's
// words and codes.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  behaviour,
  needsDevices,
  nothingLeft,
  notOfCrun,
  notOfRunc,
  refused,
  tsrunOnly,
} from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { needsStrace, stopping } from "../support/injection.ts";
import { isTsrun } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

const SLEEP = Container.script("exec sleep 1000");

behaviour("create prepares the container and start runs its program", async (t, lab) => {
  const box = lab.container(Container.script("echo ran"));
  const created = await box.create();
  t.equal(created.code, 0);
  t.equal(created.stderr, "", "create is silent");
  t.equal(created.stdout, "");
  const { status, pid } = await box.stateDocument();
  t.equal(status, "created");
  t.ok(existsSync(`/proc/${pid}`), "its process is there");
  t.equal(box.output(), "", "the program has not run");
  const started = await box.start();
  t.strictSame([started.code, started.stdout, started.stderr], [0, "", ""]);
  await box.waitForStatus("stopped");
  t.equal(box.output(), "ran\n");
});

behaviour("state goes from created over running to stopped, where the pid is 0", async (t, lab) => {
  const box = lab.container(SLEEP);
  await box.create();
  const created = await box.stateDocument();
  t.equal(created.status, "created");
  mustSucceed(await box.start());
  const running = await box.stateDocument();
  t.equal(running.status, "running");
  t.equal(running.pid, created.pid, "the same process");
  mustSucceed(await box.kill("KILL"));
  const stopped = await box.waitForStatus("stopped");
  t.equal(stopped.pid, 0);
});

behaviour(
  "state prints runc's keys in runc's order, indented by two, without a final newline",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.ociVersion = "1.0.1";
      config.annotations = { "org.example.one": "1" };
    });
    mustSucceed(await box.create());
    const { stdout, stderr } = await box.state();
    const state = JSON.parse(stdout);
    t.equal(stdout, JSON.stringify(state, null, 2));
    t.equal(stderr, "");
    const keys = ["ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "annotations", "owner"];
    t.strictSame(Object.keys(state), keys);
    // runc before 1.2 prints its own specification version instead of the configuration's.
    if (isTsrun) t.equal(state.ociVersion, "1.0.1");
    t.equal(state.id, box.id);
    t.equal(state.bundle, box.bundle);
    t.equal(state.rootfs, box.rootfs);
    t.match(state.created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/);
    t.ok(Math.abs(Date.parse(state.created) - Date.now()) < 60_000, "created is now");
    t.strictSame(state.annotations, { "org.example.one": "1" });
    t.equal(state.owner, "");
  },
  notOfCrun("it has keys, an order and an owner of its own, and escapes slashes"),
);

behaviour("state leaves the annotations out when there are none", async (t, lab) => {
  const box = lab.container();
  mustSucceed(await box.create());
  t.notOk("annotations" in (await box.stateDocument()));
});

behaviour("the pid file holds the pid and nothing else", async (t, lab) => {
  const box = lab.container();
  const folder = join(lab.folder, "pids");
  mkdirSync(folder);
  const pidFile = join(folder, "pid");
  mustSucceed(await box.create({ flags: ["--pid-file", pidFile] }));
  t.equal(readFileSync(pidFile, "utf8"), String((await box.stateDocument()).pid));
  t.strictSame(readdirSync(folder), ["pid"], "no temporary file stays beside it");
});

behaviour(
  "a device is not replaced by the pid file",
  async (t, lab) => {
    const device = join(lab.folder, "null");
    execFileSync("mknod", [device, "c", "1", "3"]);
    mustSucceed(await lab.container().create({ flags: ["--pid-file", device] }));
    t.ok(lstatSync(device).isCharacterDevice());
  },
  needsDevices(),
  notOfRunc("it puts a file in its place"),
);

behaviour(
  "the pid file is never seen empty or half written",
  async (t, lab) => {
    const box = lab.container();
    const pidFile = join(lab.folder, "pid");
    writeFileSync(pidFile, "old");
    const seen = new Set<string>();
    let creating = true;
    const watch = async () => {
      while (creating) {
        seen.add(readFileSync(pidFile, "utf8"));
        await new Promise((resume) => setImmediate(resume));
      }
    };
    const watching = watch();
    mustSucceed(await box.create({ flags: ["--pid-file", pidFile] }));
    creating = false;
    await watching;
    seen.delete("old");
    seen.delete(String((await box.stateDocument()).pid));
    t.strictSame([...seen], [], "only the old and the new content");
  },
  notOfCrun("it writes over what is there, so that the old and the new are seen mixed"),
);

behaviour(
  "the bundle is the working directory when no flag names it, and may be relative",
  async (t, lab) => {
    const here = lab.container();
    mustSucceed(await lab.invoke(["create", here.id], { cwd: here.bundle }));
    t.equal((await here.stateDocument()).bundle, here.bundle);
    const beside = lab.container();
    mustSucceed(
      await lab.invoke(["create", "-b", `../bundle-${beside.id}`, beside.id], { cwd: here.bundle }),
    );
    t.equal((await beside.stateDocument()).bundle, beside.bundle);
  },
);

behaviour("a container can be started once", async (t, lab) => {
  const box = lab.container(SLEEP);
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  refused(t, await box.start(), /cannot start an already running container/);
  t.equal((await box.stateDocument()).status, "running", "the container is not disturbed");
  mustSucceed(await box.kill("KILL"));
  await box.waitForStatus("stopped");
  refused(t, await box.start(), /cannot start a container that has stopped/);
});

behaviour("a created container whose process was killed is stopped and cannot start", async (t, lab) => {
  const box = lab.container(SLEEP);
  mustSucceed(await box.create());
  mustSucceed(await box.kill("KILL"));
  await box.waitForStatus("stopped");
  refused(t, await box.start(), /cannot start a container that has stopped/);
  mustSucceed(await box.delete());
  await nothingLeft(t, lab, "after delete");
});

behaviour("an id is taken until its container is deleted", async (t, lab) => {
  const box = lab.container();
  mustSucceed(await box.create());
  const before = await box.stateDocument();
  refused(t, await box.create(), /container with given ID already exists/);
  t.strictSame(await box.stateDocument(), before, "the first container is not disturbed");
  mustSucceed(await box.delete());
  await nothingLeft(t, lab, "after delete");
  mustSucceed(await box.create());
});

behaviour("delete removes a stopped container", async (t, lab) => {
  const box = lab.container();
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  await box.waitForStatus("stopped");
  const deleted = await box.delete();
  t.strictSame([deleted.code, deleted.stdout, deleted.stderr], [0, "", ""]);
  await nothingLeft(t, lab, "after delete");
  refused(t, await box.state(), /container does not exist/);
});

behaviour("delete removes a container that was created and never started", async (t, lab) => {
  const box = lab.container(SLEEP);
  mustSucceed(await box.create());
  mustSucceed(await box.delete());
  await nothingLeft(t, lab, "after delete");
});

behaviour("delete refuses a running container and --force kills it", async (t, lab) => {
  const box = lab.container(SLEEP);
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  refused(
    t,
    await box.delete(),
    new RegExp(`cannot delete container ${box.id} that is not stopped: running`),
  );
  t.equal((await box.stateDocument()).status, "running");
  const forced = await box.delete({ flags: ["--force"] });
  t.strictSame([forced.code, forced.stdout, forced.stderr], [0, "", ""]);
  await nothingLeft(t, lab, "after delete --force");
});

behaviour("delete --force of an unknown id succeeds in silence, delete does not", async (t, lab) => {
  const forced = await lab.invoke(["delete", "--force", "nobody"]);
  t.strictSame([forced.code, forced.stdout, forced.stderr], [0, "", ""]);
  refused(t, await lab.invoke(["delete", "nobody"]), /container does not exist/);
});

behaviour("every command on an unknown id says that it does not exist", async (t, lab) => {
  for (const args of [["state"], ["start"], ["kill"], ["delete"]]) {
    refused(t, await lab.invoke([...args, "nobody"]), /container does not exist/);
  }
});

behaviour(
  "a container that is half made or half removed does not exist to a command",
  async (t, lab) => {
    const box = lab.container(SLEEP);
    mkdirSync(join(lab.stateRoot, box.id), { recursive: true });
    for (const command of ["state", "start", "kill", "ps", "exec"]) {
      const args = [command, box.id, ...(command === "exec" ? ["true"] : [])];
      refused(t, await lab.invoke(args), /container does not exist/, command === "exec" ? 255 : 1);
    }
    t.equal((await box.delete({ flags: ["--force"] })).code, 0);
    await nothingLeft(t, lab, "after delete --force");
  },
  notOfCrun("other exit statuses: 253 of state, 1 of exec"),
);

behaviour("delete takes the processes with it that outlived the container's first one", async (t, lab) => {
  const box = lab.container((config) => {
    config.linux.namespaces = config.linux.namespaces.filter((namespace) => namespace.type !== "pid");
    config.process.args = ["/bin/sh", "-c", "sleep 1000 & exit 0"];
  });
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  await box.waitForStatus("stopped");
  mustSucceed(await box.delete({ flags: ["--force"] }));
  await nothingLeft(t, lab, "after delete --force");
});

behaviour("the processes of a private pid namespace end with its first one", async (t, lab) => {
  const box = lab.container(Container.script("sleep 1000 & sleep 1001 & echo up; exec sleep 1002"));
  mustSucceed(await box.create());
  mustSucceed(await box.start());
  await until("the program to be up", () => box.output() === "up\n");
  mustSucceed(await box.kill("KILL"));
  await box.waitForStatus("stopped");
  mustSucceed(await box.delete());
  await nothingLeft(t, lab, "after kill and delete");
});

behaviour(
  "a container without a first process is being created for as long as its create runs",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create());
    const directory = join(lab.stateRoot, box.id);
    const record = JSON.parse(readFileSync(join(directory, "state.json"), "utf8"));
    // The state that `create` saves before there is a process.
    const early = { ...record, init_process_pid: 0, init_process_start: 0 };
    writeFileSync(join(directory, "state.json"), JSON.stringify(early));
    const lockHolder = spawn("flock", [join(directory, "config.json"), "sh", "-c", "echo held; cat"], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    await once(lockHolder.stdout, "data");
    t.match(await box.stateDocument(), { status: "creating", pid: 0 });
    t.match((await lab.invoke(["list"])).stdout, / creating /);
    refused(t, await box.start(), /cannot start a container in the creating state/);
    refused(t, await box.delete(), /cannot delete container .* that is not stopped: creating/);
    lockHolder.stdin.end();
    await once(lockHolder, "exit");
    t.match(await box.stateDocument(), { status: "stopped", pid: 0 }, "its create is gone");
    writeFileSync(join(directory, "state.json"), JSON.stringify(record));
    mustSucceed(await box.delete());
    await nothingLeft(t, lab, "after delete");
  },
  tsrunOnly("keeps its state in another way"),
);

behaviour(
  "nothing is executed in a container that is being made, and its limits are not changed",
  async (t, lab) => {
    const go = join(lab.folder, "go");
    const wait = `cat > /dev/null; until [ -e ${go} ]; do sleep 0.02; done`;
    const box = lab.container((config) => {
      // Its process has a mount namespace of its own, in which all files are still the host's.
      config.hooks = { createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", wait] }] };
    });
    const creating = box.create();
    await box.waitForStatus("creating");
    await until("its first process", async () => (await box.stateDocument()).pid !== 0 || undefined);
    for (const flags of [[], ["--ignore-paused"], ["--detach"]]) {
      const result = await lab.invoke(["exec", ...flags, box.id, "/bin/true"]);
      refused(t, result, /cannot exec in a container in the creating state/, 255);
    }
    refused(t, await lab.invoke(["update", "--pids-limit", "50", box.id]), /container not running/);
    writeFileSync(go, "");
    mustSucceed(await creating);
    t.equal((await lab.invoke(["exec", box.id, "/bin/true"])).code, 0);
    mustSucceed(await box.delete());
    await nothingLeft(t, lab, "after delete");
  },
  tsrunOnly("runc knows no such container yet, and says so"),
);

behaviour(
  "a container whose create ends while state looks at it is not called stopped",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create());
    const file = join(lab.stateRoot, box.id, "state.json");
    const record = readFileSync(file, "utf8");
    const early = { ...JSON.parse(record), init_process_pid: 0, init_process_start: 0 };
    writeFileSync(file, JSON.stringify(early));
    // It has read the record, and opens the file of create's lock last before it looks whether that is held.
    const traced = (...more: string[]) => stopping(lab, "-e", "trace=openat,flock", ...more);
    const before = traced();
    mustSucceed(await box.state(before));
    const opened = before
      .logged()
      .split("\n")
      .findIndex((line) => line.startsWith("flock("));
    const there = traced("-e", `inject=openat:signal=STOP:when=${opened}`);
    const looking = box.state(there);
    await there.untilStopped();
    writeFileSync(file, record);
    there.goOn();
    t.match(JSON.parse(mustSucceed(await looking).stdout), { status: "creating", pid: 0 });
    t.match(await box.stateDocument(), { status: "created" });
  },
  tsrunOnly("keeps its state in another way"),
  needsStrace,
);

behaviour("a container is never seen stopped while it is created", async (t, lab) => {
  const box = lab.container();
  const seen = new Set<string>();
  let creating = true;
  const watch = async () => {
    while (creating) {
      const { code, stdout } = await box.state();
      if (code === 0) seen.add(JSON.parse(stdout).status);
    }
  };
  for (let round = 0; round < 5; round += 1) {
    creating = true;
    const watching = watch();
    mustSucceed(await box.create());
    creating = false;
    await watching;
    mustSucceed(await box.delete());
  }
  seen.delete("creating");
  seen.delete("created");
  t.strictSame([...seen], []);
  await nothingLeft(t, lab, "after delete");
});
