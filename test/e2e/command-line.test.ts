// The command line itself: flag grammar, log file, version and help, and a nearly empty environment.

import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  behaviour,
  nothingLeft,
  notOfCrun,
  notOfCrunBefore,
  refused,
  tsrunOnly,
} from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { isTsrun } from "../support/runtime.ts";

/** The commands of runc 1.1; `features` came later. */
const COMMANDS = [
  "create",
  "delete",
  "kill",
  "list",
  "run",
  "spec",
  "start",
  "state",
  ...(isTsrun ? ["features"] : []),
];

/** A create that fails late enough to have something to undo. */
const FAILING = (box: Container): Container => {
  box.config.process.args = ["nosuchprogram"];
  box.writeConfig();
  return box;
};

const NOT_FOUND = /exec: "nosuchprogram": executable file not found in \$PATH/;

behaviour(
  "flags are taken with one or two dashes, with a space or an equals sign",
  async (t, lab) => {
    for (const flags of [
      ["-b", "B"],
      ["-bundle", "B"],
      ["--bundle", "B"],
      ["-bundle=B"],
      ["--bundle=B"],
      ["-b=B"],
    ]) {
      const box = lab.container();
      const words = flags.map((word) => word.replace(/B$/, box.bundle));
      const result = await lab.invoke(["create", ...words, box.id]);
      t.strictSame([result.code, result.stderr], [0, ""], flags.join(" "));
    }
  },
  notOfCrun("it takes long ones with two only, short ones without an equals sign"),
);

behaviour(
  "flags that are glued or shortened, and other words than true and false, are refused",
  async (t, lab) => {
    for (const words of [
      ["list", "-qf", "json"],
      ["list", "-fjson"],
      ["list", "--form", "json"],
      ["list", "--quiet=no"],
      ["--debug=off", "list"],
      ["exec", "--tty=no", "nobody", "true"],
      ["exec", "-dp5", "nobody", "true"],
    ]) {
      const { code, stdout, stderr } = await lab.invoke(words);
      t.equal(code, 1, words.join(" "));
      t.match(`${stdout}${stderr}`, /flag provided but not defined|invalid boolean value/, words.join(" "));
    }
  },
  notOfCrun("it takes them, but for -t=0 and --debug=off"),
);

behaviour(
  "flags are taken after the id",
  async (t, lab) => {
    const box = lab.container();
    const result = await lab.invoke(["create", box.id, "--bundle", box.bundle]);
    t.strictSame([result.code, result.stderr], [0, ""]);
  },
  tsrunOnly("flags after the id came with 1.2"),
);

behaviour("a repeated flag counts as given last", async (t, lab) => {
  const box = lab.container();
  const elsewhere = join(lab.folder, "elsewhere");
  const roots = ["--root", elsewhere, "--root", lab.stateRoot];
  mustSucceed(await lab.invokeBare([...roots, "create", "-b", "/nowhere", "-b", box.bundle, box.id]));
  t.equal((await box.stateDocument()).status, "created");
  t.notOk(existsSync(elsewhere));
});

behaviour(
  "the state root is made, closed to others, when it is missing, and so are states",
  async (t, lab) => {
    const box = lab.container();
    t.notOk(existsSync(lab.stateRoot));
    mustSucceed(await box.create());
    t.equal(statSync(lab.stateRoot).mode & 0o777, 0o700);
    t.equal(statSync(join(lab.stateRoot, box.id)).mode & 0o777, 0o711);
    t.equal(statSync(join(lab.stateRoot, box.id, "state.json")).mode & 0o777, 0o600);
  },
  notOfCrun("that of a container is closed as well"),
);

behaviour(
  "a failure is one line on stderr and, with --log, one JSON object in the log",
  async (t, lab) => {
    const log = join(lab.folder, "log.json");
    const box = FAILING(lab.container());
    const result = await box.create({ globals: ["--log", log, "--log-format", "json"] });
    t.equal(result.code, 1);
    t.match(result.stderr, NOT_FOUND);
    t.equal(result.stderr.trimEnd().split("\n").length, 1, "one line on stderr");
    t.notMatch(result.stderr, /level=error/, "stderr is plain text");
    const lines = readFileSync(log, "utf8").trimEnd().split("\n");
    t.equal(lines.length, 1, "one line in the log");
    const entry = JSON.parse(lines[0] ?? "");
    t.strictSame(Object.keys(entry).slice(0, 3), ["level", "msg", "time"], "in logrus' order");
    t.equal(entry.level, "error");
    t.match(entry.msg, NOT_FOUND);
    t.match(entry.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/);
    t.equal(`${entry.msg}\n`, result.stderr, "both say the same");
    await nothingLeft(t, lab, "after the failure");
  },
  notOfCrun("it says it in other words, and over many lines of its log"),
);

behaviour(
  "the log is text when no format is given, and grows",
  async (t, lab) => {
    const log = join(lab.folder, "log");
    const box = FAILING(lab.container());
    await box.create({ globals: ["--log", log] });
    await box.state({ globals: ["--log", log] });
    const [first = "", second = "", ...rest] = readFileSync(log, "utf8").trimEnd().split("\n");
    t.match(first, /^time="[^"]+" level=error msg="/);
    t.match(first, /executable file not found/);
    t.match(second, /^time="[^"]+" level=error msg="container does not exist"/);
    t.strictSame(rest, []);
    t.equal(statSync(log).mode & 0o777, 0o644);
  },
  notOfCrun("it says it in other words"),
);

behaviour("success writes nothing, neither to stderr nor to the log", async (t, lab) => {
  const log = join(lab.folder, "log");
  const globals = ["--log", log, "--log-format", "json"];
  const box = lab.container();
  const results = [await box.create({ globals }), await box.start({ globals })];
  await box.waitForStatus("stopped");
  results.push(await box.state({ globals }), await box.delete({ globals }));
  t.strictSame(
    results.map(({ code, stderr }) => [code, stderr]),
    results.map(() => [0, ""]),
  );
  t.equal(readFileSync(log, "utf8"), "");
});

behaviour("an unknown log format is refused", async (t, lab) => {
  const box = lab.container();
  refused(t, await box.create({ globals: ["--log-format", "yaml"] }), /invalid log-format: yaml/);
  await nothingLeft(t, lab, "after the failure");
});

behaviour(
  "--version names the program, then facts whose lines lack the word version",
  async (t, lab) => {
    const { code, stdout, stderr } = await lab.invokeBare(["--version"]);
    t.strictSame([code, stderr], [0, ""]);
    const [first = "", ...rest] = stdout.trimEnd().split("\n");
    t.match(first, /^\w+(, in place of runc version \d+\.\d+\.\d+,)? version \d+\.\d+\.\d+\S*$/);
    t.notMatch(rest.join("\n"), /version/);
    t.match(stdout, /^commit: \S+$/m);
    t.match(stdout, /^spec: 1\.\d+\.\d+/m);
    t.equal((await lab.invokeBare(["-v"])).stdout, stdout);
  },
  notOfCrun("its version has two numbers"),
);

behaviour(
  "--help exits with 0 on the program and on every command",
  async (t, lab) => {
    for (const command of [[], ...COMMANDS.map((name) => [name])]) {
      for (const flag of ["--help", "-h"]) {
        const { code, stdout, stderr } = await lab.invokeBare([...command, flag]);
        t.strictSame([code, stderr], [0, ""], `${command.join("")} ${flag}`);
        t.match(stdout, /usage:/i);
      }
    }
    t.match((await lab.invokeBare(["help"])).stdout, /usage:/i);
  },
  notOfCrun("it knows no -h"),
);

behaviour(
  "help says under NAME which command of runc it is for",
  async (t, lab) => {
    const heading = async (...args: string[]) => (await lab.invokeBare(args)).stdout.split("\n").slice(0, 2);
    const [title, line = ""] = await heading("--help");
    t.equal(title, "NAME:");
    t.match(line, /runc - Open Container Initiative runtime$/);
    for (const name of COMMANDS)
      t.match((await heading(name, "--help"))[1], new RegExp(`\\brunc ${name} - `));
    if (isTsrun)
      t.equal(
        (await heading("explain", "-h"))[1],
        "   tsrun explain - describe what is done for a container",
      );
  },
  notOfCrun("it says its own"),
);

behaviour("the runtime works with an empty environment", async (t, lab) => {
  const box = lab.container(Container.script("echo fine"));
  t.equal(await box.live({ env: {} }), "fine\n");
});

behaviour(
  "the runtime works when the environment holds only XDG_RUNTIME_DIR, empty or not",
  async (t, lab) => {
    for (const value of ["", "/run/user/0", "/nowhere"]) {
      const box = lab.container(Container.script("echo fine"));
      t.equal(await box.live({ env: { XDG_RUNTIME_DIR: value } }), "fine\n", `XDG_RUNTIME_DIR=${value}`);
    }
  },
);

behaviour(
  "the runtime works without stdin, stdout and stderr",
  async (t, lab) => {
    const box = lab.container(Container.script("touch /tmp/ran"));
    const wrapper = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"];
    mustSucceed(await box.create({ wrapper }));
    mustSucceed(await box.start({ wrapper }));
    await box.waitForStatus("stopped");
    t.ok(existsSync(join(box.rootfs, "tmp/ran")));
  },
  notOfCrunBefore("1.28", "cannot do without them"),
);

behaviour(
  "features prints one JSON object and nothing on stderr",
  async (t, lab) => {
    const { code, stdout, stderr } = await lab.invokeBare(["features"], { env: {} });
    t.strictSame([code, stderr], [0, ""]);
    const features = JSON.parse(stdout);
    t.equal(features.ociVersionMin, "1.0.0");
    t.match(features.ociVersionMax, /^1\.\d+\.\d+/);
    t.type(features.linux, "object");
    t.ok(features.linux.namespaces.includes("user"));
    t.equal(stdout, `${JSON.stringify(features, null, 4)}\n`, "indented by four");
  },
  tsrunOnly("features came with 1.1.9"),
);
