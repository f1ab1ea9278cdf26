// Bad input: each gets one clear line, exit status 1 and leaves nothing behind. runc's texts differ in
// places, so on runc only the status and the absence of leftovers are checked.

import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import {
  behaviour,
  type Condition,
  nothingLeft,
  notOfCrun,
  notOfCrunBefore,
  refused,
  tsrunOnly,
} from "../support/behaviour.ts";
import { type Config, mapIds } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { isTsrun } from "../support/runtime.ts";
import { asUser } from "../support/user.ts";

/** Checks that `create` and `run` refuse it with the same text. */
async function refusedByBoth(t: Test, lab: Lab, box: Container, line: RegExp): Promise<void> {
  for (const command of ["create", "run"]) {
    const pidFile = join(lab.folder, `${command}.pid`);
    refused(t, await lab.invoke([command, "--bundle", box.bundle, "--pid-file", pidFile, box.id]), line);
    t.throws(() => readFileSync(pidFile), { code: "ENOENT" }, "no pid file");
    await nothingLeft(t, lab, `after ${command}`);
  }
}

function refusedConfig(
  sentence: string,
  line: RegExp,
  edit: (config: Config) => void,
  ...conditions: (string | undefined)[]
): void {
  behaviour(sentence, (t, lab) => refusedByBoth(t, lab, lab.container(edit), line), ...conditions);
}

/** Configurations that the types of the tests cannot express. */
function refusedText(
  sentence: string,
  line: RegExp,
  change: (text: string) => string,
  ...conditions: (string | undefined)[]
): void {
  behaviour(
    sentence,
    async (t, lab) => {
      const box = lab.container();
      const text = JSON.stringify(box.config, null, 2);
      const changed = change(text);
      t.not(changed, text, "the case changes something");
      box.writeConfig(changed);
      await refusedByBoth(t, lab, box, line);
    },
    ...conditions,
  );
}

behaviour("a bundle that does not exist is refused", async (t, lab) => {
  const result = await lab.invoke(["create", "--bundle", "/no/such/bundle", lab.mark]);
  refused(t, result, /"\/no\/such\/bundle"/);
  await nothingLeft(t, lab, "after the refusal");
});

behaviour("a bundle without config.json is refused", async (t, lab) => {
  const box = lab.container();
  rmSync(join(box.bundle, "config.json"));
  await refusedByBoth(t, lab, box, /JSON specification file config\.json not found/);
});

behaviour("a bundle that is a file is refused", async (t, lab) => {
  const path = join(lab.folder, "file");
  writeFileSync(path, "");
  refused(t, await lab.invoke(["create", "--bundle", path, lab.mark]), /not a directory/);
  await nothingLeft(t, lab, "after the refusal");
});

behaviour("a config.json that is a directory is refused", async (t, lab) => {
  const box = lab.container();
  rmSync(join(box.bundle, "config.json"));
  mkdirSync(join(box.bundle, "config.json"));
  await refusedByBoth(t, lab, box, /config\.json.*is a directory/);
});

refusedText(
  "text that is not JSON is refused with its line and column",
  /config\.json.* line 3 column 3: /,
  () => '{\n  "ociVersion": "1.0.2",\n  oops\n}\n',
);
refusedText("an empty config.json is refused", /config\.json/, () => "");
refusedText("JSON that ends early is refused", /config\.json.* line \d+ column \d+: /, (text) =>
  text.slice(0, text.length / 2),
);
refusedText(
  "JSON nested a hundred thousand times is refused with its place",
  /config\.json.* line 1 column \d+: /,
  () => `{"ociVersion":"1.0.2","annotations":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
);
const NOT_JSON: readonly (readonly [string, string, Condition?])[] = [
  ["escapes of JavaScript", String.raw`"a\x41"`],
  ["an escape of nothing", String.raw`"CAP\SETUID"`],
  ["a line that goes on behind a backslash", '"a\\\n"'],
  ["a number without digits behind the point", "1.", notOfCrun("it takes it")],
  ["a negative number that begins with 0", "-01", notOfCrun("it takes it")],
  [
    "lists two thousand deep",
    `${"[".repeat(2000)}${"]".repeat(2000)}`,
    tsrunOnly("it goes as deep as 10000"),
  ],
];
for (const [what, extra, condition] of NOT_JSON) {
  refusedText(
    `what JavaScript takes for JSON is refused: ${what}`,
    /config\.json.* line 1 column \d+: /,
    (text) => `{"extra":${extra},${text.slice(1)}`,
    condition,
  );
}
refusedText(
  "one list more than may be inside each other is refused with its place",
  /config\.json.* line 1 column \d+: expected at most 1000 lists and objects inside each other/,
  (text) => `{"extra":${"[".repeat(1000)}${"]".repeat(1000)},${text.slice(1)}`,
  tsrunOnly("it goes as deep as 10000"),
);
behaviour(
  "as many lists as may be inside each other are read",
  async (t, lab) => {
    const box = lab.container(Container.script("echo read"));
    box.writeConfig(`{"extra":${"[".repeat(999)}${"]".repeat(999)},${JSON.stringify(box.config).slice(1)}`);
    t.equal(await box.live(), "read\n");
  },
  notOfCrun("it goes as deep as 31"),
);
refusedText("a list instead of an object is refused", /config\.json/, () => "[]");
refusedText(
  "a wrong type is refused with its place",
  /\/process\/args/,
  (text) => text.replace(/"args": \[[^\]]*\]/, '"args": "sh"'),
  notOfCrun("it takes a text for an empty list"),
);
refusedText(
  "a number that is a text is refused with its place",
  /\/process\/user\/uid/,
  (text) => text.replace('"uid": 0', '"uid": "0"'),
  notOfCrun("it takes it for the number"),
);
refusedText("a negative id is refused with its place", /\/process\/user\/uid/, (text) =>
  text.replace('"uid": 0', '"uid": -1'),
);
refusedText(
  "a missing ociVersion is refused",
  /ociVersion/,
  (text) => text.replace(/"ociVersion": "[^"]*",/, ""),
  tsrunOnly("it does not ask for it"),
);
refusedText("a missing root is refused", /root/, (text) => text.replace(/"root": \{[^}]*\},/, ""));
refusedText(
  "every fault is named at once",
  /\/process\/args.*\/process\/cwd|\/process\/cwd.*\/process\/args/s,
  (text) => text.replace(/"args": \[[^\]]*\]/, '"args": "sh"').replace('"cwd": "/"', '"cwd": 7'),
);
refusedText("a misspelt word is refused with the nearest valid one", /mount/, (text) =>
  text.replace('"type": "mount"', '"type": "muont"'),
);

refusedConfig("a process without arguments is refused", /args must not be empty/, (config) => {
  config.process.args = [];
});
refusedConfig("an empty working directory is refused", /Cwd property must not be empty/, (config) => {
  config.process.cwd = "";
});
refusedConfig(
  "a relative working directory is refused",
  /Cwd must be an absolute path/,
  (config) => {
    config.process.cwd = "tmp";
  },
  notOfCrun("it takes one"),
);
refusedConfig("a root that does not exist is refused", /nowhere/, (config) => {
  config.root.path = "nowhere";
});
behaviour("a terminal without a console socket is refused by create", async (t, lab) => {
  const box = lab.container((config) => {
    config.process.terminal = true;
  });
  refused(t, await box.create(), /cannot allocate tty if runc will detach without setting console socket/);
  await nothingLeft(t, lab, "after the refusal");
});
behaviour(
  "an unknown capability is left out, with one line that names it",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.process.args = ["true"];
      config.process.capabilities = { bounding: ["CAP_SYS_ADMN"] };
    });
    const created = await box.create();
    t.equal(created.code, 0);
    t.match(created.stderr.trimEnd(), /CAP_SYS_ADMN/);
    t.equal(created.stderr.trimEnd().split("\n").length, 1);
  },
  notOfCrun("it says nothing of it"),
);
refusedConfig(
  "a namespace listed twice is refused",
  /duplicate|twice/i,
  (config) => config.linux.namespaces.push({ type: "pid" }),
  notOfCrunBefore("1.28", "takes it"),
);
refusedConfig("a namespace of an unknown type is refused", /nosuch/, (config) => {
  config.linux.namespaces.push({ type: "nosuch" });
});
refusedConfig(
  "a user namespace without id maps is refused",
  /uidMappings|mapping/i,
  (config) => config.linux.namespaces.push({ type: "user" }),
  notOfCrun("it chooses the maps itself"),
);
refusedConfig("overlapping id maps are refused", /map|Mapping|Invalid argument|EINVAL/i, (config) => {
  mapIds(config, 100_000, 10);
  config.linux.uidMappings?.push({ containerID: 5, hostID: 200_000, size: 10 });
});
refusedConfig("a host name without a namespace to hold it is refused", /hostname|uts/i, (config) => {
  config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "uts");
});
refusedConfig("an unknown resource limit is refused by its name", /RLIMIT_NO_SUCH/, (config) => {
  config.process.rlimits = [{ type: "RLIMIT_NO_SUCH", soft: 1, hard: 1 }];
});
refusedConfig(
  "an environment entry without an equals sign is refused",
  /\/process\/env\/1 /,
  (config) => {
    config.process.env = ["PATH=/bin", "NO_EQUALS_SIGN"];
  },
  tsrunOnly("the refusal came with 1.3"),
);
refusedConfig(
  "a user id that the kernel cannot hold is refused",
  /uid|4294967295/i,
  (config) => {
    config.process.user = { uid: 4_294_967_295, gid: 0 };
  },
  notOfCrun("it leaves root what it is"),
);

refusedConfig(
  "a program that is in no directory of PATH is refused by create",
  /exec: "nosuch": executable file not found in \$PATH/,
  (config) => {
    config.process.args = ["nosuch"];
  },
);
refusedConfig(
  "a program that does not exist is refused by create",
  /exec: "\/no\/such": stat \/no\/such: no such file or directory/,
  (config) => {
    config.process.args = ["/no/such"];
  },
);
refusedConfig(
  "a directory as the program is refused by create",
  /exec: "\/etc": is a directory/,
  (config) => {
    config.process.args = ["/etc"];
  },
);
refusedConfig(
  "a file without execute permission is refused by create",
  /exec: "\/etc\/passwd": permission denied/,
  (config) => {
    config.process.args = ["/etc/passwd"];
  },
);

behaviour(
  "a program for another machine is refused by start, and nothing is left after delete",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.process.args = ["/bin/foreign"];
    });
    const path = join(box.rootfs, "bin/foreign");
    copyFileSync(join(box.rootfs, "bin/busybox"), path);
    const program = readFileSync(path);
    const EM_VAX = 75;
    program.writeUInt16LE(EM_VAX, 18);
    writeFileSync(path, program);
    chmodSync(path, 0o755);
    mustSucceed(await box.create());
    const started = await box.start();
    // runc's start has returned by then: its process reports on the container's own stderr.
    if (isTsrun) refused(t, started, /exec format error/i);
    await box.waitForStatus("stopped");
    if (!isTsrun) t.match(box.errorOutput(), /exec format error/i);
    mustSucceed(await box.delete());
    await nothingLeft(t, lab, "after delete");
    const run = await box.run();
    t.not(run.code, 0);
    await nothingLeft(t, lab, "after run");
  },
);

behaviour(
  "ids that could leave the state root, or that are too strange, are refused by every command",
  async (t, lab) => {
    const box = lab.container();
    const long = "x".repeat(2_000);
    for (const id of [
      "../x",
      "..",
      ".",
      "a/b",
      "/abs",
      "with space",
      "new\nline",
      "ünï",
      "semi;colon",
      "a*b",
      long,
    ]) {
      const name = JSON.stringify(id.slice(0, 20));
      const line = id === long ? /invalid container ID format|name too long/i : /invalid container ID format/;
      refused(t, await lab.invoke(["create", "--bundle", box.bundle, id]), line);
      refused(t, await lab.invoke(["run", "--bundle", box.bundle, id]), line);
      for (const command of ["start", "state", "delete"]) {
        t.equal((await lab.invoke([command, id])).code, 1, `${command} ${name}`);
      }
      await nothingLeft(t, lab, `after ${name}`);
    }
  },
  notOfCrunBefore("1.28", "takes ids that lead out of the state root"),
);

behaviour("an empty id is refused", async (t, lab) => {
  const box = lab.container();
  for (const args of [
    ["create", "--bundle", box.bundle, ""],
    ["state", ""],
    ["delete", ""],
    ["kill", ""],
  ]) {
    refused(t, await lab.invoke(args), /container id cannot be empty/);
  }
  await nothingLeft(t, lab, "after the refusals");
});

behaviour(
  "a missing or a second id is refused with the number that is wanted",
  async (t, lab) => {
    for (const command of ["create", "run", "start", "state", "delete"]) {
      for (const ids of [[], ["one", "two"]]) {
        const { code, stdout, stderr } = await lab.invoke([command, ...ids]);
        t.equal(code, 1, `${command} with ${ids.length} ids`);
        t.match(stdout + stderr, /requires (exactly|a minimum of|a maximum of|at least) (1|one)/);
      }
    }
  },
  notOfCrun("it says so in other words"),
);

behaviour(
  "an unknown command or flag is refused with its name",
  async (t, lab) => {
    const command = await lab.invokeBare(["frobnicate"]);
    t.not(command.code, 0);
    t.match(command.stderr + command.stdout, /frobnicate/);
    for (const args of [["--nosuch"], ["create", "--nosuch", "x"], ["delete", "-Z", "x"]]) {
      const { code, stdout, stderr } = await lab.invokeBare(args);
      t.not(code, 0, args.join(" "));
      t.match(stdout + stderr, /flag provided but not defined: -(nosuch|Z)/);
    }
    const { code, stdout, stderr } = await lab.invokeBare(["create", "--bundle"]);
    t.not(code, 0);
    t.match(stdout + stderr, /flag needs an argument: -+bundle/);
  },
  notOfCrun("it says so in other words"),
);

behaviour(
  "a state root of / is refused",
  async (t, lab) => {
    const box = lab.container();
    const result = await lab.invokeBare(["--root", "/", "create", "--bundle", box.bundle, box.id]);
    refused(t, result, /Option --root argument should not be set to \//);
  },
  tsrunOnly("the refusal came with 1.2"),
);

behaviour("a bundle that another user's rights keep closed is refused", async (t, lab) => {
  const box = lab.container();
  chmodSync(box.bundle, 0o700);
  mkdirSync(lab.stateRoot, { mode: 0o777 });
  const result = await box.create({ wrapper: asUser(lab), cwd: "/" });
  t.not(result.code, 0);
  t.match(result.stderr, /permission denied|EACCES/i);
  await nothingLeft(t, lab, "after the refusal");
});
