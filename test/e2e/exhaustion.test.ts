// tsrun itself runs out of a resource. Memory, at each point of a create in turn: one line says so, and
// everything is undone. Descriptors: it does not take a file that it cannot open for a missing one. Sizes of
// files.

import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, notOfCrun, refused, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { findProgram } from "../support/host.ts";
import { inject, injectEach, needsStrace } from "../support/injection.ts";
import { isTsrun, plainEnv, runtimePath } from "../support/runtime.ts";
import { missingCalls } from "../support/without.ts";

const KIB = 1024;
/**
 * Limits of the address space, beyond the executable: from too little to start, to too little for its child.
 */
const STEPS = Array.from({ length: 48 }, (_, step) => step * 32 * KIB);
/** KiB of environment: they move the point where memory ends, which must not change the outcome. */
const ENVIRONMENTS = [0, 1, 4, 16, 64];
/** Each environment tries every third step; the others try the rest. */
const STRIDE = 3;

/** Variables of 64 bytes each. */
function variables(kib: number): Record<string, string> {
  const names = Array.from({ length: kib * 16 }, (_, index) => `FILLER_${index}`);
  return Object.fromEntries(names.map((name) => [name, "x".repeat(62 - name.length)]));
}

const needsPrlimit = findProgram("prlimit") === undefined ? "needs prlimit (package util-linux)" : undefined;

behaviour(
  "a create that has no memory for itself says so, and leaves nothing",
  async (t, lab) => {
    const box = lab.container();
    const size = statSync(runtimePath).size;
    const words = new Set<string>();
    for (const [index, kib] of ENVIRONMENTS.entries()) {
      const env = { ...plainEnv, ...variables(kib) };
      for (const beyond of STEPS.filter((_, step) => step % STRIDE === index % STRIDE)) {
        const wrapper = ["prlimit", `--as=${size + beyond}`];
        const { code, stderr } = await box.create({ wrapper, env });
        const where = `with ${beyond / KIB} KiB, ${kib} KiB of environment`;
        t.not(code, 0, where);
        // Before the engine has started, nothing can be reported, and there is nothing to undo.
        const [said] = /out of memory|ended unexpectedly/.exec(stderr) ?? [];
        if (said !== undefined) words.add(said);
        else t.notMatch(stderr, /level=error/, where);
        t.notMatch(stderr, /internal error|\n./, where);
        await nothingLeft(t, lab, where);
      }
    }
    t.strictSame([...words].sort(), ["ended unexpectedly", "out of memory"]);
  },
  needsPrlimit,
  tsrunOnly("its engine has other limits"),
);

behaviour(
  "a create or run whose memory ends at any of its pieces says so, and leaves nothing",
  async (t, lab) => {
    const box = lab.container(Container.script("exit 0"));
    for (const command of ["create", "run"] as const) {
      let refusals = 0;
      await injectEach(lab, { call: "mmap", fault: "error=ENOMEM" }, async ({ wrapper }, nth) => {
        const { code, stderr } = await box[command]({ wrapper });
        const where = `${command}, ${nth}`;
        if (code === 0) mustSucceed(await box.delete({ flags: ["--force"] }));
        else {
          refusals += 1;
          t.match(stderr, /out of memory/, where);
          t.equal(stderr.trimEnd().split("\n").length, 1, where);
        }
        await nothingLeft(t, lab, where);
      });
      // Without statx(2) it needs one piece less.
      t.ok(refusals >= 3, `${refusals} times`);
    }
  },
  needsStrace,
  tsrunOnly("its engine takes memory otherwise"),
);

function nested(open: string, inside: string, close: string, levels: number): string {
  return `${open.repeat(levels)}${inside}${close.repeat(levels)}`;
}

behaviour(
  "a configuration nested too deep for the stack says so, however small the stack is",
  async (t, lab) => {
    const box = lab.container();
    for (const deep of [nested("[", "", "]", 5000), nested('{"a":', "1", "}", 900)]) {
      box.writeConfig(deep);
      for (const kib of [128, 256, 512, 1024, 8192, "unlimited"]) {
        const wrapper = ["sh", "-c", `ulimit -s ${kib} && exec "$@"`, "sh"];
        const { code, stderr } = await box.create({ wrapper });
        t.equal(code, 1, `${kib} KiB of stack`);
        t.match(stderr, /code=(?:E_NOMEM|E_CONFIG)[^\n]*\n$/);
        await nothingLeft(t, lab, `with ${kib} KiB of stack`);
      }
    }
  },
  tsrunOnly("its engine has other limits"),
);

behaviour(
  "a command that may not open another file leaves the container as it is",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await box.run({ flags: ["--detach"] }));
    // Three are in use, and a fourth holds the container's directory.
    const wrapper = ["prlimit", "--nofile=4"];
    const line = /cannot read the state of container ".*": cannot open "state.json": too many open files/;
    refused(t, await box.state({ wrapper }), line);
    refused(t, await box.kill("KILL", { wrapper }), line);
    refused(t, await box.delete({ wrapper, flags: ["--force"] }), line);
    const none = await box.state({ wrapper: ["prlimit", "--nofile=0"] });
    refused(t, none, /too many open files/);
    // It opens the state root first.
    refused(t, await lab.invoke(["list"], { wrapper }), /cannot open ".*\/state": too many open files/);
    t.equal((await box.stateDocument()).status, "running");
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  needsPrlimit,
  tsrunOnly("it needs more for itself"),
);

behaviour(
  "a create that may open too few files says that the limit is too low, and names nothing of its own",
  async (t, lab) => {
    const box = lab.container();
    let most = 5;
    for (; ; most++) {
      const result = await box.create({ wrapper: ["prlimit", `--nofile=${most}`] });
      if (result.code === 0) break;
      refused(
        t,
        result,
        /: too many open files".* hint="the limit of open files \(RLIMIT_NOFILE, ulimit -n\) is/,
      );
      t.notMatch(result.stderr, "/proc/self/fd", `with ${most}`);
      await nothingLeft(t, lab, `with ${most}`);
    }
    t.ok(most > 8, `${most} are enough`);
    mustSucceed(await box.delete({ flags: ["--force"] }));
  },
  needsPrlimit,
  tsrunOnly("it needs more for itself"),
);

behaviour(
  "a create whose caller may not write files, or only short ones, says so, and leaves nothing",
  async (t, lab) => {
    const box = lab.container();
    const create = (most: number) => box.create({ wrapper: ["prlimit", `--fsize=${most}`] });
    // Its error goes to a file as well, which has room for the line with the last of these.
    t.strictSame([(await create(0)).code, (await create(100)).code], [1, 1]);
    refused(t, await create(600), /: file too large"/);
    await nothingLeft(t, lab, "after create");
  },
  needsPrlimit,
  notOfCrun("is killed by SIGXFSZ"),
);

behaviour(
  "a run that is refused a file or a process anywhere says so in a line, and leaves nothing",
  async (t, lab) => {
    const box = lab.container(Container.script("exit 7"));
    for (const [call, error, atLeast] of [
      ["openat", "EMFILE", 4],
      ["read", "EIO", 4],
      ["statx", "ENOMEM", 4],
      ["clone", "EAGAIN", 1],
      ["wait4", "ECHILD", 1],
    ] as const) {
      // It would be called once, to see that it is missing.
      if (missingCalls.includes(call)) continue;
      const tried = await injectEach(lab, { call, fault: `error=${error}` }, async ({ wrapper }, nth) => {
        const { code, stderr } = await box.run({ wrapper });
        const when = `with ${error} at ${call} ${nth}`;
        t.notMatch(stderr, /E_INTERNAL|internal error/, when);
        if (code === 7) {
          // It succeeded without the memory, or ran out at the end: then a warning says so, and the container
          // must be deleted.
          mustSucceed(await box.delete({ flags: ["--force"] }));
          return;
        }
        t.equal(stderr.trimEnd().split("\n").length, 1, `${when}: ${stderr}`);
        t.match(stderr, /level=error/, when);
        await nothingLeft(t, lab, `${when}: ${stderr}`);
      });
      t.ok(tried >= atLeast, `${call} failed ${tried} times`);
    }
  },
  needsStrace,
  tsrunOnly("it leaves cgroups"),
);

behaviour(
  "a create that fails leaves nothing, even if a call fails once while it is undone",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.hooks = { createRuntime: [{ path: "/bin/false" }] };
    });
    for (const [call, error, atLeast] of [
      ["statx", "ENOMEM", 4],
      ["openat", "EMFILE", 4],
      ["unlinkat", "EIO", 4],
      ["flock", "ENOLCK", 2],
      ["getdents64", "ENOMEM", 1],
    ] as const) {
      if (missingCalls.includes(call)) continue;
      const tried = await injectEach(lab, { call, fault: `error=${error}` }, async ({ wrapper }, nth) => {
        const { code, stderr } = await box.create({ wrapper });
        t.not(code, 0);
        await nothingLeft(t, lab, `with ${error} at ${call} ${nth}: ${stderr}`);
      });
      if (isTsrun) t.ok(tried >= atLeast, `${call} failed ${tried} times`);
    }
  },
  needsStrace,
  notOfCrun("leaves the state"),
);

behaviour(
  "a run and an exec that are told of no child at all do not wait on",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    const other = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await box.run({ flags: ["--detach"] }));
    for (const words of [
      ["run", "--bundle", other.bundle, other.id],
      ["exec", box.id, "sleep", "1000"],
    ]) {
      const { wrapper } = inject(lab, "wait4", "1+", "error=ECHILD");
      const { code, stderr } = await lab.invoke(words, { wrapper, timeoutMs: 30_000 });
      t.equal(code, words[0] === "exec" ? 255 : 1);
      t.match(
        stderr,
        /^\S+ level=error msg="cannot wait for process \d+: no child processes" code=E_SYSCALL\n$/,
      );
    }
    for (const one of [box, other]) mustSucceed(await one.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete --force");
  },
  needsStrace,
  tsrunOnly("they wait with other calls"),
);

behaviour(
  "a start that is refused the first call of all says so",
  async (t, lab) => {
    const box = lab.container();
    for (const error of ["ENOMEM", "EPERM", "EINTR"] as const) {
      const { wrapper } = inject(lab, "arch_prctl", 1, `error=${error}`);
      const { code, stderr } = await box.create({ wrapper });
      t.equal(code, 1, error);
      t.match(stderr, /^level=error msg="cannot set up the memory of a thread: .*" code=E_SYSCALL\n$/, error);
    }
    await nothingLeft(t, lab, "after create");
  },
  needsStrace,
  process.arch === "x64" ? undefined : "only x86-64 has the call",
  tsrunOnly("its loader crashes"),
);

behaviour(
  "a start that cannot protect its own memory says so",
  async (t, lab) => {
    const { wrapper } = inject(lab, "mprotect", 1, "error=ENOMEM");
    const box = lab.container();
    refused(
      t,
      await box.create({ wrapper }),
      /^level=error msg="cannot make memory read-only .* code=E_NOMEM$/m,
    );
    await nothingLeft(t, lab, "after create");
  },
  needsStrace,
  tsrunOnly("what it protects, its loader does"),
);

behaviour(
  "a pid file that does not fit its disk leaves no container, and nothing beside it",
  async (t, lab) => {
    const folder = join(lab.folder, "small");
    mkdirSync(folder);
    lab.mountOnHost(["-t", "tmpfs", "-o", "size=4k", "small"], folder);
    writeFileSync(join(folder, "full"), Buffer.alloc(4096));
    const flags = ["--pid-file", join(folder, "pid")];
    const box = lab.container(Container.script("exec sleep 1000"));
    const line = /cannot write ".*": no space left on device/;
    refused(t, await box.create({ flags }), line);
    t.strictSame(readdirSync(folder), ["full"]);
    mustSucceed(await box.run({ flags: ["--detach"] }));
    refused(t, await lab.invoke(["exec", ...flags, box.id, "/bin/true"]), line, 255);
    t.strictSame(readdirSync(folder), ["full"]);
    mustSucceed(await box.delete({ flags: ["--force"] }));
  },
  tsrunOnly("it leaves a temporary file beside the pid file"),
);
