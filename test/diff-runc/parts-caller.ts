// Parts of the caller and the host: flags, inherited descriptors and settings, and commands on a container.

import { BOX, type Maker, type Part, pick, type Random } from "./draft.ts";
import { capabilitySets, rlimits, USERS } from "./parts-process.ts";

const WAYS: readonly Part[] = [
  ...(["run", "create", "create", "detach", "unstarted"] as const).map((way) => ({
    name: way,
    apply: (draft: Parameters<Part["apply"]>[0]) => {
      draft.way = way;
    },
  })),
];

const HOST: readonly (readonly string[])[] = [
  ["mount --make-rshared /"],
  ["mount --make-rshared /", "mount --make-rslave /"],
  ['chmod 700 "$BOX" "$BUNDLE"'],
  ['mount --bind "$BUNDLE/rootfs" "$BUNDLE/rootfs"'],
  ['mount --bind "$BUNDLE/rootfs" "$BUNDLE/rootfs"', 'mount --make-shared "$BUNDLE/rootfs"'],
  ['mount --bind "$BUNDLE/rootfs" "$BUNDLE/rootfs"', 'mount -o remount,bind,nosuid,nodev "$BUNDLE/rootfs"'],
  [
    'mkdir "$BOX/upper" "$BOX/work"',
    'upper="upperdir=$BOX/upper,workdir=$BOX/work"',
    'mount -t overlay -o "lowerdir=$BUNDLE/rootfs,$upper" overlay "$BUNDLE/rootfs"',
  ],
  ['mkdir "$BUNDLE/rootfs/below"', 'mount -t tmpfs below "$BUNDLE/rootfs/below"'],
];

const CALLER = [
  "renice -n 3 -p $(exec sh -c 'echo $PPID') >&2",
  ..."umask 0|umask 077|ulimit -n 1000|ulimit -s 4096".split("|"),
  ..."echo 300 >/proc/self/oom_score_adj|trap '' USR1 PIPE|exec 3</etc/passwd 5<\"$BOX\"|cd /".split("|"),
  ...[
    "unset HOME; XDG_RUNTIME_DIR=/run; export XDG_RUNTIME_DIR",
    "LISTEN_FDS=1; export LISTEN_FDS",
    "exec </etc/passwd",
  ],
];

const GLOBALS = [["--debug"], ["--log", `${BOX}/log`, "--log-format", "json"], ["--rootless", "false"]];
const FLAGS = [["--no-new-keyring"], ["--preserve-fds", "2"], ["--preserve-fds", "1"], ["--no-pivot"]];
const RUN_FLAGS = [["--keep"], ["--no-subreaper"]];

const PLAIN_STEPS = [
  ["state", '$R state "$ID"'],
  ["list", "$R list --format json"],
  ["ps", '$R ps --format json "$ID"'],
  ["kill 0", '$R kill "$ID" 0'],
  ["kill winch", '$R kill "$ID" WINCH'],
  ["kill unknown", '$R kill "$ID" NONE'],
  ["create again", '$R create --bundle "$BUNDLE" "$ID"'],
  ["start again", '$R start "$ID"'],
  ["delete", '$R delete "$ID"'],
  ["state of nobody", "$R state nobody"],
  ["delete nobody", "$R delete nobody"],
  ["delete nobody by force", "$R delete --force nobody"],
  ["pause", '$R pause "$ID"; $R state "$ID"; $R resume "$ID"'],
  ["exec while paused", '$R pause "$ID" && $R exec "$ID" /bin/probe; c=$?; $R resume "$ID" && (exit $c)'],
  ["cgroups", '"$PROBE" cgroups'],
  ["update pids", '$R update --pids-limit 77 "$ID"; "$PROBE" cgroups'],
  ["update memory", '$R update --memory 100M --memory-swap 200M "$ID"; "$PROBE" cgroups'],
  [
    "update cpu",
    '$R update --cpu-share 300 --cpu-quota 30000 --cpu-period 60000 --cpuset-cpus 0 "$ID"; "$PROBE" cgroups',
  ],
  [
    "update by file",
    `echo '{"pids":{"limit":40},"cpu":{"shares":99}}' | $R update -r - "$ID"; "$PROBE" cgroups`,
  ],
] as const;

function plainStep(random: Random): Part {
  const [name, command] = pick(PLAIN_STEPS, random);
  const before = random(4) === 0 && name !== "start again";
  const step = { name: `${name} (${random(1000)})`, command };
  return {
    name: `step ${step.name}${before ? " before start" : ""}: ${command}`,
    apply: (draft) => {
      (before ? draft.before : draft.steps).push(step);
    },
  };
}

const EXEC_FLAGS = [
  ..."--cwd=/tmp|--env=A=1 --env=A=2|--user=1000|--user=1000:7|--user=4242:0 --additional-gids=9".split("|"),
  ..."--cap=CAP_NET_ADMIN|--no-new-privs|--cap=CAP_SYS_ADMIN --cap=CAP_KILL --user=1000|--env=HOME=/x".split(
    "|",
  ),
  ..."--preserve-fds=1|--additional-gids=4 --additional-gids=4|--cwd=/none|--user=77|--ignore-paused".split(
    "|",
  ),
];

function processFile(random: Random, report: string): object {
  return {
    args: ["/bin/probe", "report", report, "tree", "exit", "6"],
    cwd: pick(["/", "/tmp", "/var/data"], random),
    user: pick(USERS, random),
    ...(random(2) === 0 ? { env: ["PATH=/bin", "A=1", "A=2"] } : {}),
    ...(random(2) === 0 ? { capabilities: capabilitySets(random) } : {}),
    ...(random(3) === 0 ? { rlimits: rlimits(random) } : {}),
    ...(random(3) === 0 ? { noNewPrivileges: true } : {}),
    ...(random(4) === 0 ? { oomScoreAdj: 77 } : {}),
    ...(random(4) === 0 ? { scheduler: { policy: "SCHED_BATCH", nice: 3 } } : {}),
    ...(random(4) === 0 ? { ioPriority: { class: "IOPRIO_CLASS_IDLE", priority: 0 } } : {}),
  };
}

function exec(random: Random): Part {
  const name = `exec-${random(1000)}`;
  const detached = random(4) === 0;
  const pidFile = `"$BOX/${name}.pid"`;
  const words = detached ? `--detach --pid-file ${pidFile}` : random(3) === 0 ? `--pid-file ${pidFile}` : "";
  const after = detached ? ` && "$PROBE" await "$OUT/${name}" "$(cat ${pidFile})"` : "";
  const options = random(2) === 0 ? pick(EXEC_FLAGS, random) : "";
  const ending = pick(["exit 0", "exit 5", "signal 9", "signal 15"], random);
  const file = random(4) === 0 ? processFile(random, `/out/${name}`) : undefined;
  const how =
    file === undefined
      ? `${options} "$ID" /bin/probe report /out/${name} tree ${ending}`
      : `--process "$OUT/${name}.json" "$ID"`;
  const write = file === undefined ? "" : `echo '${JSON.stringify(file)}' >"$OUT/${name}.json"; `;
  const step = { name, command: `${write}$R exec ${words} ${how}${after}` };
  return { name: `step ${step.name}: ${step.command}`, apply: ({ steps: all }) => all.push(step) };
}

export const WAY: Maker = (random) => pick(WAYS, random);

export const CALLS: readonly Maker[] = [
  ...[plainStep, plainStep, exec, exec, exec],
  (random) => {
    const lines = pick(HOST, random);
    return { name: `host: ${lines.join("; ")}`, apply: ({ host }) => host.unshift(...lines) };
  },
  (random) => {
    const line = pick(CALLER, random);
    return { name: `caller: ${line}`, apply: ({ caller }) => caller.push(line) };
  },
  (random) => {
    const words = pick(GLOBALS, random);
    return { name: `global flags ${words.join(" ")}`, apply: ({ globals }) => globals.push(...words) };
  },
  (random) => {
    const words = pick(FLAGS, random);
    const open = words[0] === "--preserve-fds" && random(4) !== 0 ? ['exec 3</etc/passwd 4<"$BOX"'] : [];
    return {
      name: `flags ${words.join(" ")}${open.map((line) => `, after ${line}`)}`,
      apply: ({ flags, caller }) => {
        flags.push(...words);
        caller.push(...open);
      },
    };
  },
  (random) => {
    const words = pick(RUN_FLAGS, random);
    return { name: `flags of run ${words.join(" ")}`, apply: ({ runFlags }) => runFlags.push(...words) };
  },
  (random) => {
    const ending = pick(["exit 7", "signal 9", "signal 15", "exit 255"], random);
    const signal = pick(["TERM", "9", "SIGINT", "USR1", "--all KILL"], random);
    return {
      name: `ends with ${ending}, or by ${signal}`,
      apply: (draft) => {
        draft.ending = ending;
        draft.signal = signal;
      },
    };
  },
];
