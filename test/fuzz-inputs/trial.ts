// One odd document: handed to its command, and what must be true of the answer. Runs in an arena.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { baseConfig } from "../support/config.ts";
import { makeRootfs } from "../support/rootfs.ts";
import { plainEnv, runtimePath } from "../support/runtime.ts";
import { everything, FOLDER } from "./arena.ts";
import { configurations, processes, resources } from "./corpus.ts";
import { mutate, pick, type Random } from "./mutate.ts";

export const KINDS = ["validate", "explain", "create", "exec", "update", "state"] as const;
export type Kind = (typeof KINDS)[number];

/** Of the processor: a busy machine makes nothing slow by that count. The kernel ends what goes on. */
const SECONDS = 2;
/** What waits for ever uses no processor. */
const HANG_MS = 60_000;
const MOST_BYTES = 30_000;

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
  readonly input: Buffer;
  readonly said: string;
  readonly faults: readonly string[];
}

export class Trial {
  readonly #bundle = join(FOLDER, "bundle");
  readonly #odd = join(FOLDER, "odd");
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
    if (kind === "state") return this.#state(random);
    const input = mutate(pick(this.#configurations, random), random);
    writeFileSync(join(this.#odd, "config.json"), input);
    if (kind === "create") return this.#create(input);
    const words = kind === "explain" && random(3) === 0 ? ["--syscalls"] : [];
    const answer = ask([kind, ...words, this.#odd]);
    // `validate` tells faults on stdout.
    const silent = kind === "explain" && answer.status !== 0 && answer.stderr === "";
    return { input, said: answer.stderr, faults: [...answer.faults, ...(silent ? ["no word"] : [])] };
  }

  close(): void {
    ask(["delete", "--force", ID]);
  }

  #create(input: Buffer): Tried {
    ask(["delete", "--force", ID]);
    const before = everything(ROOT);
    const { status, stderr, faults } = ask(["create", "--bundle", this.#odd, ID]);
    const told = [...faults];
    if (status === 0) told.push(...ask(["delete", "--force", ID], 0).faults);
    else if (stderr === "") told.push("no word");
    told.push(...left(before));
    return { input, said: stderr, faults: told };
  }

  #exec(input: Buffer): Tried {
    this.#start();
    const before = everything(ROOT);
    const file = join(FOLDER, "process.json");
    writeFileSync(file, input);
    const { stderr, faults } = ask(["exec", "--process", file, ID]);
    return { input, said: stderr, faults: [...faults, ...left(before)] };
  }

  #update(input: Buffer): Tried {
    this.#start();
    const before = everything(ROOT);
    const { status, stderr, faults } = ask(["update", "--resources", "-", ID], undefined, input);
    const told = [...faults, ...left(before)];
    // What is in force now would make later inputs fail.
    if (status === 0) told.push(...ask(["delete", "--force", ID], 0).faults);
    return { input, said: stderr, faults: told };
  }

  #state(random: Random): Tried {
    ask(["delete", "--force", ID]);
    const before = everything(ROOT);
    ask(["create", "--bundle", this.#bundle, ID], 0);
    const file = join(ROOT, ID, "state.json");
    const good = readFileSync(file);
    const input = mutate(JSON.parse(good.toString()), random);
    writeFileSync(file, input);
    const command = pick(READERS, random);
    const { stderr, faults } = ask(command);
    const told = faults.map((fault) => `${command.join(" ")}: ${fault}`);
    if (existsSync(file)) writeFileSync(file, good);
    // What force could not find by a damaged state is still there to be found by a good one.
    told.push(...ask(["delete", "--force", ID], 0).faults, ...left(before));
    return { input, said: stderr, faults: told };
  }

  /** A container that runs. */
  #start(): void {
    if (ask(["kill", ID, "0"]).status === 0 && ask(["exec", ID, "/bin/true"]).status === 0) return;
    ask(["delete", "--force", ID]);
    const config = readFileSync(join(this.#bundle, "config.json"), "utf8");
    const { status, stderr } = ask(["run", "--detach", "--bundle", this.#bundle, ID], 0);
    if (status !== 0) throw new Error(`no container to try: ${stderr} ${config}`);
  }
}

/** What is there that was not before; the first entries are enough to know it by. */
function left(before: readonly string[]): string[] {
  const known = new Set(before);
  const more = everything(ROOT).filter((entry) => !known.has(entry));
  const gone = before.filter((entry) => !everything(ROOT).includes(entry) && !entry.startsWith("process"));
  return [...more.map((entry) => `left: ${entry}`), ...gone.map((entry) => `gone: ${entry}`)].slice(0, 5);
}

/** Calls the runtime, and says what no answer may be. */
function ask(words: readonly string[], wanted?: number, input: Buffer = Buffer.alloc(0)): Answer {
  const limited = [`--cpu=${SECONDS}:${SECONDS + 1}`, runtimePath, "--root", ROOT, ...words];
  const { status, signal, stderr, error } = spawnSync("prlimit", limited, {
    input,
    env: plainEnv,
    cwd: FOLDER,
    timeout: HANG_MS,
    killSignal: "SIGKILL",
    stdio: ["pipe", "ignore", "pipe"],
    maxBuffer: 1 << 26,
  });
  const said = (stderr ?? Buffer.alloc(0)).toString("utf8");
  const faults: string[] = [];
  if (signal !== null) faults.push(`ended by ${signal}${signal === "SIGKILL" ? ", it hung" : ""}`);
  if (status === 128 + 24) faults.push(`more than ${SECONDS} s`);
  if (error !== undefined && signal === null) faults.push(String(error));
  if (/E_INTERNAL|internal error|InternalError|TypeError/.test(said)) faults.push("an internal error");
  if (said.trimEnd().split("\n").length > 1) faults.push("more than one line");
  if (said.length > MOST_BYTES) faults.push(`${said.length} characters`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\x00-\x09\x0b-\x1f\x7f]/.test(said)) faults.push("control characters");
  if (wanted !== undefined && status !== wanted)
    faults.push(`${words[0]} says ${status}: ${said.slice(0, 300)}`);
  return { status: status ?? -1, stderr: said, faults };
}
