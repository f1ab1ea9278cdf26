// Keys in another case, and repeated keys: read as Go's encoding/json reads them, with a warning.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { KEYS } from "../../src/spec/generated/keys.ts";
import { behaviour, needsController, nothingLeft, notOfCrun, tsrunOnly } from "../support/behaviour.ts";
import { readCgroup } from "../support/cgroup.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";

const EXACT = notOfCrun("knows keys only as the specification writes them");
const NO_VALIDATE = tsrunOnly("has no validate");

/** The configuration with these keys spelt differently, wherever they are. */
function respelt(box: Container, keys: Readonly<Record<string, string>>): string {
  let text = JSON.stringify(box.config, null, 2);
  for (const [key, written] of Object.entries(keys)) text = text.replaceAll(`"${key}":`, `"${written}":`);
  return text;
}

const ODD = {
  hostname: "Hostname",
  process: "PROCESS",
  args: "Args",
  env: "eNV",
  namespaces: "Name\\u017fpaces",
};

behaviour(
  "a configuration with keys in another case is run as it was meant",
  async (t, lab) => {
    const box = lab.container(Container.script('echo "$(hostname) $WORD"'));
    box.config.process.env = [...(box.config.process.env ?? []), "WORD=x"];
    box.config.hostname = "odd";
    box.writeConfig(respelt(box, ODD));
    const { code, stdout } = await box.run();
    t.strictSame([code, stdout.trim()], [0, "odd x"]);
    await nothingLeft(t, lab, "after it");
  },
  EXACT,
);

behaviour("annotations keep their keys, in whatever case", async (t, lab) => {
  const box = lab.container();
  box.config.annotations = { Type: "a", type: "b", "org.Example": "c" };
  box.writeConfig(respelt(box, { hostname: "Hostname" }));
  mustSucceed(await box.create());
  t.strictSame((await box.stateDocument()).annotations, { Type: "a", type: "b", "org.Example": "c" });
});

behaviour(
  "what is there more than once is merged, and the last counts",
  async (t, lab) => {
    const box = lab.container(Container.script('echo "$(hostname) $(id -u) $(pwd)"'));
    const text = JSON.stringify(box.config);
    const more = '"hostname": "first", "Process": {"user": {"uid": 7}, "cwd": "/tmp"}, "HOSTNAME": "last"';
    box.writeConfig(text.replace(/"hostname":"[^"]*"/, '"ociVersion":"1.0.2"').replace(/\}$/, `, ${more}}`));
    const { code, stdout } = await box.run();
    t.strictSame([code, stdout.trim()], [0, "last 7 /tmp"]);
  },
  EXACT,
);

behaviour(
  "create says which keys are not as in the specification, and keeps the configuration as it should be",
  async (t, lab) => {
    const box = lab.container(Container.script("sleep 1000"));
    box.writeConfig(respelt(box, { hostname: "Hostname", cwd: "CWD" }));
    const { code, stderr } = await box.create();
    t.equal(code, 0);
    const lines = stderr.replaceAll('\\"', '"').trimEnd().split("\n");
    t.equal(lines.length, 2);
    t.match(lines[0], /level=warning msg="\/process\/cwd: field "cwd" is written "CWD"; runc takes it too/);
    t.match(lines[1], /level=warning msg="\/hostname: field "hostname" is written "Hostname"; /);
    mustSucceed(await box.start());
    t.equal((await lab.invoke(["exec", box.id, "hostname"])).stdout.trim(), box.config.hostname);
  },
  tsrunOnly("tells nothing of it"),
);

behaviour(
  "a process file with keys in another case is taken",
  async (t, lab) => {
    const box = lab.container(Container.script("sleep 1000"));
    mustSucceed(await box.create());
    mustSucceed(await box.start());
    const file = join(lab.folder, "process.json");
    writeFileSync(
      file,
      '{"CWD": "/tmp", "Args": ["/bin/sh", "-c", "pwd; id -u"], "USER": {"UID": 5, "gid": 5}}',
    );
    const { code, stdout } = await lab.invoke(["exec", "--process", file, box.id]);
    t.strictSame([code, stdout], [0, "/tmp\n5\n"]);
  },
  EXACT,
);

behaviour(
  "resources with keys in another case are updated",
  async (t, lab) => {
    const box = lab.container(Container.script("sleep 1000"));
    mustSucceed(await box.create());
    const file = join(lab.folder, "resources.json");
    writeFileSync(file, '{"Pids": {"LIMIT": 77}}');
    mustSucceed(await lab.invoke(["update", "--resources", file, box.id]));
    t.equal(readCgroup("pids", box.id, "pids.max"), "77");
  },
  needsController("pids"),
  EXACT,
);

/** For each structure, the text before and after an object of it, in the smallest document that has one. */
function places(): Map<string, readonly [string, string]> {
  const found = new Map([["Spec", ["", ""] as readonly [string, string]]]);
  for (const [type, [before, after]] of found) {
    for (const [key, walk] of Object.entries(KEYS[type] ?? {})) {
      const [, inner = "", marks = ""] = /^(\w*)(.*)$/.exec(walk) ?? [];
      const [open, close] = { "": ["", ""], "[]": ["[", "]"], "{}": ['{"x":', "}"] }[marks] ?? ["", ""];
      if (KEYS[inner] === undefined || found.has(inner)) continue;
      found.set(inner, [`${before}{"${key}":${open}`, `${close}}${after}`]);
    }
  }
  return found;
}

async function warningsOf(lab: Lab, text: string): Promise<string[]> {
  const file = join(lab.folder, "odd.json");
  writeFileSync(file, text);
  const { stdout } = await lab.invoke(["validate", "--json", "--config", file]);
  const { warnings } = JSON.parse(stdout) as { warnings: readonly { pointer: string; reason: string }[] };
  return warnings.map(({ pointer, reason }) => `${pointer.slice(pointer.lastIndexOf("/") + 1)}: ${reason}`);
}

behaviour(
  "each key of each structure is known in another case, and when it is there twice",
  async (t, lab) => {
    for (const [type, [before, after]] of places()) {
      for (const key of Object.keys(KEYS[type] ?? {})) {
        const odd = key.replace(/[a-z]/, (letter) => letter.toUpperCase());
        t.strictSame(
          await warningsOf(lab, `${before}{"${odd}":null}${after}`),
          [`${key}: field "${key}" is written "${odd}"; runc takes it too, others may ignore it`],
          `${type}.${odd}`,
        );
      }
    }
    t.strictSame(await warningsOf(lab, '{"root":1,"root":null}'), [
      'root: field "root" is given more than once; the last counts',
    ]);
    const free = '{"annotations":{"Root":"1","PATH":"2","\\u017fource":"3","x":"4","x":"5"}}';
    t.strictSame(await warningsOf(lab, free), []);
  },
  NO_VALIDATE,
);
