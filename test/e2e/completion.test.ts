// completion: the scripts, in the shells themselves; and what `make install` installs.

import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { behaviour, refused, tsrunOnly } from "../support/behaviour.ts";
import { mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { needsProgram, runProgram } from "../support/program.ts";
import { runtimePath } from "../support/runtime.ts";

const ONLY_TSRUN = tsrunOnly("has no completion command");

async function scriptFor(lab: Lab, shell: string): Promise<string> {
  const { code, stdout, stderr } = await lab.invokeBare(["completion", shell]);
  if (code !== 0 || stderr !== "") throw new Error(`completion ${shell}: ${code} ${stderr}`);
  const file = join(lab.folder, `completion.${shell}`);
  writeFileSync(file, stdout);
  return file;
}

/** A PATH in which the program is called tsrun. */
function pathWithTsrun(lab: Lab): NodeJS.ProcessEnv {
  const folder = join(lab.folder, "bin");
  mkdirSync(folder, { recursive: true });
  symlinkSync(resolve(runtimePath), join(folder, "tsrun"));
  return { ...process.env, PATH: `${folder}:${process.env.PATH ?? ""}` };
}

/** What bash proposes for the last word of each line. */
async function bashProposals(lab: Lab, lines: readonly (readonly string[])[]): Promise<string[]> {
  const script = await scriptFor(lab, "bash");
  const asked = lines.map((words) => `ask ${words.map((word) => `'${word}'`).join(" ")}`);
  const program = `source ${script}
    ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tsrun; echo "\${COMPREPLY[*]}"; }
    complete -p tsrun >/dev/null || exit 1
    ${asked.join("\n")}`;
  const { code, stdout, stderr } = runProgram(["bash", "-c", program], { env: pathWithTsrun(lab) });
  if (code !== 0 || stderr !== "") throw new Error(`bash ended with ${code}: ${stderr}`);
  return stdout.split("\n").slice(0, -1);
}

behaviour(
  "bash completes commands, options and their values",
  async (t, lab) => {
    const proposed = await bashProposals(lab, [
      ["tsrun", "cr"],
      ["tsrun", "--ro"],
      ["tsrun", "--log-format", ""],
      ["tsrun", "--log-format", "=", "j"],
      ["tsrun", "--debug", "create", "--bun"],
      ["tsrun", "spec", "--rootless", "--bun"],
      ["tsrun", "--log=x", "list", "-f", ""],
      ["tsrun", "kill", "x", "KI"],
      ["tsrun", "exec", "x", "--"],
      ["tsrun", "help", "va"],
      ["tsrun", "completion", ""],
    ]);
    t.strictSame(proposed, [
      "create",
      "--root --rootless",
      "text json",
      "json",
      "--bundle",
      "--bundle",
      "table json",
      "KILL",
      "",
      "validate",
      "bash zsh fish",
    ]);
  },
  ONLY_TSRUN,
  needsProgram("bash"),
);

behaviour(
  "bash completes the ids of containers, of the root that the line names, and paths",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create());
    const proposed = await bashProposals(lab, [
      ["tsrun", "--root", lab.stateRoot, "state", ""],
      ["tsrun", "--root", "=", lab.stateRoot, "kill", box.id.slice(0, -1)],
      ["tsrun", "--root", join(lab.folder, "none"), "delete", ""],
      ["tsrun", "--root", lab.stateRoot, "explain", box.id.slice(0, -1)],
      ["tsrun", "explain", box.bundle.slice(0, -1)],
      ["tsrun", "run", "-b", box.bundle.slice(0, -1)],
      ["tsrun", "run", "--pid-file", join(box.bundle, "con")],
    ]);
    t.strictSame(proposed, [
      box.id,
      box.id,
      "",
      box.id,
      box.bundle,
      box.bundle,
      join(box.bundle, "config.json"),
    ]);
  },
  ONLY_TSRUN,
  needsProgram("bash"),
);

for (const shell of ["bash", "zsh", "fish"]) {
  behaviour(
    `${shell} reads its script without complaint, and it is the same every time`,
    async (t, lab) => {
      const script = await scriptFor(lab, shell);
      const { code, stdout, stderr } = runProgram([shell, "-n", script]);
      t.strictSame([code, stdout, stderr], [0, "", ""]);
      const [first, second] = [
        await lab.invokeBare(["completion", shell]),
        await lab.invokeBare(["completion"], { env: { SHELL: `/bin/${shell}` } }),
      ];
      t.equal(first.stdout, second.stdout, "without an argument it is for $SHELL");
    },
    ONLY_TSRUN,
    needsProgram(shell),
  );
}

behaviour(
  "fish completes commands, options and ids",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create());
    const script = await scriptFor(lab, "fish");
    const env = { ...pathWithTsrun(lab), HOME: lab.folder, XDG_CONFIG_HOME: lab.folder };
    const ask = (line: string) => {
      const program = `source ${script}; complete --do-complete '${line}'`;
      const { stdout } = runProgram(["fish", "--no-config", "-c", program], { env });
      return stdout
        .trimEnd()
        .split("\n")
        .map((one) => one.split("\t")[0]);
    };
    t.strictSame(ask("tsrun cr"), ["create"]);
    t.strictSame(ask("tsrun create --bun"), ["--bundle"]);
    t.strictSame(ask("tsrun --log-format j"), ["json"]);
    t.strictSame(ask(`tsrun --root ${lab.stateRoot} state ${box.id.slice(0, -1)}`), [box.id]);
    t.strictSame(ask("tsrun kill x KI"), ["KILL"]);
  },
  ONLY_TSRUN,
  needsProgram("fish"),
);

behaviour(
  "a shell that there is no script for is refused",
  async (t, lab) => {
    refused(t, await lab.invokeBare(["completion", "tcsh"]), /no completion for the shell "tcsh"/);
  },
  ONLY_TSRUN,
);

behaviour(
  "make install puts everything below DESTDIR, and make uninstall leaves nothing of it",
  async (t, lab) => {
    const root = join(lab.folder, "destination");
    const make = (target: string) => runProgram(["make", "-s", target, `DESTDIR=${root}`, "PREFIX=/usr"]);
    const inRoot = () =>
      readdirSync(root, { recursive: true, withFileTypes: true })
        .filter((entry) => !entry.isDirectory())
        .map((entry) => join(entry.parentPath, entry.name).slice(root.length));
    const { code, stderr } = make("install");
    t.strictSame([code, stderr], [0, ""]);
    const installed = inRoot();
    for (const path of [
      "/usr/bin/tsrun",
      "/usr/bin/containerd-shim-tsrun-v2",
      "/usr/share/doc/tsrun/LICENSE",
      "/usr/share/doc/tsrun/THIRD_PARTY_NOTICES",
      "/usr/share/man/man8/tsrun.8",
      "/usr/share/man/man8/tsrun-create.8",
      "/usr/share/bash-completion/completions/tsrun",
      "/usr/share/zsh/site-functions/_tsrun",
      "/usr/share/fish/vendor_completions.d/tsrun.fish",
    ]) {
      t.ok(installed.includes(path), path);
    }
    const { stdout } = runProgram([join(root, "usr/bin/tsrun"), "--version"]);
    t.match(stdout, /^tsrun\b.* version \d+\.\d+\.\d+$/m);
    const uninstalled = make("uninstall");
    t.strictSame([uninstalled.code, uninstalled.stderr, inRoot()], [0, "", []]);
  },
  ONLY_TSRUN,
  needsProgram("make"),
);
