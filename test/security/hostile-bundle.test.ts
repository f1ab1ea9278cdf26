// A bundle is data: files in it that a JavaScript engine would read from its working directory must change
// nothing. Callers start the runtime with the bundle as its working directory.

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";

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
