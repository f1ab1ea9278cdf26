// A damaged state.json: no command trusts it, `list` continues, and `delete --force` still ends the
// container, by its configuration and its cgroup, or leaves it and says so.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import { cgroupsPathOf, systemdDriver } from "../support/cgroup-driver.ts";
import { type Config, withoutMountNamespace } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";

const SLEEP = Container.script("exec sleep 1000");
const ours = tsrunOnly("its state.json is another one, and it refuses to delete what it cannot read");

type Json = { [key: string]: unknown };

async function running(lab: Lab): Promise<{ box: Container; file: string; record: Json }> {
  const box = lab.container(SLEEP);
  mustSucceed(await box.run({ flags: ["--detach"] }));
  const file = join(lab.stateRoot, box.id, "state.json");
  return { box, file, record: JSON.parse(readFileSync(file, "utf8")) };
}

const WRONG: readonly unknown[] = [null, true, "word", -1, 1.5, 1e300, [], ["word"], {}, { "": {} }];

function isLike(value: unknown, sample: unknown): boolean {
  if (Array.isArray(value) || Array.isArray(sample)) return Array.isArray(value) && Array.isArray(sample);
  return typeof value === typeof sample && value !== null;
}

behaviour(
  "a state.json with a member of another type is refused, whichever it is",
  async (t, lab) => {
    const { box, file, record } = await running(lab);
    const line = new RegExp(`cannot read the state of container "${box.id}": it is damaged: /[a-z_]`, "i");
    for (const [key, sample] of Object.entries(record)) {
      for (const value of WRONG.filter((value) => !isLike(value, sample))) {
        writeFileSync(file, JSON.stringify({ ...record, [key]: value }));
        const result = await box.state();
        refused(t, result, line);
        if (!t.passing()) t.comment(`${key}: ${JSON.stringify(value)}`);
      }
    }
    for (const cgroup of [{}, { driver: "v3" }, { ...(record.cgroup as Json), paths: { pids: {} } }]) {
      writeFileSync(file, JSON.stringify({ ...record, cgroup }));
      for (const command of ["pause", "ps", "events", "update", "start"])
        refused(t, await lab.invoke([command, box.id]), line);
      refused(t, await lab.invoke(["exec", box.id, "true"]), line, 255);
      refused(t, await box.kill("KILL"), line);
      refused(t, await box.delete(), line);
    }
    writeFileSync(file, JSON.stringify(record));
    t.equal((await box.stateDocument()).status, "running", "whole again, it is as before");
  },
  ours,
);

behaviour(
  "delete --force ends a running container whose state.json is damaged",
  async (t, lab) => {
    for (const text of ["", "{", "[]", "{}", '{"version":1,"cgroup":{}}', "5", "\0\0\0\0"]) {
      const { box, file } = await running(lab);
      const { pid } = await box.stateDocument();
      writeFileSync(file, text);
      const { code, stderr } = await box.delete({ flags: ["--force"] });
      t.equal(code, 0, `state.json holds ${JSON.stringify(text)}`);
      t.match(
        stderr,
        /level=warning .* it is damaged: .*; its processes were found by its cgroup, and ended/,
      );
      await nothingLeft(t, lab, `of process ${pid}`);
    }
  },
  ours,
);

behaviour(
  "delete --force of a damaged state says what is lost with it, and nothing else",
  async (t, lab) => {
    const force = async (edit: (config: Config) => void): Promise<readonly [string, string | undefined]> => {
      const box = lab.container((config) => {
        SLEEP(config);
        edit(config);
      });
      mustSucceed(await box.run({ flags: ["--detach"] }));
      writeFileSync(join(lab.stateRoot, box.id, "state.json"), "{");
      const { stderr } = mustSucceed(await box.delete({ flags: ["--force"] }));
      return [box.rootfs, /, and ended(.*)"/.exec(stderr)?.[1]];
    };
    const [, ordinary] = await force(() => {});
    t.equal(ordinary, "");
    const [root, shared] = await force((config) => {
      config.hooks = { poststop: [{ path: "/bin/true" }] };
      withoutMountNamespace(config);
      delete config.linux.maskedPaths;
      delete config.linux.readonlyPaths;
    });
    t.equal(shared, "; its poststop hooks have not run, what it mounted on the host is still there");
    execFileSync("umount", ["--recursive", root]);
    await nothingLeft(t, lab, "after that is unmounted");
  },
  ours,
);

behaviour(
  "a state.json of any size is refused soon, and delete --force ends its container",
  async (t, lab) => {
    const { box, file } = await running(lab);
    // The part that is not read does not matter: a sparse file of a terabyte.
    writeFileSync(file, "{");
    truncateSync(file, 2 ** 40);
    const line = /cannot read the state of container "[^"]*": it is damaged: larger than 8 MiB/;
    refused(t, await box.state(), line);
    t.match((await lab.invoke(["list"])).stderr, line);
    const { code, stderr } = await box.delete({ flags: ["--force"] });
    t.equal(code, 0);
    t.match(stderr, /it is damaged: larger than 8 MiB; its processes were found by its cgroup, and ended/);
    await nothingLeft(t, lab, "of it");
  },
  ours,
);

behaviour(
  "a state that could not be read again is not kept",
  async (t, lab) => {
    const box = lab.container();
    const text = JSON.stringify({ ...box.config, annotations: { key: "BYTES" } });
    const [before = "", after = ""] = text.split("BYTES");
    // Each of them is no UTF-8, and an escape of six characters in JSON that is.
    const bytes = Buffer.alloc(1_500_000, 0xff);
    writeFileSync(
      join(box.bundle, "config.json"),
      Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)]),
    );
    refused(t, await box.create(), /cannot keep the state: it is larger than 8 MiB/);
    await nothingLeft(t, lab, "of it");
  },
  ours,
);

behaviour(
  "list names a damaged container and shows the others",
  async (t, lab) => {
    const { box, file } = await running(lab);
    const other = lab.container();
    mustSucceed(await other.create());
    writeFileSync(file, '{"version":1,"id":5,"cgroup":5}');
    const { code, stdout, stderr } = await lab.invoke(["list", "-q"]);
    t.strictSame([code, stdout], [0, `${other.id}\n`]);
    t.match(stderr, `cannot list container "${box.id}": cannot read the state of container "${box.id}"`);
    t.equal(stderr.trimEnd().split("\n").length, 1);
  },
  ours,
);

behaviour(
  "a folder that a damaged state names as the cgroup is neither searched for processes nor emptied",
  async (t, lab) => {
    const { box, file, record } = await running(lab);
    const folder = join(lab.folder, "no-cgroup");
    mkdirSync(join(folder, "empty/below"), { recursive: true });
    const cgroup = record.cgroup as { readonly paths: Json; readonly created: readonly string[] };
    const paths = Object.fromEntries(Object.keys(cgroup.paths).map((key) => [key, folder]));
    writeFileSync(file, JSON.stringify({ ...record, cgroup: { ...cgroup, paths, created: [folder] } }));
    const line = /cannot list the processes of cgroup ".*no-cgroup": ".*no-cgroup" is no cgroup/;
    refused(t, await lab.invoke(["ps", box.id]), line);
    const { code, stderr } = await box.delete({ flags: ["--force"] });
    t.equal(code, 0);
    t.match(stderr, /level=warning .*no-cgroup.* is no cgroup; removing the container without that/);
    t.ok(existsSync(join(folder, "empty/below")), "the host's folders are still there");
    // Nothing tells tsrun of them any more.
    for (const path of [...cgroup.created].reverse()) rmdirSync(path);
    await nothingLeft(t, lab, "of its processes");
  },
  ours,
);

behaviour(
  "delete --force keeps a container of which nothing tells its processes",
  async (t, lab) => {
    const { box, file, record } = await running(lab);
    const config = join(lab.stateRoot, box.id, "config.json");
    const saved = readFileSync(config, "utf8");
    writeFileSync(file, "{");
    writeFileSync(config, "{");
    refused(
      t,
      await box.delete({ flags: ["--force"] }),
      /it is damaged: .*; its configuration cannot be read either/,
    );
    // Its cgroup does not exist, but one elsewhere has the same name.
    const elsewhere = systemdDriver ? `user.slice:e2e:${box.id}` : `/elsewhere/${box.id}`;
    const inCgroup = (path: string): string =>
      saved.replace(/"cgroupsPath": ?"[^"]*"/, `"cgroupsPath":"${path}"`);
    writeFileSync(config, inCgroup(elsewhere));
    const line = /it is not certain which processes are the container's; these may be: \d+.* hint=.*remove/;
    refused(t, await box.delete({ flags: ["--force"] }), line);
    // In the root cgroup no process is certainly the container's.
    if (!systemdDriver) {
      writeFileSync(config, inCgroup("/"));
      refused(t, await box.delete({ flags: ["--force"] }), /it is not certain which processes/);
    }
    writeFileSync(config, saved);
    writeFileSync(file, JSON.stringify(record));
    t.equal((await box.stateDocument()).status, "running");
  },
  ours,
);

behaviour(
  "delete --force of a directory without a configuration leaves the cgroup of that name to its owner",
  async (t, lab) => {
    const id = `${lab.mark}-other`;
    const paths = systemdDriver ? [cgroupsPathOf(id)] : [`/${id}`, `/docker-${id}.scope`];
    for (const path of paths) {
      const box = lab.container((config) => {
        SLEEP(config);
        config.linux.cgroupsPath = path;
      });
      mustSucceed(await box.run({ flags: ["--detach"] }));
      mkdirSync(join(lab.stateRoot, id));
      const force = (): ReturnType<Lab["invoke"]> => lab.invoke(["delete", "--force", id]);
      writeFileSync(join(lab.stateRoot, id, "state.json"), "{");
      refused(t, await force(), /it is not certain which processes are the container's/);
      t.equal((await box.stateDocument()).status, "running", path);
      mustSucceed(await box.delete({ flags: ["--force"] }));
      const { code, stderr } = await force();
      t.strictSame([code, stderr], [0, ""], "nobody is in it any more");
    }
    await nothingLeft(t, lab, "after both");
  },
  ours,
);

behaviour(
  "a damaged configuration is told by every command that reads it, and does not keep delete --force",
  async (t, lab) => {
    for (const damaged of ["", '{"ociVersion": "1.2.0", "hoo', undefined]) {
      const box = lab.container((config) => {
        SLEEP(config);
        config.hooks = { poststop: [{ path: "/bin/true" }] };
      });
      mustSucceed(await box.run({ flags: ["--detach"] }));
      const config = join(lab.stateRoot, box.id, "config.json");
      if (damaged === undefined) rmSync(config);
      else writeFileSync(config, damaged);
      const line =
        damaged === undefined ? /cannot open "config.json": no such file/ : /cannot use .*: invalid JSON/;
      refused(t, await lab.invoke(["exec", box.id, "/bin/true"]), line, 255);
      mustSucceed(await box.kill("KILL"));
      await box.waitForStatus("stopped");
      refused(t, await box.delete(), line);
      const forced = mustSucceed(await box.delete({ flags: ["--force"] }));
      t.match(forced.stderr, /config.json.*; its poststop hooks have not run/);
    }
    await nothingLeft(t, lab, "after delete --force");
  },
  ours,
);

/** A saved configuration with something of another type, and the command that reads that. */
const MISTYPED: readonly [damage: (config: Json) => void, told: RegExp][] = [
  [
    (config) => {
      config.process = 7;
    },
    /\/process .*: must be an object, is 7/,
  ],
  [
    (config) => {
      config.process = { ...(config.process as Json), user: "root" };
    },
    /\/process\/user .*: must be an o/,
  ],
  [
    (config) => {
      config.process = { ...(config.process as Json), env: "A=1" };
    },
    /\/process\/env .*: must be a list/,
  ],
  [
    (config) => {
      config.linux = [];
    },
    /\/linux .*: must be an object, is a list/,
  ],
  [
    (config) => {
      config.linux = { ...(config.linux as Json), namespaces: {} };
    },
    /\/linux\/namespaces .*: must be a/,
  ],
  [
    (config) => {
      config.linux = { ...(config.linux as Json), seccomp: { syscalls: 7 } };
    },
    /.*\/linux\/seccomp\/syscalls .*: must be a list/,
  ],
  [
    (config) => {
      config.hooks = "x";
    },
    /\/hooks .*: must be an object, is the string "x"/,
  ],
  [
    (config) => {
      config.mounts = {};
    },
    /\/mounts .*: must be a list, is an object/,
  ],
  [
    (config) => {
      config.mounts = [7];
    },
    /\/mounts\/0 .*: must be an object, is 7/,
  ],
  [
    (config) => {
      config.annotations = [];
    },
    /\/annotations .*: must be an object, is a list/,
  ],
];

behaviour(
  "a saved configuration of wrong types is told by what reads it, and does not keep delete --force",
  async (t, lab) => {
    for (const [damage, told] of MISTYPED) {
      const box = lab.container((config) => {
        SLEEP(config);
        config.hooks = { poststart: [{ path: "/bin/true" }], poststop: [{ path: "/bin/true" }] };
      });
      mustSucceed(await box.create());
      const file = join(lab.stateRoot, box.id, "config.json");
      const saved = readFileSync(file, "utf8");
      const config = JSON.parse(saved) as Json;
      damage(config);
      writeFileSync(file, JSON.stringify(config));
      const line = new RegExp(`cannot use "[^"]*/${box.id}/config.json": ${told.source}.* code=E_CONFIG`);
      refused(t, await box.start(), line);
      writeFileSync(file, saved);
      mustSucceed(await box.start());
      writeFileSync(file, JSON.stringify(config));
      refused(t, await lab.invoke(["exec", box.id, "/bin/true"]), line, 255);
      t.match(await lab.invoke(["list", "-q"]), { code: 0, stdout: `${box.id}\n`, stderr: "" });
      t.equal((await box.stateDocument()).status, "running");
      const forced = mustSucceed(await box.delete({ flags: ["--force"] }));
      t.match(forced.stderr, /level=warning .*config.json.*; its poststop hooks have not run/);
      if (!t.passing()) t.comment(told.source);
    }
    await nothingLeft(t, lab, "after delete --force");
  },
  ours,
);

behaviour(
  "a hook of a saved configuration that is no hook is told, and not called an internal error",
  async (t, lab) => {
    const box = lab.container((config) => {
      SLEEP(config);
      config.hooks = { poststop: [{ path: "/bin/true" }] };
    });
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const file = join(lab.stateRoot, box.id, "config.json");
    const config = JSON.parse(readFileSync(file, "utf8")) as Json;
    writeFileSync(file, JSON.stringify({ ...config, hooks: { poststop: [7] } }));
    const line = /config.json": \/hooks\/poststop\/0 .*: must be an object, is 7.* code=E_CONFIG/;
    refused(t, await box.delete({ flags: ["--force"] }), line);
    await nothingLeft(t, lab, "although its hook could not run");
  },
  ours,
);
