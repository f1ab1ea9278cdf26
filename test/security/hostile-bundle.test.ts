// A bundle is data: files in it that a JavaScript engine would read from its working directory must change
// nothing. Callers start the runtime with the bundle as its working directory. And a bundle is one thing: a
// link that leads to it may lead to another one by now.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { behaviour, nothingLeft, notOfCrun, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import type { Result } from "../support/runtime.ts";

/** Everything here runs code, or breaks the program, when it is read. */
function hostileFiles(proof: string): Record<string, string> {
  const payload = `require("node:fs").writeFileSync(${JSON.stringify(proof)}, "");`;
  const environment = [
    "TSRUN_HOSTILE=1",
    "BUN_OPTIONS=--preload=./evil.js",
    "NODE_OPTIONS=--require=./evil.js",
    `XDG_RUNTIME_DIR=${proof}`,
    "PATH=.",
    "LD_PRELOAD=./evil.so",
  ];
  const paths = { "*": ["./evil.js"], "node:*": ["./evil.js"], "bun:*": ["./evil.js"] };
  const preload = 'preload = ["./evil.js"]\n';
  return {
    ".env": `${environment.join("\n")}\n`,
    ".env.local": "BUN_OPTIONS=--preload=./evil.js\nNOTIFY_SOCKET=/nowhere\n",
    ".env.production": "LISTEN_FDS=5\nLISTEN_PID=1\n",
    "bunfig.toml": `${preload}logLevel = "debug"\n[define]\n"process.env.PATH" = "'.'"\n[run]\nbun = true\n`,
    ".bunfig.toml": preload,
    "tsconfig.json": JSON.stringify({ compilerOptions: { paths } }),
    "jsconfig.json": "not even JSON",
    "package.json": JSON.stringify({ name: "evil", type: "commonjs", main: "evil.js", exports: "./evil.js" }),
    ".npmrc": "node-options=--require=./evil.js\n",
    "evil.js": payload,
    "evil.so": "not a library",
    "index.js": payload,
    "index.ts": payload,
    "main.ts": payload,
  };
}

behaviour("files beside config.json that an engine might read change nothing", async (t, lab) => {
  const proof = join(lab.folder, "proof");
  const box = lab.container(Container.script("env; echo done"));
  box.config.process.env = ["PATH=/bin", "HOME=/root"];
  box.writeConfig();
  for (const [name, text] of Object.entries(hostileFiles(proof))) writeFileSync(join(box.bundle, name), text);
  mkdirSync(join(box.bundle, "node_modules/yargs"), { recursive: true });
  writeFileSync(join(box.bundle, "node_modules/yargs/index.js"), hostileFiles(proof)["evil.js"] ?? "");
  const cwd = box.bundle;
  for (const options of [{ cwd }, { cwd, env: {} }]) {
    mustSucceed(await box.create(options));
    const started = await box.start(options);
    t.strictSame([started.code, started.stdout, started.stderr], [0, "", ""]);
    await box.waitForStatus("stopped");
    t.strictSame(box.output().trimEnd().split("\n").sort(), [
      "HOME=/root",
      "PATH=/bin",
      "PWD=/",
      "SHLVL=1",
      "done",
    ]);
    mustSucceed(await box.delete(options));
    const help = await lab.invokeBare(["--help"], options);
    t.equal(help.code, 0, "help, which may load more, works");
    t.notOk(existsSync(proof), "no code of the bundle ran");
  }
  await nothingLeft(t, lab, "after delete");
});

behaviour("engine options in the caller's environment change nothing", async (t, lab) => {
  const proof = join(lab.folder, "proof");
  const box = lab.container(Container.script("echo fine"));
  const evil = join(box.bundle, "evil.js");
  writeFileSync(evil, `require("node:fs").writeFileSync(${JSON.stringify(proof)}, "");`);
  const env = {
    PATH: "/usr/bin:/usr/sbin",
    BUN_BE_BUN: "",
    NODE_OPTIONS: `--require=${evil}`,
    BUN_INSPECT_PRELOAD: evil,
  };
  t.equal(await box.live({ env, cwd: box.bundle }), "fine\n");
  t.notOk(existsSync(proof));
});

/**
 * A container whose bundle has a FIFO as its config.json, and a link to that bundle. Once a command has
 * opened the FIFO, the link leads to another bundle; only then does the command get the configuration.
 */
class Exchanged {
  readonly box: Container;
  readonly other: Container;
  readonly link: string;
  readonly #lab: Lab;
  readonly #fifo: string;

  constructor(lab: Lab) {
    this.#lab = lab;
    this.box = lab.container(Container.script("cat /which; exec sleep 1000"));
    this.other = lab.container();
    writeFileSync(join(this.box.rootfs, "which"), "one\n");
    writeFileSync(join(this.other.rootfs, "which"), "other\n");
    this.link = join(lab.folder, "link");
    this.#fifo = join(this.box.bundle, "config.json");
    rmSync(this.#fifo);
    execFileSync("mkfifo", [this.#fifo]);
  }

  async during(command: () => Promise<Result>): Promise<Result> {
    this.#lead(this.box);
    const running = command();
    const writer = await open(this.#fifo, "w");
    this.#lead(this.other);
    await writer.writeFile(JSON.stringify(this.box.config));
    await writer.close();
    return running;
  }

  #lead({ bundle }: Container): void {
    const fresh = join(this.#lab.folder, "fresh");
    symlinkSync(bundle, fresh);
    renameSync(fresh, this.link);
  }
}

behaviour(
  "a link to a bundle that is exchanged meanwhile leads to one bundle",
  async (t, lab) => {
    const scene = new Exchanged(lab);
    const { box, link } = scene;
    mustSucceed(await scene.during(() => box.create({ flags: ["--bundle", link] })));
    t.match(await box.stateDocument(), { bundle: box.bundle, rootfs: box.rootfs });
    mustSucceed(await box.start());
    await box.waitForProgram("sleep");
    t.equal(box.output(), "one\n", "its root belongs to its configuration");
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  notOfCrun("it reads config.json twice, which a FIFO does not allow"),
);

behaviour(
  "explain and validate look at one bundle, too",
  async (t, lab) => {
    const scene = new Exchanged(lab);
    const { box, other, link } = scene;
    const { stdout } = mustSucceed(await scene.during(() => lab.invoke(["explain", link])));
    t.match(stdout, box.rootfs);
    t.notMatch(stdout, other.bundle);
    rmSync(other.rootfs, { recursive: true });
    mustSucceed(await scene.during(() => lab.invoke(["validate", link])));
  },
  tsrunOnly("has no such commands"),
);
