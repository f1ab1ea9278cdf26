// checkpoint and restore: a container continues where it was, from files. criu does the work; these cases
// test the state of the container and of its connections. criu(8); runc-checkpoint(8).

import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import t from "tap";
import { behaviour, nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import { mapIds } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import {
  COUNTING,
  checkpoint,
  counter,
  countOf,
  countsOn,
  goesOn,
  imagesOf,
  needsCriu,
  needsCriuFeature,
  needsIptables,
  PATIENT,
  restore,
  runCounting,
  runsAgain,
  throughPipe,
} from "../support/criu.ts";
import { holdNamespaces, namespaceOf } from "../support/hold.ts";
import { signalProcess } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { plainEnv } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

t.setTimeout(600_000);

behaviour(
  "a checkpoint ends a container and leaves its images; restore goes on where it was",
  async (t, lab) => {
    const box = counter(lab);
    await runCounting(box);
    for (const round of [1, 2]) {
      const last = await countOf(box);
      mustSucceed(await checkpoint(box));
      t.not((await box.state()).code, 0, "there is no such container any more");
      await nothingLeft(t, lab, "after checkpoint");
      t.ok(readdirSync(imagesOf(box)).includes("descriptors.json"));
      const pidFile = join(lab.folder, `pid-${round}`);
      mustSucceed(await restore(box, { flags: ["--detach", "--pid-file", pidFile] }));
      const state = await box.stateDocument();
      t.equal(state.status, "running");
      t.equal(readFileSync(pidFile, "utf8"), `${state.pid}`);
      const cgroups = readFileSync(`/proc/${state.pid}/cgroup`, "utf8");
      t.ok(cgroups.includes(lab.mark), "it is in its cgroup");
      await goesOn(t, box, last);
      mustSucceed(await lab.invoke(["exec", box.id, "true"]));
    }
    mustSucceed(await box.kill("KILL"));
    await box.waitForStatus("stopped");
    mustSucceed(await box.delete());
    await nothingLeft(t, lab, "after delete");
  },
  needsCriu(),
);

behaviour(
  "with --leave-running the container goes on, and can be restored to that moment later",
  async (t, lab) => {
    const box = counter(lab);
    await runCounting(box);
    mustSucceed(await checkpoint(box, "--leave-running"));
    t.equal((await box.stateDocument()).status, "running");
    await countsOn(box);
    mustSucceed(await box.delete({ flags: ["--force"] }));
    mustSucceed(await restore(box, { flags: ["-d"] }));
    await countsOn(box);
    t.equal(readFileSync(join(box.rootfs, "begun"), "utf8"), "begun\n");
  },
  needsCriu(),
);

behaviour(
  "a pipe to the caller becomes that of whoever restores",
  async (t, lab) => {
    const [first, second] = [join(lab.folder, "first"), join(lab.folder, "second")];
    const read = (file: string) => (existsSync(file) ? readFileSync(file, "utf8") : "");
    const box = counter(lab, (config) => {
      Container.script("i=0; while :; do i=$((i+1)); echo $i | cat; usleep 10000; done")(config);
    });
    mustSucceed(await box.run({ ...throughPipe(first), flags: ["-d"] }));
    await until("output", () => read(first).includes("3\n"));
    mustSucceed(await checkpoint(box));
    mustSucceed(await restore(box, { ...throughPipe(second), flags: ["-d"] }));
    await until("output again", () => read(second).includes("\n"));
    const last = Number(read(first).trim().split("\n").at(-1));
    t.ok(Number(read(second).split("\n")[0]) > last, "the next number");
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  needsCriu(),
);

behaviour(
  "in the foreground restore ends with the status of the container's process",
  async (t, lab) => {
    const box = counter(lab, Container.script(`${COUNTING.replace("do ", "do [ -e /go ] && exit 9; ")}`));
    await runCounting(box);
    mustSucceed(await checkpoint(box));
    const restored = restore(box);
    await runsAgain(box);
    writeFileSync(join(box.rootfs, "go"), "");
    t.equal((await restored).code, 9);
    await nothingLeft(t, lab, "after restore");
  },
  needsCriu(),
);

behaviour(
  "bind mounts come from the host again, also where links lead to them",
  async (t, lab) => {
    const [outer, inner] = ["outer", "inner"].map((name) => join(lab.folder, name));
    for (const folder of [outer, inner]) mkdirSync(join(String(folder), "real"), { recursive: true });
    symlinkSync("/data/real", join(String(outer), "link"));
    const box = counter(lab, (config) => {
      mkdirSync(join(lab.folder, `bundle-${lab.mark}-1/rootfs/place`));
      symlinkSync("/place", join(lab.folder, `bundle-${lab.mark}-1/rootfs/data`));
      config.mounts.push(
        { destination: "/data", type: "bind", source: String(outer), options: ["rbind"] },
        { destination: "/data/link", type: "bind", source: String(inner), options: ["rbind", "ro"] },
      );
      config.linux.maskedPaths = ["/proc/keys", "/proc/timer_list", "/proc/sys", "/nowhere"];
      config.linux.readonlyPaths = ["/proc/bus"];
    });
    await runCounting(box);
    const last = await countOf(box);
    mustSucceed(await checkpoint(box));
    mustSucceed(await restore(box, { flags: ["-d"] }));
    await goesOn(t, box, last);
    writeFileSync(join(String(inner), "seen"), "text\n");
    const script = "cat /data/real/seen /proc/keys; ls /proc/sys; echo x > /data/real/seen || echo read-only";
    t.equal((await lab.invoke(["exec", box.id, "sh", "-c", script])).stdout, "text\nread-only\n");
  },
  needsCriu(),
  tsrunOnly("looks destinations up on the host, where the outer mount is not"),
);

behaviour(
  "a container in a user namespace is dumped and restored; nobody else can enter its images",
  async (t, lab) => {
    const box = counter(lab, (config) => {
      mapIds(config, 100_000, 65_536);
      config.mounts = config.mounts.filter(({ type }) => type !== "mqueue");
    });
    chownSync(box.rootfs, 100_000, 100_000);
    await runCounting(box);
    const last = await countOf(box);
    mustSucceed(await checkpoint(box));
    const { mode, gid } = statSync(imagesOf(box));
    t.strictSame([mode & 0o777, gid], [0o710, 100_000]);
    mustSucceed(await restore(box, { flags: ["-d"] }));
    await goesOn(t, box, last);
  },
  needsCriu(),
  tsrunOnly("criu may not enter the directory that it makes for the images"),
);

behaviour(
  "hooks: those that see namespaces at restore, poststop at checkpoint",
  async (t, lab) => {
    const told = join(lab.folder, "told");
    const hook = (kind: string) => ({
      path: "/bin/sh",
      args: ["sh", "-c", `(echo ${kind}; cat; echo) >> ${told}`],
    });
    const box = counter(lab, (config) => {
      config.hooks = Object.fromEntries(
        (["prestart", "createRuntime", "poststop"] as const).map((kind) => [kind, [hook(kind)]]),
      );
    });
    await runCounting(box);
    writeFileSync(told, "");
    mustSucceed(await checkpoint(box));
    const [kind, state] = readFileSync(told, "utf8").trim().split("\n");
    t.equal(kind, "poststop");
    t.match(JSON.parse(String(state)), { id: box.id, status: "stopped" });
    writeFileSync(told, "");
    mustSucceed(await restore(box, { flags: ["-d"] }));
    const lines = readFileSync(told, "utf8").trim().split("\n");
    t.strictSame([lines[0], lines[2], lines.length], ["prestart", "createRuntime", 4]);
    const { pid } = await box.stateDocument();
    t.match(JSON.parse(String(lines[1])), { id: box.id, pid, bundle: box.bundle });
  },
  needsCriu(),
);

behaviour(
  "a hook that fails ends the restore, and nothing is left",
  async (t, lab) => {
    const box = counter(lab);
    await runCounting(box);
    mustSucceed(await checkpoint(box));
    box.config.hooks = { prestart: [{ path: "/bin/sh", args: ["sh", "-c", "echo because; exit 3"] }] };
    box.writeConfig();
    refused(
      t,
      await restore(box, { flags: ["-d"] }),
      /error running prestart hook #0: exit status 3, stdout: because/,
    );
    await nothingLeft(t, lab, "after the refusal");
  },
  needsCriu(),
);

behaviour(
  "a restore that is killed leaves nothing that delete --force does not remove, and the root as it was",
  async (t, lab) => {
    const box = counter(lab);
    await runCounting(box);
    mustSucceed(await checkpoint(box));
    const reached = join(lab.folder, "reached");
    box.config.hooks = {
      prestart: [
        {
          path: "/bin/sh",
          args: ["sh", "-c", `echo $$ > ${reached}.new; mv ${reached}.new ${reached}; exec sleep 1000`],
        },
      ],
    };
    box.writeConfig();
    let pid = 0;
    const restored = restore(box, {
      flags: ["-d"],
      onSpawn: (spawned) => {
        pid = spawned;
      },
    });
    await until("the hook", () => existsSync(reached));
    signalProcess(pid, "SIGKILL");
    t.equal((await restored).code, 137);
    signalProcess(readFileSync(reached, "utf8"), "SIGKILL");
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete --force");
    t.ok(existsSync(join(box.rootfs, "bin/busybox")), "the files of the container are still there");
  },
  needsCriu(),
  tsrunOnly("leaves the root mounted below its state, and deletes what is in it"),
);

behaviour(
  "what cannot be checkpointed or restored is refused, and nothing changes",
  async (t, lab) => {
    const box = counter(lab);
    refused(t, await checkpoint(box), /container does not exist/);
    mustSucceed(await box.create());
    refused(t, await checkpoint(box), /Container cannot be checkpointed in created state/);
    t.equal((await box.stateDocument()).status, "created");
    mustSucceed(await box.delete());
    await runCounting(box);
    refused(t, await checkpoint(box, "--parent-path", "/absolute"), /--parent-path must be relative/);
    refused(t, await checkpoint(box, "--parent-path", "../missing"), /invalid --parent-path: .*no such file/);
    refused(t, await checkpoint(box, "--manage-cgroups-mode", "none"), /invalid manage-cgroups-mode value/);
    refused(t, await checkpoint(box, "--empty-ns", "pid"), /namespace "pid" is not supported/);
    t.equal((await box.stateDocument()).status, "running");
    refused(t, await restore(box, { flags: ["-d"] }), /container with given ID already exists/);
    await countsOn(box);
    mustSucceed(await box.kill("KILL"));
    await box.waitForStatus("stopped");
    refused(t, await checkpoint(box), /Container cannot be checkpointed in stopped state/);
    mustSucceed(await box.delete());
  },
  needsCriu(),
);

behaviour(
  "a restore without images fails, says where it looked, and leaves nothing",
  async (t, lab) => {
    const box = counter(lab);
    mkdirSync(imagesOf(box));
    refused(t, await restore(box, { flags: ["-d"] }), /cannot read the images in ".*descriptors\.json/);
    await nothingLeft(t, lab, "after the refusal");
    await runCounting(box);
    mustSucceed(await checkpoint(box));
    writeFileSync(join(imagesOf(box), "inventory.img"), "nonsense");
    const work = join(lab.folder, "work");
    refused(
      t,
      await restore(box, { flags: ["-d", "--work-path", work] }),
      /criu failed: type RESTORE errno .*work\/restore\.log/,
    );
    await nothingLeft(t, lab, "after the refusal");
    t.ok(existsSync(join(work, "restore.log")));
  },
  needsCriu(),
);

/** A program of that name that tells its version, 4.2, and knows nothing else. */
function criuThatTellsItsVersion(lab: Lab): Record<string, string> {
  const folder = join(lab.folder, "programs");
  mkdirSync(folder);
  const answer = String.raw`\010\012\020\001\122\004\010\004\020\002`;
  const script = `#!/bin/sh\ndd bs=4096 count=1 <&3 >/dev/null 2>&1\nprintf '${answer}' >&3\n`;
  writeFileSync(join(folder, "criu"), script, { mode: 0o755 });
  return { ...plainEnv, PATH: `${folder}:${plainEnv.PATH}` };
}

behaviour(
  "a restore that fails leaves nothing, and its id is free, on any kernel",
  async (t, lab) => {
    const box = counter(lab);
    mkdirSync(imagesOf(box));
    const without = { flags: ["-d"], env: { ...plainEnv, PATH: lab.folder } };
    refused(t, await restore(box, without), /criu": executable file not found/);
    await nothingLeft(t, lab, "without criu");
    const env = criuThatTellsItsVersion(lab);
    for (const times of ["once", "twice"]) {
      refused(t, await restore(box, { flags: ["-d"], env }), /cannot read the images in/);
      await nothingLeft(t, lab, times);
    }
    for (const [damaged, line] of [
      ['["/dev/null"', /cannot use ".*descriptors\.json": invalid JSON at line 1 column 13/],
      ["{}", /cannot use ".*descriptors\.json": it is no list of file names/],
      ["[0]", /cannot use ".*descriptors\.json": it is no list of file names/],
    ] as const) {
      writeFileSync(join(imagesOf(box), "descriptors.json"), damaged);
      refused(t, await restore(box, { flags: ["-d"], env }), line);
      await nothingLeft(t, lab, damaged);
    }
  },
  tsrunOnly("looks for criu in other ways"),
);

behaviour(
  "org.criu.config names a file with options for criu",
  async (t, lab) => {
    const config = join(lab.folder, "criu.conf");
    writeFileSync(config, "log-file=by-config.log\n");
    const box = counter(lab, (edited) => {
      edited.annotations = { "org.criu.config": config };
    });
    await runCounting(box);
    const work = join(lab.folder, "work");
    mustSucceed(await checkpoint(box, "--work-path", work, "--leave-running"));
    t.strictSame(
      readdirSync(work).filter((name) => name.endsWith(".log")),
      ["by-config.log"],
    );
  },
  needsCriu(),
);

behaviour(
  "a network namespace of somebody else's stays his",
  async (t, lab) => {
    const path = `/proc/${await holdNamespaces(lab, ["--net"])}/ns/net`;
    const box = counter(lab, (config) => {
      config.linux.namespaces.push({ type: "network", path });
    });
    await runCounting(box);
    const last = await countOf(box);
    mustSucceed(await checkpoint(box));
    mustSucceed(await restore(box, { flags: ["-d"] }));
    await goesOn(t, box, last);
    const { pid } = await box.stateDocument();
    t.equal(namespaceOf(pid, "net"), namespaceOf(Number(path.split("/")[2]), "net"));
  },
  needsCriu(),
  needsIptables(),
);

behaviour(
  "a pre-dump leaves the container running, and the dump after it builds on that",
  async (t, lab) => {
    const box = counter(lab);
    await runCounting(box);
    const before = join(lab.folder, "before");
    const preDump = ["checkpoint", "--pre-dump", "--image-path", before, box.id];
    mustSucceed(await lab.invoke(preDump, PATIENT));
    t.equal((await box.stateDocument()).status, "running");
    await countsOn(box);
    const last = await countOf(box);
    mustSucceed(await checkpoint(box, "--parent-path", "../before"));
    t.ok(readdirSync(imagesOf(box)).includes("parent"));
    mustSucceed(await restore(box, { flags: ["-d"] }));
    await goesOn(t, box, last);
  },
  needsCriuFeature("mem_dirty_track"),
);
