// Passes one odd document to its command, and checks the answer. Runs in an arena.

import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { baseConfig } from "../support/config.ts";
import { makeRootfs } from "../support/rootfs.ts";
import { plainEnv, runtimePath } from "../support/runtime.ts";
import { everything, FOLDER, isLiving } from "./arena.ts";
import { configurations, mountLists, processes, resources } from "./corpus.ts";
import { mutate, pick, type Random } from "./mutate.ts";

export const KINDS = ["validate", "explain", "create", "exec", "update", "state", "mounts"] as const;
export type Kind = (typeof KINDS)[number];

/** The limit of processor time, which does not depend on how busy the machine is. The kernel enforces it. */
const SECONDS = 2;
/** A process that waits for ever uses no processor time. */
const HANG_MS = 30_000;
const MOST_BYTES = 30_000;
const SIGXCPU = 24;
/** The exit status of `exec` if no program ran. */
const FAILED = 255;

const ROOT = join(FOLDER, "state");
const ID = "fuzzed";

/** Commands that read the state of a container; the last ones change most. */
const READERS: readonly (readonly string[])[] = [
  ...[
    ["state", ID],
    ["list"],
    ["list", "--format", "json"],
    ["ps", ID],
    ["events", "--stats", ID],
    ["explain", ID],
  ],
  ...[
    ["pause", ID],
    ["resume", ID],
    ["update", "--pids-limit", "20", ID],
    ["exec", ID, "/bin/true"],
  ],
  ...[
    ["kill", ID, "0"],
    ["kill", "--all", ID, "CONT"],
    ["start", ID],
    ["delete", ID],
    ["delete", "--force", ID],
  ],
];

interface Answer {
  readonly status: number;
  readonly stderr: string;
  readonly faults: readonly string[];
}

export interface Tried {
  readonly words: string;
  readonly input: Buffer;
  readonly said: string;
  readonly faults: readonly string[];
}

export class Trial {
  readonly #bundle = join(FOLDER, "bundle");
  readonly #odd = join(FOLDER, "odd");
  readonly #state = join(ROOT, ID, "state.json");
  readonly #configurations = configurations(ID);

  constructor() {
    mkdirSync(ROOT);
    for (const bundle of [this.#bundle, this.#odd]) {
      mkdirSync(bundle);
      makeRootfs(join(bundle, "rootfs"), FOLDER);
    }
    const config = baseConfig("steady");
    config.process.args = ["/bin/sleep", "1000000"];
    writeFileSync(join(this.#bundle, "config.json"), JSON.stringify(config));
  }

  run(kind: Kind, random: Random): Tried {
    if (kind === "exec") return this.#exec(mutate(pick(processes, random), random));
    if (kind === "update") return this.#update(mutate(pick(resources, random), random));
    if (kind === "mounts") return this.#mount(mutate(pick(mountLists, random), random));
    if (kind === "state") return this.#damage(random);
    const input = mutate(pick(this.#configurations, random), random);
    writeFileSync(join(this.#odd, "config.json"), input);
    if (kind === "create") return this.#create(input);
    const words = [kind, ...(kind === "explain" && random(3) === 0 ? ["--syscalls"] : []), this.#odd];
    const { status, stderr, faults } = ask(words);
    // `validate` prints faults on stdout.
    const silent = kind === "explain" && status !== 0 && stderr === "";
    const told = [...faults, ...(silent ? ["no word"] : [])];
    return { words: words.join(" "), input, said: stderr, faults: told };
  }

  /** What exists after an action that did not exist before, except its container. */
  leftBy(action: () => void): string[] {
    const before = everything(ROOT);
    action();
    const { faults } = this.#forget();
    const after = everything(ROOT);
    const [known, found] = [new Set(before), new Set(after)];
    const more = after.filter((entry) => !known.has(entry)).map((entry) => `left: ${entry}`);
    const gone = before.filter((entry) => !found.has(entry)).map((entry) => `gone: ${entry}`);
    return [...faults, ...more, ...gone.filter((entry) => !entry.startsWith("gone: process"))].slice(0, 5);
  }

  #create(input: Buffer): Tried {
    const { status, stderr, faults } = ask(["create", "--bundle", this.#odd, ID]);
    const told = [...faults];
    if (status === 0) told.push(...this.#forget().faults);
    else if (stderr === "") told.push("no word");
    else if (existsSync(join(ROOT, ID))) told.push("a failed creation left its state");
    return { words: "create", input, said: stderr, faults: told };
  }

  #exec(input: Buffer): Tried {
    this.#start();
    const file = join(FOLDER, "process.json");
    writeFileSync(file, input);
    const { status, stderr, faults } = ask(["exec", "--process", file, ID]);
    // Otherwise the program ran, and the output is its own.
    const told = status === FAILED || status < 0 ? faults : [];
    return { words: "exec", input, said: stderr, faults: told };
  }

  #update(input: Buffer): Tried {
    this.#start();
    const { status, stderr, faults } = ask(["update", "--resources", "-", ID], undefined, input);
    // The new limits would make later inputs fail.
    const more = status === 0 ? this.#forget().faults : [];
    return { words: "update", input, said: stderr, faults: [...faults, ...more] };
  }

  /** What was added goes again by the same list; what was refused has mounted nothing. */
  #mount(input: Buffer): Tried {
    this.#start();
    const mounted = () => readFileSync(`/proc/${this.#pid}/mountinfo`, "utf8");
    const before = mounted();
    const { status, stderr, faults } = ask(["mounts", "add", ID, "-"], undefined, input);
    const told = [...faults];
    if (status !== 0 && stderr === "") told.push("no word");
    if (status === 0) told.push(...ask(["mounts", "remove", ID, "-"], 0, input).faults);
    if (mounted() !== before) told.push("other mounts than before");
    return { words: "mounts add", input, said: stderr, faults: told };
  }

  #damage(random: Random): Tried {
    ask(["create", "--bundle", this.#bundle, ID], 0);
    const folder = join(ROOT, ID);
    const kept = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => ({ path: join(folder, name), bytes: readFileSync(join(folder, name)) }));
    const good = readFileSync(this.#state);
    const input = mutate(JSON.parse(good.toString()), random);
    writeFileSync(this.#state, input);
    const words = pick(READERS, random);
    const { stderr, faults } = ask(words);
    // A damaged state may have other paths; the good one still finds everything.
    mkdirSync(folder, { recursive: true });
    for (const { path, bytes } of kept) writeFileSync(path, bytes);
    const told = [...faults, ...this.#forget().faults];
    return { words: `${words.join(" ")} with a damaged state`, input, said: stderr, faults: told };
  }

  #forget(): Answer {
    return ask(["delete", "--force", ID], 0);
  }

  /** Of the container's first process. */
  get #pid(): number {
    return JSON.parse(readFileSync(this.#state, "utf8")).init_process_pid;
  }

  /** Starts a container, unless one is running. */
  #start(): void {
    if (existsSync(this.#state)) {
      if (isLiving(String(this.#pid))) return;
      this.#forget();
    }
    const { status, stderr } = ask(["run", "--detach", "--bundle", this.#bundle, ID], 0);
    if (status !== 0) throw new Error(`no container to try: ${stderr}`);
  }
}

const [STDOUT, STDERR] = [join(FOLDER, "stdout"), join(FOLDER, "stderr")];

/** Calls the runtime, and makes the checks that apply to every answer. */
function ask(words: readonly string[], wanted?: number, input?: Buffer): Answer {
  const limited = [`--cpu=${SECONDS}:${SECONDS + 1}`, runtimePath, "--root", ROOT, ...words];
  // Files, since a container keeps its streams open, and a pipe would end only with it.
  const [stdout, stderr] = [openSync(STDOUT, "w"), openSync(STDERR, "w")];
  const { status, signal, error } = spawnSync("prlimit", limited, {
    ...(input === undefined ? {} : { input }),
    env: plainEnv,
    cwd: FOLDER,
    timeout: HANG_MS,
    killSignal: "SIGKILL",
    stdio: [input === undefined ? "ignore" : "pipe", stdout, stderr],
  });
  closeSync(stdout);
  closeSync(stderr);
  const said = readFileSync(STDERR, "utf8");
  const faults: string[] = [];
  if (signal !== null) faults.push(`ended by ${signal}${signal === "SIGKILL" ? ", it hung" : ""}`);
  if (status === 128 + SIGXCPU) faults.push(`more than ${SECONDS} s`);
  // An input that is too large is not read to its end.
  if (error !== undefined && signal === null && !/EPIPE/.test(error.message)) faults.push(String(error));
  faults.push(...saidBadly(said));
  // The output about a state or a configuration.
  if (CONTROL.test(readFileSync(STDOUT, "utf8"))) faults.push("control characters in the output");
  if (wanted !== undefined && status !== wanted) {
    faults.push(`${words[0]} says ${status}: ${said.slice(0, 300)}`);
  }
  return { status: status ?? -1, stderr: said, faults };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\x00-\x09\x0b-\x1f\x7f-\x9f]/;

/** Checks that there is one line with the error, after any number of warnings. */
function saidBadly(said: string): string[] {
  const faults: string[] = [];
  const lines = said === "" ? [] : said.trimEnd().split("\n");
  if (/E_INTERNAL|internal error|InternalError|TypeError/.test(said)) faults.push("an internal error");
  if (lines.filter((line) => line.includes(" level=error ")).length > 1) faults.push("more than one error");
  // As in runc: `list` gives the reason for each container that it cannot show, and the error about a program
  // that is missing or cannot be executed is not a log line.
  const known = /^(time=|cannot list container |exec: |exec \S+: )/;
  if (lines.some((line) => !known.test(line))) faults.push("a line of another form");
  if (said.length > MOST_BYTES) faults.push(`${said.length} characters`);
  if (CONTROL.test(said)) faults.push("control characters");
  return faults;
}
