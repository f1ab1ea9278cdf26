// Runs one draft on one runtime, in namespaces that end with it; returns the result of every step and
// everything that the probe saw, as lines under keys.

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { plainEnv } from "../support/runtime.ts";
import {
  BOX,
  BUNDLE,
  type Draft,
  FOLDER,
  ID,
  NAMESPACES,
  OUT,
  PROBE,
  SOURCES,
  STATE_ROOT,
  type Step,
} from "./draft.ts";
import { type Observed, observe } from "./observe.ts";

export const ALL_RUNTIMES = ["runc", "tsrun"] as const;
export type Runtime = (typeof ALL_RUNTIMES)[number];

/** The time limit of a step. */
const SECONDS = 20;

/** The template of the box: a root file system, and the sources of mounts. */
export const TEMPLATE = `
umask 022
mkdir -p "$T/bundle/rootfs" "$T/sources" && cd "$T/bundle/rootfs"
mkdir -p bin dev etc proc root run sys tmp var/data deep
chmod 1777 tmp
cp "$PROBE" bin/probe
printf 'root:x:0:0:root:/root:/bin/sh\\nuser:x:1000:1000::/tmp:/bin/sh\\nodd:x:77:1:::\\n' >etc/passwd
printf 'root:x:0:\\nuser:x:1000:odd\\ntty:x:5:user\\n' >etc/group
echo target >target-file
echo data >var/data/file
ln -s tmp link-tmp
ln -s /var absolute-link
ln -s ../../../etc outward
ln -s target-file link-file
mkdir ../x && ln -s rootfs ../rootfs-link
cd "$T/sources"
mkdir -p dir/sub mounted readonly private/dir upper work
for at in dir dir/sub readonly private private/dir; do echo "$at" >"$at/file"; done
echo file >file
ln -s dir link-dir
ln -s file link-file
chown 1000:1000 dir/sub/file
chmod 640 dir/file
chmod 700 private
`;

const SETUP = `
set -u
hostname diff-host
mount -t tmpfs -o mode=755 tmpfs "$BOX"
cp -a "$FOLDER/template/." "$BOX/"
mkdir "$NAMESPACES"
mount -t tmpfs -o nosuid,nodev,noexec,mode=750 mounted "$SOURCES/mounted"
mkdir "$SOURCES/mounted/below"
echo mounted >"$SOURCES/mounted/file"
mount -t tmpfs -o ro,noatime,size=4m below "$SOURCES/mounted/below"
mount --bind "$SOURCES/readonly" "$SOURCES/readonly"
mount -o remount,bind,ro "$SOURCES/readonly"
`;

/** After the host's commands: records the state before the runtime is called. */
const BEFORE = `
"$PROBE" report "$OUT/host" >/dev/null
step() {
  name=$1
  ( eval "$CALLER"; eval "$2" ) \\
    >"$OUT/$name.stdout" 2>"$OUT/$name.stderr" </dev/null
  echo "$? $name" >>"$OUT/steps"
}
`;

const AFTER = `
"$PROBE" cgroups >"$OUT/left.cgroups"
ls -A "$STATE_ROOT" >"$OUT/left.state" 2>/dev/null
"$PROBE" tree "$BUNDLE" >"$OUT/left.files"
"$PROBE" tree "$SOURCES" >>"$OUT/left.files"
"$PROBE" report "$OUT/after" >/dev/null
cat /proc/[0-9]*/comm 2>/dev/null | sort >"$OUT/left.processes"
`;

/**
 * What tsrun says of its container: nothing is wrong with it. That is judged and not compared, since runc has
 * no such commands; see `alarms` in compare.ts.
 */
function asked(when: string, runtime: Runtime): Step[] {
  if (runtime === "runc") return [];
  const step = (name: string, of: string) => ({
    name: `asked: ${name} when ${when}`,
    command: `$R ${name} --json "${of}"`,
  });
  return [step("why", "$ID"), step("diff", "$ID"), step("check", "$BUNDLE")];
}

function stepsOf(draft: Draft, runtime: Runtime, asks: boolean): Step[] {
  const ask = (when: string) => (asks ? asked(when, runtime) : []);
  const flags = [...draft.flags, '--bundle "$BUNDLE" --pid-file "$BOX/pid"'];
  const terminal = draft.config.process.terminal === true;
  if (terminal) flags.push('--console-socket "$BOX/console"');
  const listen = terminal ? '"$PROBE" console "$BOX/console" "$BOX/console.said" && ' : "";
  const state = (name: string): Step => ({ name, command: '$R state "$ID"' });
  const pid = '"$(cat "$BOX/pid")"';
  const create = { name: "create", command: `${listen}$R create ${flags.join(" ")} "$ID"` };
  const limits = { name: "limits", command: '"$PROBE" cgroups' };
  const made = [state("created"), ...ask("created"), limits];
  const force = { name: "delete by force", command: '$R delete --force "$ID"' };
  const run = [...draft.runFlags, ...flags].join(" ");
  if (draft.way === "run")
    return [{ name: "run", command: `$R run ${run} "$ID"` }, state("after run"), force];
  const kill = {
    name: "kill",
    command: `$R kill ${draft.signal.replace(/[^ ]+$/, '"$ID" $&')} && "$PROBE" ended ${pid}`,
  };
  if (draft.way === "unstarted") {
    // A process that waits for start accepts no other signal.
    const gone = { name: "kill", command: `$R kill "$ID" KILL && "$PROBE" ended ${pid}` };
    return [
      create,
      ...made,
      ...draft.before,
      ...(draft.signal === "KILL" ? [] : [gone, state("killed")]),
      force,
    ];
  }
  const begin =
    draft.way === "detach"
      ? [{ name: "run", command: `${listen}$R run --detach ${run} "$ID"` }]
      : [create, ...made, ...draft.before, { name: "start", command: '$R start "$ID"' }];
  const end = [kill, state("ended"), { name: "delete at the end", command: '$R delete "$ID"' }];
  const await_ = { name: "report", command: `test -s "$BOX/pid" && "$PROBE" await "$OUT/main" ${pid}` };
  const running = [state("running"), ...ask("running"), ...draft.steps];
  return [...begin, await_, ...running, ...ask("used"), ...end, force];
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function scriptOf(draft: Draft, runtime: Runtime, asks: boolean): string {
  const runtimeCall = [
    `timeout --foreground --kill-after=5 ${SECONDS} ${FOLDER}/${runtime}`,
    "--root",
    STATE_ROOT,
    ...draft.globals,
  ].join(" ");
  const variables = { FOLDER, BOX, BUNDLE, SOURCES, NAMESPACES, OUT, STATE_ROOT, PROBE, ID, R: runtimeCall };
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${quoted(value)}`);
  const caller = draft.caller.length === 0 ? ":" : draft.caller.join("\n");
  const steps = stepsOf(draft, runtime, asks).map(
    ({ name, command }) => `step ${quoted(name)} ${quoted(command)}`,
  );
  const config = quoted(JSON.stringify(draft.config));
  return [
    ...lines,
    SETUP,
    ...draft.host,
    `printf %s ${config} >"$BUNDLE/config.json"`,
    `CALLER=${quoted(caller)}`,
    BEFORE,
    ...steps,
    AFTER,
  ].join("\n");
}

export interface Ran {
  readonly observed: Observed;
  /** The output on standard error, for the report of a difference. */
  readonly said: string;
}

const UNSHARE = "--mount --uts --ipc --net --pid --fork --kill-child --mount-proc".split(" ");

/** Runs a draft; `asks` tsrun, too, what it says of its container. */
export function runSide(draft: Draft, runtime: Runtime, asks: boolean): Ran {
  rmSync(OUT, { recursive: true, force: true });
  mkdirSync(OUT, { mode: 0o777 });
  // Independent of this process's umask.
  spawnSync("chmod", ["777", OUT]);
  const script = `${FOLDER}/script.sh`;
  writeFileSync(script, scriptOf(draft, runtime, asks));
  const { stderr } = spawnSync("unshare", [...UNSHARE, PROBE, "clean", "sh", script], {
    env: plainEnv,
    cwd: FOLDER,
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 600_000,
    killSignal: "SIGKILL",
  });
  const files = new Map<string, string>();
  for (const name of readdirSync(OUT).sort()) {
    try {
      files.set(name, readFileSync(join(OUT, name), "utf8"));
    } catch {
      files.set(name, "not readable");
    }
  }
  const said = [...files].filter(([name, text]) => name.endsWith(".stderr") && text !== "");
  const words = said.map(([name, text]) => `${name.replace(/\.stderr$/, "")}: ${text.trim().slice(0, 500)}`);
  return {
    observed: observe(files),
    said: [...words, ...(stderr === "" ? [] : [`shell: ${stderr}`])].join("\n"),
  };
}
