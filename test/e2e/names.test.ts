// Paths, links, arguments and variables are bytes to the kernel, which need not be UTF-8; here they contain
// the byte 0xff, and half of a character.

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, needsDevices, notOfCrunBefore, notOfRunc, tsrunOnly } from "../support/behaviour.ts";
import { type Config, mapIds, withoutMountNamespace } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { runProgram } from "../support/program.ts";
import type { Result } from "../support/runtime.ts";

/** A wrapper: a shell, which can write such bytes, and first runs a script with `$bytes`. */
const byShell = (script: string): string[] => {
  return ["sh", "-c", `bytes=$(printf 'b\\377c\\303'); ${script}`, "sh"];
};

/** In hexadecimal, as `od` prints the bytes and the end of the line. */
const BYTES = " 62 ff 63 c3 0a";

const dump = (what: string): string => `${what} | busybox od -An -tx1`;

/** Creates a container from a bundle whose path has such bytes. */
function createElsewhere(lab: Lab, box: Container): Promise<Result> {
  const wrapper = byShell(`mv ${box.bundle} ${box.bundle}-$bytes && cd ${box.bundle}-$bytes && exec "$@"`);
  return lab.invoke(["create", box.id], { wrapper });
}

const EDITS: { readonly [where: string]: (config: Config) => void } = {
  "": () => {},
  " of a container in a user namespace": (config) => {
    mapIds(config, 0, 65536);
    // A new sysfs needs a new network namespace, which it has; /dev/mqueue belongs to another namespace.
    config.mounts = config.mounts.filter(({ type }) => type !== "sysfs");
  },
  " of a container among the host's mounts": (config) => {
    withoutMountNamespace(config);
    config.mounts = [];
  },
};

for (const [where, edit] of Object.entries(EDITS)) {
  behaviour(
    `the bundle${where} may lie at a path of any bytes`,
    async (t, lab) => {
      const box = lab.container(Container.script("cat /data/file; echo done"));
      edit(box.config);
      box.config.mounts.push({ destination: "/data", source: "data", options: ["rbind", "ro"] });
      box.writeConfig();
      mkdirSync(join(box.bundle, "data"));
      runProgram(["sh", "-c", `echo content >${join(box.bundle, "data/file")}`]);
      const created = mustSucceed(await createElsewhere(lab, box));
      mustSucceed(await box.start());
      await box.waitForStatus("stopped");
      mustSucceed(await box.delete());
      t.equal(readFileSync(created.stdoutPath, "utf8"), "content\ndone\n");
    },
    tsrunOnly("it takes paths for UTF-8"),
    where.endsWith("the host's mounts") ? needsDevices() : undefined,
  );
}

behaviour(
  "what runs inside gets the bytes of the caller's arguments",
  async (t, lab) => {
    const box = lab.container(Container.script("sleep 1000"));
    mustSucceed(await box.create());
    mustSucceed(await box.start());
    const script = `${dump("env | grep ^X= | cut -c3-")}; ${dump('echo "$0"')}`;
    const words = `--env "X=$bytes" ${box.id} sh -c '${script}' "$bytes"`;
    const { stdout } = mustSucceed(await lab.invoke(["exec"], { wrapper: byShell(`exec "$@" ${words}`) }));
    t.equal(stdout, `${BYTES}\n${BYTES}\n`);
  },
  notOfRunc("it puts U+FFFD in their place"),
  notOfCrunBefore("1.28", "does not find the program"),
);

behaviour("a mount point may lie behind a link of any bytes", async (t, lab) => {
  const box = lab.container(
    Container.script(`${dump("cd /data/*; basename $PWD")}; cat file*; cat /data/*/file*`),
  );
  const make = 'mkdir "data/$bytes" && ln -s "$bytes" data/link && touch "data/$bytes/file$bytes"';
  mkdirSync(join(box.rootfs, "data"));
  runProgram(byShell(`cd ${box.rootfs} && ${make}`).slice(0, 3));
  const volume = join(lab.folder, "volume");
  mkdirSync(volume);
  runProgram(["sh", "-c", `echo content >${volume}/file`]);
  box.config.mounts.push({ destination: "/data/link", source: volume, options: ["bind"] });
  box.writeConfig();
  t.match(await box.live(), `${BYTES}\n`);
  t.match(box.output(), "content\n");
});

behaviour("the home of /etc/passwd goes as its bytes into HOME", async (t, lab) => {
  const box = lab.container(Container.script(dump("echo $HOME")));
  const line = `printf 'root:x:0:0::/%s:/bin/sh\\n' "$bytes" >etc/passwd`;
  runProgram(byShell(`cd ${box.rootfs} && ${line}`).slice(0, 3));
  t.equal(await box.live(), ` 2f${BYTES}\n`);
});
