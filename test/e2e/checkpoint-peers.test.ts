// checkpoint and restore when criu, the container or the images do not do what is expected of them. A script
// takes criu's place, so these cases run on any kernel.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import {
  behaviour,
  needsController,
  nothingLeft,
  notOfCrun,
  refused,
  tsrunOnly,
} from "../support/behaviour.ts";
import { type CallOptions, type Container, mustSucceed } from "../support/container.ts";
import {
  counter,
  countsOn,
  imagesOf,
  PATIENT,
  pretendedCriu,
  restore,
  runCounting,
  SAY_DONE,
  tell,
} from "../support/criu.ts";
import { hasEnded, signalProcess } from "../support/host.ts";
import { needsStrace, slowWrites } from "../support/injection.ts";
import type { Lab } from "../support/lab.ts";
import type { Result } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

t.setTimeout(600_000);

type Env = Record<string, string>;

function checkpoint(box: Container, env: Env, options: CallOptions = {}): Promise<Result> {
  const { flags = [], ...caller } = options;
  const words = ["checkpoint", "--image-path", imagesOf(box), ...flags, box.id];
  return box.lab.invoke(words, { ...PATIENT, env, ...caller });
}

/** A container without images that a restore would refuse. */
function withImages(lab: Lab): Container {
  const box = counter(lab);
  mkdirSync(imagesOf(box));
  writeFileSync(join(imagesOf(box), "descriptors.json"), '["","",""]');
  return box;
}

/** What criu was last asked. */
function requestOf({ PATH = "" }: Env): string {
  const file = join(String(PATH.split(":")[0]), "request");
  return existsSync(file) ? readFileSync(file, "latin1") : "";
}

/** Whether it was asked what the script waits with: the version is asked in two bytes. */
const isRequested = (env: Env, longerThan = 2) => requestOf(env).length > longerThan;

/** Checks that the container is as it was before a checkpoint that failed. */
async function untouched(t: Test, box: Container): Promise<void> {
  t.equal((await box.stateDocument()).status, "running");
  await countsOn(box);
}

behaviour(
  "criu that is killed has ended, also while a child of it has its socket open",
  async (t, lab) => {
    const child = join(lab.folder, "child");
    const env = pretendedCriu(lab, `sleep 1000 &\necho $! > ${child}\nkill -9 $$`);
    const box = withImages(lab);
    refused(
      t,
      await restore(box, { flags: ["-d"], env }),
      /criu failed: type RESTORE: it ended unexpectedly/,
    );
    t.ok(hasEnded(readFileSync(child, "utf8").trim()), "what was restored by then is ended");
    await nothingLeft(t, lab, "after restore");
    await runCounting(box);
    refused(t, await checkpoint(box, env), /criu failed: type DUMP: it ended unexpectedly/);
    await untouched(t, box);
    signalProcess(readFileSync(child, "utf8"), "SIGKILL");
  },
  tsrunOnly("waits for the socket alone"),
);

behaviour(
  "criu that ends without a word, or says too much or nonsense, is told in one sentence",
  async (t, lab) => {
    const box = withImages(lab);
    for (const [script, line] of [
      ["exit 0", /criu failed: type RESTORE: it ended unexpectedly/],
      [
        "head -c 50000 /dev/zero | dd bs=50000 iflag=fullblock 2>/dev/null >&3",
        /type RESTORE: it said more than 40960 bytes at once/,
      ],
      ["printf nonsense >&3", /type RESTORE: its answer is not as expected: cannot read a message/],
    ] as const) {
      refused(t, await restore(box, { flags: ["-d"], env: pretendedCriu(lab, script) }), line);
      await nothingLeft(t, lab, script);
      const early = pretendedCriu(lab, "", script === "exit 0" ? "exec 3>&-\nexit" : `${script}\nexit`);
      const words = new RegExp(line.source.replace("RESTORE", "VERSION"));
      refused(t, await restore(box, { flags: ["-d"], env: early }), words);
      await nothingLeft(t, lab, `${script} at once`);
    }
  },
  tsrunOnly("says it in other words"),
);

behaviour(
  "criu begins when the limits of the cgroup are set: it may use the container's devices all the time",
  async (t, lab) => {
    const box = withImages(lab);
    const env = pretendedCriu(lab, "exit 0");
    const criu = join(String(env.PATH?.split(":")[0]), "criu");
    renameSync(criu, `${criu}-itself`);
    const refusals = join(lab.folder, "refusals");
    const uses = `for i in $(seq 60); do echo >/dev/null; sleep 0.02; done 2>>${refusals}`;
    writeFileSync(criu, `#!/bin/sh\n${uses}\nexec ${criu}-itself\n`, { mode: 0o755 });
    const ended = /criu failed: type RESTORE: it ended unexpectedly/;
    refused(t, await restore(box, { flags: ["-d"], env, wrapper: slowWrites(lab) }), ended);
    t.equal(readFileSync(refusals, "utf8"), "");
    await nothingLeft(t, lab, "after restore");
  },
  needsStrace,
  tsrunOnly("says it in other words"),
);

behaviour(
  "delete --force ends a container whose checkpoint waits for criu, and then that checkpoint",
  async (t, lab) => {
    const env = pretendedCriu(lab, "exec sleep 1000");
    const box = counter(lab);
    await runCounting(box);
    const stuck = checkpoint(box, env);
    await until("criu to have its request", () => isRequested(env));
    mustSucceed(await box.delete({ flags: ["--force"] }));
    refused(t, await stuck, /type DUMP: the container's first process has ended, and criu did not answer/);
    await nothingLeft(t, lab, "after delete --force");
  },
  tsrunOnly("waits for the lock, or has none"),
);

behaviour(
  "criu gets no freezer of v1 while a process is stopped, for which it would wait there for ever",
  async (t, lab) => {
    const env = pretendedCriu(lab, "exit 1");
    const box = counter(lab);
    await runCounting(box);
    const asks = async () => {
      refused(t, await checkpoint(box, env), /type DUMP: it ended unexpectedly/);
      return requestOf(env).includes("/freezer/");
    };
    t.equal(await asks(), true, "otherwise it gets it");
    mustSucceed(await box.kill("STOP"));
    const { pid } = await box.stateDocument();
    await until("it to be stopped", () => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, "utf8")));
    t.equal(await asks(), false);
    mustSucceed(await box.kill("CONT"));
    await untouched(t, box);
  },
  needsController("freezer", 1),
  tsrunOnly("gives it the freezer"),
);

behaviour(
  "a foreground restore that waits for criu ends on a signal, and leaves nothing",
  async (t, lab) => {
    const box = withImages(lab);
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      for (const [env, longerThan] of [
        [pretendedCriu(lab, "exec sleep 1000"), 2],
        [pretendedCriu(lab, "", "exec sleep 1000"), 1],
      ] as const) {
        let pid = 0;
        const onSpawn = (spawned: number) => {
          pid = spawned;
        };
        const restored = restore(box, { env, onSpawn });
        await until("criu to have its request", () => isRequested(env, longerThan));
        signalProcess(pid, signal);
        refused(t, await restored, /a signal told tsrun to end meanwhile/);
        await nothingLeft(t, lab, `after ${signal}`);
      }
    }
  },
  tsrunOnly("holds the signals back, or ends at once"),
);

behaviour(
  "criu that does not tell its version is ended after a while",
  async (t, lab) => {
    const env = pretendedCriu(lab, "", "exec sleep 1000");
    const box = withImages(lab);
    const line = /CRIU version check failed: criu failed: type VERSION: it has not answered for 10 s/;
    refused(t, await restore(box, { flags: ["-d"], env }), line);
    await nothingLeft(t, lab, "after restore");
    await runCounting(box);
    refused(t, await checkpoint(box, env), line);
    await untouched(t, box);
  },
  tsrunOnly("waits for ever"),
);

behaviour(
  "descriptors.json is a small regular file with three names, or the restore is refused",
  async (t, lab) => {
    const box = withImages(lab);
    const file = join(imagesOf(box), "descriptors.json");
    const env = pretendedCriu(lab, "exit 1");
    for (const [make, line] of [
      [() => execFileSync("mkfifo", [file]), /cannot use ".*descriptors\.json": it is a FIFO/],
      [() => symlinkSync("/dev/zero", file), /cannot use ".*descriptors\.json": it is a device/],
      [
        () => symlinkSync("/etc/passwd", file),
        /cannot open "descriptors\.json": too many levels of symbolic/,
      ],
      [() => mkdirSync(file), /cannot read the images in ".*": "descriptors\.json" is no regular file/],
      [() => writeFileSync(file, " ".repeat(65_537)), /"descriptors\.json" is larger than 64 KiB/],
      [
        () => execFileSync("truncate", ["--size", "3G", file]),
        /cannot read the images in ".*": "descriptors\.json" is larger than 64 KiB/,
      ],
      [() => writeFileSync(file, '["","","",""]'), /descriptors\.json": it has more than three names/],
    ] as const) {
      rmSync(file, { recursive: true });
      make();
      refused(t, await restore(box, { flags: ["-d"], env }), line);
      await nothingLeft(t, lab, String(line));
    }
  },
  tsrunOnly("reads whatever has that name"),
);

behaviour(
  "a file that criu would wait for is refused by its name; an older log is removed, not followed",
  async (t, lab) => {
    const box = withImages(lab);
    const images = imagesOf(box);
    const work = join(lab.folder, "work");
    mkdirSync(work);
    // As in the work directory of Podman, where conmon has its FIFOs; criu opens none of that name.
    execFileSync("mkfifo", [join(work, "winsz")]);
    const env = pretendedCriu(lab, "exit 1");
    const flags = ["-d", "--work-path", work];
    for (const folder of [images, work]) {
      const odd = join(folder, "pages-1.img");
      execFileSync("mkfifo", [odd]);
      refused(t, await restore(box, { flags, env }), new RegExp(`cannot use "${odd}": it is a FIFO`));
      rmSync(odd);
    }
    await nothingLeft(t, lab, "after the refusals");
    const target = join(lab.folder, "target");
    writeFileSync(target, "(1) Error (a.c:1): of the target\n");
    const stale = join(work, "restore.log");
    for (const make of [
      () => execFileSync("mkfifo", [stale]),
      () => symlinkSync(target, stale),
      () => writeFileSync(stale, "(1) Error (a.c:1): of an earlier run\n"),
    ]) {
      make();
      const { stderr, ...rest } = await restore(box, { flags, env });
      refused(t, { stderr, ...rest }, /type RESTORE: it ended unexpectedly/);
      t.notMatch(stderr, /of the target|of an earlier run/);
      t.notOk(existsSync(stale), "criu begins without one");
    }
    t.match(readFileSync(target, "utf8"), /of the target/, "what the link led to is as it was");
    await nothingLeft(t, lab, "after restore");
    await runCounting(box);
    execFileSync("mkfifo", [join(images, "pstree.img")]);
    refused(t, await checkpoint(box, env), /cannot use ".*pstree\.img": it is a FIFO/);
    t.notMatch(requestOf(env), /dump\.log/, "criu was asked nothing but its version");
    rmSync(join(images, "pstree.img"));
    execFileSync("mkfifo", [join(images, "dump.log")]);
    refused(t, await checkpoint(box, env), /type DUMP: it ended unexpectedly/);
    await untouched(t, box);
  },
  tsrunOnly("has criu open it"),
);

behaviour(
  "of a huge log of criu's only the end is read",
  async (t, lab) => {
    const box = withImages(lab);
    const log = join(imagesOf(box), "restore.log");
    const script = `echo '(1) Error (a.c:1): the first' > ${log}
truncate --size 3G ${log}
printf '\\n(2) Error (a.c:2): the last\\n' >> ${log}
exit 1`;
    const result = await restore(box, { flags: ["-d"], env: pretendedCriu(lab, script) });
    refused(t, result, /type RESTORE: it ended unexpectedly: the last/);
    t.notMatch(result.stderr, /the first/);
    await nothingLeft(t, lab, "after restore");
  },
  tsrunOnly("reads all of it"),
);

behaviour(
  "criu that says that it is done, without having told of images or of a process, has failed",
  async (t, lab) => {
    const box = withImages(lab);
    const env = pretendedCriu(lab, `${tell("setup-namespaces")}\n${SAY_DONE.restore}`);
    const line = /type RESTORE: it said that it was done, but has not told of a process/;
    refused(t, await restore(box, { flags: ["-d"], env }), line);
    await nothingLeft(t, lab, "after restore");
    await runCounting(box);
    rmSync(join(imagesOf(box), "descriptors.json"));
    for (const flags of [[], ["--leave-running"]]) {
      const result = await checkpoint(box, pretendedCriu(lab, SAY_DONE.checkpoint), { flags });
      refused(
        t,
        result,
        /type DUMP: it said that it was done, but has not told that the images are complete/,
      );
      t.notOk(existsSync(join(imagesOf(box), "descriptors.json")));
      await untouched(t, box);
    }
    const complete = pretendedCriu(lab, `${tell("post-dump")}\n${SAY_DONE.checkpoint}`);
    mustSucceed(await checkpoint(box, complete, { flags: ["--leave-running"] }));
    t.ok(existsSync(join(imagesOf(box), "descriptors.json")));
    await untouched(t, box);
  },
  tsrunOnly("believes it"),
);

behaviour(
  "a restore whose container is deleted meanwhile says so",
  async (t, lab) => {
    const box = withImages(lab);
    const env = pretendedCriu(lab, "exec sleep 1000");
    const restored = restore(box, { flags: ["-d"], env });
    await until("criu to have its request", () => isRequested(env));
    mustSucceed(await box.delete({ flags: ["--force"] }));
    refused(t, await restored, /the container was deleted meanwhile/);
    await nothingLeft(t, lab, "after delete --force");
  },
  tsrunOnly("says what failed because of that"),
);

behaviour(
  "hooks run when criu tells of the new namespaces, and one that fails ends the restore",
  async (t, lab) => {
    const box = withImages(lab);
    box.config.hooks = {
      createRuntime: [{ path: "/bin/sh", args: ["sh", "-c", "echo because; exit 3"] }],
    };
    box.writeConfig();
    const untold = pretendedCriu(lab, "exit 1");
    refused(t, await restore(box, { flags: ["-d"], env: untold }), /type RESTORE: it ended unexpectedly/);
    const env = pretendedCriu(lab, tell("setup-namespaces"));
    const line = /error running createRuntime hook #0: exit status 3, stdout: because/;
    refused(t, await restore(box, { flags: ["-d"], env }), line);
    await nothingLeft(t, lab, "after restore");
  },
  notOfCrun("its restore leaves the state and the cgroups when it fails"),
);
