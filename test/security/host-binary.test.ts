// CVE-2019-5736: a container could overwrite the runtime's executable through /proc/PID/exe of a process that
// still runs it. With tsrun that file is a sealed memory file of 500 bytes.

import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attack, MANY_CAPABILITIES } from "../support/attack.ts";
import { tsrunOnly } from "../support/behaviour.ts";
import type { Config } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { isTsrun, runtimePath } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

const CVE = "CVE-2019-5736";

function trusted(config: Config): void {
  const [bounding, effective, permitted] = [MANY_CAPABILITIES, MANY_CAPABILITIES, MANY_CAPABILITIES];
  config.process.capabilities = { bounding, effective, permitted };
}

function sleeper(lab: Lab, edit: (config: Config) => void = () => {}): Container {
  return lab.container((config) => {
    Container.script("exec sleep 1000")(config);
    edit(config);
  });
}

/** The classic attack: a process that executes this executes itself. */
function replaceShell(box: Container): void {
  const path = join(box.rootfs, "bin/sh");
  rmSync(path);
  writeFileSync(path, "#!/proc/self/exe\n", { mode: 0o755 });
}

attack(CVE, "/bin/sh that is `#!/proc/self/exe` never becomes the runtime", async (t, lab) => {
  const box = sleeper(lab, trusted);
  mustSucceed(await box.run({ flags: ["--detach"] }));
  replaceShell(box);
  for (const args of [["/bin/sh"], ["/bin/sh", "--version"], ["/bin/sh", "features"]]) {
    const result = await lab.invoke(["exec", box.id, ...args]);
    t.not(result.code, 0, "it is no program");
    t.notMatch(result.stdout, /ociVersion|version \d/, "the runtime did not run");
  }
  const other = lab.container((config) => {
    trusted(config);
    config.process.args = ["/bin/sh", "features"];
  });
  replaceShell(other);
  const run = await other.run();
  t.not(run.code, 0);
  t.equal(run.stdout, "");
});

attack(
  CVE,
  "what a created container shows at /proc/1/exe is no file of the host, and cannot be written",
  async (t, lab) => {
    const box = sleeper(lab, trusted);
    mustSucceed(await box.create());
    const probe = `readlink /proc/1/exe; cat /proc/1/exe >/tmp/copy
      for how in '>' '>>' '<>'; do
        sh -c "echo evil 1$how/proc/1/exe" 2>/dev/null && echo written
      done; true`;
    const { stdout } = mustSucceed(await lab.invoke(["exec", box.id, "sh", "-c", probe]));
    t.equal(stdout, "/memfd:tsrun-init (deleted)\n");
    t.ok(statSync(join(box.rootfs, "tmp/copy")).size < 4096, "a page, not the runtime");
    mustSucceed(await box.start());
    t.equal((await box.stateDocument()).status, "running", "it works all the same");
  },
  tsrunOnly("it has a whole copy of itself there"),
);

attack(
  CVE,
  "without CAP_SYS_PTRACE a created container's first process shows nothing",
  async (t, lab) => {
    const box = sleeper(lab);
    mustSucceed(await box.create());
    const probe = "for name in exe cwd root fd/0 fd/3; do readlink /proc/1/$name && echo seen; done; true";
    const { stdout } = mustSucceed(await lab.invoke(["exec", box.id, "sh", "-c", probe]));
    t.equal(stdout, "");
  },
  tsrunOnly("its waiting process shows its root and its working directory"),
);

const PIECES = 200;
const PIECE_SIZE = 64;

/**
 * Offsets of pieces of the runtime's executable that are also in a copied file. Those that the container's
 * own program has too, as compilers make them, prove nothing: a process that has just become it may be
 * copied.
 */
function sharedPieces(copies: string, runtime: string, own: string): number[] {
  if (!existsSync(copies)) return [];
  const [copied, whole, program] = [readFileSync(copies), readFileSync(runtime), readFileSync(own)];
  const places = Array.from({ length: PIECES }, (_, index) => Math.floor((whole.length * index) / PIECES));
  return places.filter((at) => {
    const piece = whole.subarray(at, at + PIECE_SIZE);
    // Zeros and the beginning of an ELF header prove nothing.
    const isTelling = at > 0 && new Set(piece).size > PIECE_SIZE / 4 && !program.includes(piece);
    return isTelling && copied.includes(piece);
  });
}

/**
 * Examines the executables of all processes, and copies and overwrites those that are not the container's.
 */
const WATCHER = `while :; do for p in /proc/[0-9]*; do
  link=$(readlink $p/exe) && case $link in */busybox) ;; *)
    echo "$link" >>/tmp/links; cat $p/exe >>/tmp/copies; echo evil >$p/exe && echo "$link" >>/tmp/written
  esac; done; [ -e /tmp/up ] || echo up >/tmp/up; done 2>/dev/null`;

attack(CVE, "a process that watches execs arrive finds no file of the host", async (t, lab) => {
  const box = lab.container((config) => {
    trusted(config);
    Container.script(WATCHER)(config);
  });
  mustSucceed(await box.run({ flags: ["--detach"] }));
  const size = (name: string): number =>
    statSync(join(box.rootfs, "tmp", name), { throwIfNoEntry: false })?.size ?? 0;
  await until("the watcher", () => size("up") > 0);
  for (let round = 0; round < 20; round += 1) mustSucceed(await lab.invoke(["exec", box.id, "true"]));
  mustSucceed(await box.kill("KILL"));
  await box.waitForStatus("stopped");
  t.equal(size("written"), 0, "nothing was written");
  // runc's process there runs a copy of all of runc.
  const [copies, busybox] = [join(box.rootfs, "tmp/copies"), join(box.rootfs, "bin/busybox")];
  if (isTsrun) t.same(sharedPieces(copies, runtimePath, busybox), [], "nothing of it was copied");
});

attack(
  CVE,
  "a /proc that the container has forged does not mislead exec",
  async (t, lab, outside) => {
    const box = sleeper(lab, trusted);
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const forge = `mount -t tmpfs forged /proc
    mkdir -p /proc/self/attr /proc/self/fd /proc/1/ns /proc/thread-self/attr
    ln -s ${outside.file} /proc/self/exe; ln -s ${outside.file} /proc/self/attr/exec
    ln -s ${outside.file} /proc/thread-self/attr/exec; ln -s ${outside.file} /proc/self/oom_score_adj
    ln -s ${outside.folder} /proc/self/ns; echo forged >/proc/self/setgroups; echo 0 >/proc/self/loginuid`;
    mustSucceed(await lab.invoke(["exec", box.id, "sh", "-c", forge]));
    const seen = mustSucceed(await lab.invoke(["exec", box.id, "cat", "/proc/self/setgroups"]));
    t.equal(seen.stdout, "forged\n", "the forgery is in place");
    const processFile = join(lab.folder, "process.json");
    const process = { ...box.config.process, args: ["sh", "-c", "id -u; echo ran"], oomScoreAdj: 321 };
    writeFileSync(
      processFile,
      JSON.stringify({ ...process, user: { uid: 1000, gid: 1000, additionalGids: [5] } }),
    );
    const result = await lab.invoke(["exec", "--process", processFile, box.id]);
    t.strictSame([result.code, result.stdout], [0, "1000\nran\n"]);
  },
  tsrunOnly("it refuses to execute there"),
);
