// Descriptors that the caller passes to the container: LISTEN_FDS (sd_listen_fds(3)) and --preserve-fds,
// alone and together, for run, create with start, and exec.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, notOfCrun, refused } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { isTsrun } from "../support/runtime.ts";

const SHOW = [
  'echo "fds=$LISTEN_FDS pid=$LISTEN_PID"',
  "for fd in 3 4 5 6; do [ -e /proc/self/fd/$fd ] && printf '%s: ' $fd && cat <&$fd; done; true",
].join("; ");

/** Calls the runtime with descriptors from 3 on, each of a file with its number in it, and LISTEN_FDS. */
function caller(lab: Lab, { open, listen }: { open: number; listen?: number }): readonly string[] {
  const redirections = Array.from({ length: open }, (_, index) => {
    const file = join(lab.folder, `file-${3 + index}`);
    writeFileSync(file, `this is ${3 + index}\n`);
    return `${3 + index}<${file}`;
  });
  const variables = listen === undefined ? "" : `export LISTEN_FDS=${listen} LISTEN_PID=$$;`;
  const redirect = redirections.length === 0 ? "" : `exec ${redirections.join(" ")};`;
  return ["sh", "-c", `${variables} ${redirect} exec "$@"`, "sh"];
}

const numbers = (...of: number[]) => of.map((fd) => `${fd}: this is ${fd}\n`).join("");

behaviour(
  "descriptors of socket activation reach the container, with their variables",
  async (t, lab) => {
    const wrapper = caller(lab, { open: 2, listen: 2 });
    const expected = `fds=2 pid=1\n${numbers(3, 4)}`;
    t.equal((await lab.container(Container.script(SHOW)).run({ wrapper })).stdout, expected, "run");
    const box = lab.container(Container.script(SHOW));
    mustSucceed(await box.create({ wrapper }));
    mustSucceed(await box.start());
    await box.waitForStatus("stopped");
    t.equal(box.output(), expected, "create and start");
  },
  notOfCrun("it does not set LISTEN_FDS"),
);

behaviour(
  "--preserve-fds counts from where those of socket activation end",
  async (t, lab) => {
    const wrapper = caller(lab, { open: 4, listen: 1 });
    const flags = ["--preserve-fds", "2"];
    const result = await lab.container(Container.script(SHOW)).run({ wrapper, flags });
    t.equal(result.stdout, `fds=1 pid=1\n${numbers(3, 4, 5)}`, "and the fourth is not passed on");
  },
  notOfCrun("it does not set LISTEN_FDS"),
);

behaviour("without LISTEN_FDS nothing but what is preserved is passed on", async (t, lab) => {
  const wrapper = caller(lab, { open: 3 });
  const box = () => lab.container(Container.script(SHOW));
  t.equal((await box().run({ wrapper })).stdout, "fds= pid=\n");
  t.equal((await box().run({ wrapper, flags: ["--preserve-fds=2"] })).stdout, `fds= pid=\n${numbers(3, 4)}`);
});

behaviour(
  "variables for another process are not ours to follow, and do not reach the container",
  async (t, lab) => {
    const [shell = "", flag = "", script = "", name = ""] = caller(lab, { open: 2 });
    const wrapper = [shell, flag, `export LISTEN_FDS=2 LISTEN_PID=1; ${script}`, name];
    t.equal((await lab.container(Container.script(SHOW)).run({ wrapper })).stdout, "fds= pid=\n");
  },
  notOfCrun("it follows them"),
);

behaviour(
  "exec passes on what is preserved, and leaves socket activation to the first process",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const exec = (flags: readonly string[], wrapper: readonly string[]) =>
      lab.invoke(["exec", ...flags, box.id, "sh", "-c", SHOW], { wrapper });
    const preserved = await exec(["--preserve-fds", "2"], caller(lab, { open: 3 }));
    t.equal(preserved.stdout, `fds= pid=\n${numbers(3, 4)}`);
    const listening = await exec([], caller(lab, { open: 2, listen: 2 }));
    t.equal(listening.stdout, "fds= pid=\n");
  },
  notOfCrun("its exec follows them as well"),
);

behaviour(
  "a descriptor that is not open is refused",
  async (t, lab) => {
    const box = lab.container(Container.script(SHOW));
    // Far more than the runtime itself has open.
    const flags = ["--preserve-fds", "500"];
    const words = /unable to stat preserved-fd \d+ \(of 500\)/;
    refused(t, await box.run({ flags }), words);
    refused(t, await box.create({ flags }), words);
    const listen = await box.create({ wrapper: caller(lab, { open: 1, listen: 500 }) });
    if (isTsrun) refused(t, listen, /unable to stat listen-fd \d+ \(of 500\)/);
    // runc 1.3 leaves the state directory when it refuses LISTEN_FDS.
    if (isTsrun) await nothingLeft(t, lab, "after the refusals");
    const running = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await running.run({ flags: ["--detach"] }));
    refused(t, await lab.invoke(["exec", ...flags, running.id, "true"]), words, 255);
  },
  notOfCrun("it starts without it"),
);
