// The output of hooks in files that crun's annotations name. CONTRACT: crun(1), run.oci.hooks.stdout.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, crunFrom, nothingLeft, notOfRunc, refused, tsrunOnly } from "../support/behaviour.ts";
import { annotated, type Config, type ConfigHook, type HookKind } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { isTsrun } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

const ANNOTATIONS = notOfRunc("has no annotations of crun's");

const KINDS: readonly HookKind[] = [
  "prestart",
  "createRuntime",
  "createContainer",
  "startContainer",
  "poststart",
  "poststop",
];

/** It reads its state first: SIGPIPE kills crun if a hook ends before that is written. */
function shell(script: string): ConfigHook {
  return { path: "/bin/sh", args: ["sh", "-c", `cat >/dev/null; ${script}`] };
}

function hooksThat(script: (kind: HookKind) => string, kinds = KINDS): (config: Config) => void {
  return (config) => {
    config.process.args = ["sleep", "1000"];
    config.hooks = Object.fromEntries(kinds.map((kind) => [kind, [shell(script(kind))]]));
  };
}

/** A folder for the output of hooks, and the annotations that name files in it. */
function hookFiles(folder: string, ...names: ("stdout" | "stderr")[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [`run.oci.hooks.${name}`, join(folder, name)]));
}

behaviour(
  "what hooks print goes to the files that annotations name, one behind the other",
  async (t, lab) => {
    const box = lab.container(
      annotated(
        hookFiles(lab.folder, "stdout", "stderr"),
        hooksThat((kind) => `echo out of ${kind}; echo err of ${kind} >&2`),
      ),
    );
    for (let round = 0; round < 2; round++) {
      mustSucceed(await box.create());
      mustSucceed(await box.start());
      await until("all hooks but the last", () => {
        const text = readFileSync(join(lab.folder, "stderr"), "utf8");
        return ["startContainer", "poststart"].every((kind) => text.split(kind).length === round + 2);
      });
      mustSucceed(await box.delete({ flags: ["--force"] }));
    }
    // crun's first process runs its own while "start" runs the next.
    const inOrder = (lines: string): string => (isTsrun ? lines : lines.split("\n").sort().join("\n"));
    for (const [name, word] of [
      ["stdout", "out"],
      ["stderr", "err"],
    ] as const) {
      const lines = KINDS.map((kind) => `${word} of ${kind}\n`).join("");
      t.equal(inOrder(readFileSync(join(lab.folder, name), "utf8")), inOrder(lines + lines), name);
    }
    if (isTsrun) t.equal(statSync(join(lab.folder, "stdout")).mode & 0o777, 0o600, "nobody executes it");
  },
  ANNOTATIONS,
  crunFrom("1.9", "start exits with 128"),
);

behaviour(
  "an error of a hook repeats what went to no file, and names the file of the rest",
  async (t, lab) => {
    for (const kind of ["createRuntime", "createContainer", "startContainer", "poststart"] as const) {
      const box = lab.container(
        annotated(
          hookFiles(lab.folder, "stdout"),
          hooksThat(() => "echo told; echo wrong >&2; exit 3", [kind]),
        ),
      );
      const creates = kind.startsWith("create");
      const created = await box.create();
      if (!creates) mustSucceed(created);
      const failed = creates ? created : await box.start();
      refused(
        t,
        failed,
        new RegExp(`error running ${kind} hook #0: exit status 3, stdout: in ".*/stdout", stderr: wrong`),
      );
      t.equal(readFileSync(join(lab.folder, "stdout"), "utf8"), "told\n", kind);
      rmSync(join(lab.folder, "stdout"));
      await box.delete({ flags: ["--force"] });
      await nothingLeft(t, lab, `after a hook of ${kind} that fails`);
    }
  },
  ANNOTATIONS,
  tsrunOnly("exits with what the hook exits with, start with 0"),
);

behaviour(
  "a file for hooks that cannot be opened is found out before anything is made",
  async (t, lab) => {
    const gone = join(lab.folder, "gone");
    const box = lab.container(
      annotated(
        hookFiles(gone, "stderr"),
        hooksThat(() => "true", ["createRuntime"]),
      ),
    );
    const line =
      /cannot open ".*\/gone\/stderr": no such file or directory, named by \/annotations\/run\.oci/;
    refused(t, await box.create(), line);
    await nothingLeft(t, lab, "after create");
    t.notOk(existsSync(gone));
  },
  ANNOTATIONS,
);

behaviour(
  "a container without hooks needs no file for them",
  async (t, lab) => {
    const box = lab.container(
      annotated(hookFiles(join(lab.folder, "gone"), "stdout"), Container.script("echo ran")),
    );
    t.equal(await box.live(), "ran\n");
  },
  ANNOTATIONS,
);

behaviour(
  "a FIFO that nobody reads is refused, and one with a reader gets all",
  async (t, lab) => {
    const path = join(lab.folder, "stdout");
    execFileSync("mkfifo", [path]);
    const box = lab.container(
      annotated(
        hookFiles(lab.folder, "stdout"),
        hooksThat(() => "echo heard", ["createRuntime"]),
      ),
    );
    refused(
      t,
      await box.create(),
      /cannot open ".*\/stdout": no such device or address.*needs its reader first/,
    );
    await nothingLeft(t, lab, "after create");
    // Opened for reading and writing, it has a reader without waiting for a writer.
    const reader = { wrapper: ["sh", "-c", `exec 9<>${path}; "$@"; read -r line <&9; echo "$line"`, "sh"] };
    const created = mustSucceed(await box.create(reader));
    t.equal(created.stdout, "heard\n");
  },
  ANNOTATIONS,
  tsrunOnly("waits for the reader for ever"),
);

behaviour(
  "poststop hooks run even where their file has gone, and the command says so",
  async (t, lab) => {
    const folder = join(lab.folder, "log");
    mkdirSync(folder);
    const ran = join(lab.folder, "ran");
    const box = lab.container(
      annotated(
        hookFiles(folder, "stdout"),
        hooksThat(() => `touch ${ran}`, ["poststop"]),
      ),
    );
    mustSucceed(await box.create());
    rmSync(folder, { recursive: true, force: true });
    refused(t, await box.delete({ flags: ["--force"] }), /cannot open ".*\/log\/stdout": no such file/);
    t.ok(existsSync(ran), "the hook has run");
    await nothingLeft(t, lab, "after delete");
  },
  ANNOTATIONS,
  tsrunOnly("runs no hook then, and exits with 0"),
);

behaviour(
  "start finds out before it lets the process go",
  async (t, lab) => {
    const folder = join(lab.folder, "log");
    mkdirSync(folder);
    const box = lab.container(
      annotated(
        hookFiles(folder, "stdout"),
        hooksThat(() => "true", ["poststart"]),
      ),
    );
    mustSucceed(await box.create());
    rmSync(folder, { recursive: true, force: true });
    refused(t, await box.start(), /cannot open ".*\/log\/stdout": no such file/);
    t.equal((await box.stateDocument()).status, "created");
    mkdirSync(folder);
    mustSucceed(await box.start());
    await box.waitForStatus("running");
  },
  ANNOTATIONS,
  tsrunOnly("has started the container by then"),
);

behaviour(
  "a hook may print a gigabyte: it is not held up, its end is reported, and the rest takes no memory",
  async (t, lab) => {
    const blocks = join(lab.folder, "blocks");
    const print = 'yes "$(printf %099d 0)" | head -c 1073741800';
    const script = `exec 3>&1; ${print}; stat -L -c %b /proc/self/fd/3 >${blocks}; echo the end; exit 3`;
    const box = lab.container(hooksThat(() => script, ["createRuntime"]));
    const { code, stderr } = await box.create({ timeoutMs: 120_000 });
    t.equal(code, 1);
    t.match(stderr, /error running createRuntime hook #0: exit status 3, stdout: …/);
    t.match(stderr, /0{99}.{1,4}the end, stderr:/);
    t.ok(stderr.length < 2 << 20, `${stderr.length} bytes are reported`);
    const kept = Number(readFileSync(blocks, "utf8")) / 2048;
    t.ok(kept < 300, `at its end the hook's output took ${kept} MiB`);
    await nothingLeft(t, lab, "after create");
  },
  tsrunOnly("runc keeps all of it, crun none"),
);

behaviour(
  "what a hook has left running may still print when the hook and the runtime have ended",
  async (t, lab) => {
    const file = join(lab.folder, "printed");
    const go = join(lab.folder, "go");
    const wait = `while [ ! -e ${go} ]; do sleep 0.1; done`;
    const script = `(${wait}; echo one; echo two >&2; echo > ${file}) & exit 0`;
    const box = lab.container(hooksThat(() => script, ["createRuntime"]));
    mustSucceed(await box.create());
    writeFileSync(go, "");
    await until("it has printed", () => existsSync(file));
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  tsrunOnly("runc waits until nobody can print any more"),
);
