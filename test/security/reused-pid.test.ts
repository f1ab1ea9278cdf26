// A process id that is reused between the moment when tsrun reads a container's state and the moment when it
// joins the container.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { attack } from "../support/attack.ts";
import { nothingLeft, notOfCrun, refused, tsrunOnly } from "../support/behaviour.ts";
import { driverFlags } from "../support/cgroup-driver.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { needsProgram, runProgram } from "../support/program.ts";
import { runtimePath } from "../support/runtime.ts";

/**
 * In a new pid namespace, where no other process takes ids and the shell waits for orphans. The saved
 * configuration becomes a FIFO: when `exec` has opened it, it has read the container's state. Then the first
 * process ends, and a process of the host gets its id.
 */
const SCENE = `
bundle=$1 id=$2 state=$3; shift 3
"$@" run --detach --bundle $bundle --pid-file $bundle/pid $id </dev/null >/dev/null 2>&1 || exit 1
init=$(cat $bundle/pid)
mv $state/config.json $bundle/saved
mkfifo $state/config.json
"$@" exec $id sh -c 'echo ran' </dev/null >$bundle/out 2>$bundle/err &
exec=$!
exec 9>$state/config.json
kill -KILL $init
while [ -e /proc/$init ]; do /bin/true; done
echo $((init - 1)) >/proc/sys/kernel/ns_last_pid
sleep 1000 9>&- &
stranger=$!
cat $bundle/saved >&9
exec 9>&-
wait $exec
echo "$? $((stranger - init))"
kill -KILL $stranger
`;

attack(
  "reused process id",
  "exec does not join the namespaces of whoever has the first process' id by then",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    const unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", SCENE, "sh"];
    const scene = [box.bundle, box.id, join(lab.stateRoot, box.id)];
    const runtime = [runtimePath, "--root", lab.stateRoot, ...driverFlags];
    const { stdout, stderr } = runProgram([...unshare, ...scene, ...runtime]);
    const [said, error] = ["out", "err"].map((name) => readFileSync(join(box.bundle, name), "utf8"));
    t.equal(stdout, "255 0\n", `it failed, and the stranger had the id: ${stderr}`);
    t.equal(said, "", "nothing ran");
    t.match(error, /cannot exec in a stopped container/);
    t.equal(error?.trimEnd().split("\n").length, 1, "one line");
  },
  needsProgram("unshare", "util-linux"),
  tsrunOnly("it joins the namespaces of whoever has the id, and keeps its state in one file"),
);

attack(
  "reused process id",
  "where /proc is another pid namespace's, create takes no process there for its own",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    const stranger = spawn("sleep", ["1000"], { stdio: "ignore" });
    t.teardown(() => stranger.kill("SIGKILL"));
    const { pid = 0 } = stranger;
    // The first process could get the number that the stranger has in /proc.
    const script = `echo ${pid - 1} >/proc/sys/kernel/ns_last_pid && exec "$@"`;
    const wrapper = ["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", script, "sh"];
    refused(t, await box.create({ wrapper }), /cannot use \/proc: tsrun, process 1, is process \d+ there/);
    await nothingLeft(t, lab, "after the refusal");
    t.equal(stranger.exitCode ?? stranger.signalCode, null, "it lives");
  },
  needsProgram("unshare", "util-linux"),
  tsrunOnly("crun kills that process later; runc fails too, for a descriptor that it does not find"),
);

/**
 * In a new pid namespace with the host's /proc, where a stranger gets the number that the container's first
 * process has on the host.
 */
const OTHERS_PROC = `
pid=$1 out=$2; shift 2
echo $((pid - 1)) >/proc/sys/kernel/ns_last_pid
sleep 1000 </dev/null >/dev/null 2>&1 &
stranger=$!
"$@"
status=$?
kill -TERM $stranger 2>/dev/null
wait $stranger 2>/dev/null
echo "$((stranger - pid)) $?" >$out
exit $status
`;

for (const [command, ...words] of [["kill", "KILL"], ["delete"], ["delete", "--force"]] as const) {
  attack(
    "reused process id",
    `where /proc is another pid namespace's, ${[command, ...words].join(" ")} signals no other process`,
    async (t, lab) => {
      const box = lab.container(Container.script("exec sleep 1000"));
      mustSucceed(await box.run({ flags: ["--detach"] }));
      const { pid } = await box.waitForProgram("sleep");
      const out = join(lab.folder, "out");
      const scene = ["sh", "-c", OTHERS_PROC, "sh", `${pid}`, out];
      const wrapper = ["unshare", "--pid", "--fork", "--kill-child", ...scene];
      const args = command === "kill" ? [box.id, ...words] : [...words, box.id];
      const result = await lab.invoke([command, ...args], { wrapper });
      t.equal(readFileSync(out, "utf8"), "0 143\n", "a stranger had that number, and lived");
      t.equal((await box.stateDocument()).status, "running", "and the container runs on");
      refused(t, result, command === "delete" && words.length === 0 ? /not stopped/ : /cannot use \/proc/);
    },
    needsProgram("unshare", "util-linux"),
    tsrunOnly("runc takes the container for stopped, and leaves it and the stranger alone"),
  );
}

attack(
  "reused process id",
  "a container of another pid namespace looks stopped, and delete --force does not forget it",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await box.run({ flags: ["--detach"] }));
    await box.waitForProgram("sleep");
    const wrapper = ["unshare", "--pid", "--fork", "--mount-proc"];
    const result = await lab.invoke(["delete", "--force", box.id], { wrapper });
    refused(t, result, /cannot delete the container: its cgroup has .*process.* that do not exist in/);
    t.equal((await box.stateDocument()).status, "running");
  },
  needsProgram("unshare", "util-linux"),
  notOfCrun("it forgets it"),
);
