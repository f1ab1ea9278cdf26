// A siege: runs commands on a container that attacks them. Counts commands that did not end, containers that
// could not be deleted, and leftovers. A command that fails is a good answer.

import type { Config } from "../../support/config.ts";
import type { Container } from "../../support/container.ts";
import type { Lab } from "../../support/lab.ts";
import type { Result } from "../../support/runtime.ts";
import { type Attacker, besieged } from "./attackers.ts";

export interface Outcome {
  readonly attacker: string;
  /** How often each command was called, and how often it failed. */
  readonly calls: Map<string, { made: number; failed: number }>;
  /** One line each. */
  readonly hangs: string[];
  readonly undeletable: string[];
  readonly leftovers: string[];
  /** The texts of failures, and how often each occurred. */
  readonly words: Map<string, number>;
}

/** A command that takes longer counts as hanging. */
const LIMIT_MS = 30_000;
/** The number of tries for each container, if it survives. */
const TRIES_EACH = 10;
const TRIES_PER_LOOK = 50;

/** The commands that are tried beside `exec`, one with each. */
const COMMANDS: readonly (readonly string[])[] = [
  ["kill", "ID", "CONT"],
  ["ps", "--format", "json", "ID"],
  ["pause", "ID"],
  ["update", "--cpu-share", "512", "ID"],
  ["events", "--stats", "ID"],
  ["state", "ID"],
];

export async function siege(
  lab: Lab,
  attacker: Attacker,
  { edit, tries }: { readonly edit: (config: Config) => void; readonly tries: number },
): Promise<Outcome> {
  const outcome: Outcome = {
    ...{ attacker: attacker.name, calls: new Map(), words: new Map() },
    ...{ hangs: [], undeletable: [], leftovers: [] },
  };
  let box = besieged(lab, attacker, edit);
  for (let tried = 0; tried < tries; ) {
    const running = await call(lab, outcome, ["run", "--detach", "--bundle", box.bundle, box.id]);
    if (running?.code !== 0) throw new Error(`cannot begin the siege "${attacker.name}": ${running?.stderr}`);
    tried += await storm(box, attacker, { outcome, first: tried, most: tries - tried });
    const deleted = await call(lab, outcome, ["delete", "--force", box.id]);
    if (deleted?.code !== 0) {
      outcome.undeletable.push(deleted?.stderr.trim() ?? `delete --force ${box.id} hangs`);
      box = besieged(lab, attacker, edit);
    }
    if (tried % TRIES_PER_LOOK === 0) outcome.leftovers.push(...(await lab.leftovers()));
  }
  return outcome;
}

/** Tries on one container; returns how many. */
async function storm(
  box: Container,
  attacker: Attacker,
  { outcome, first, most }: { outcome: Outcome; first: number; most: number },
): Promise<number> {
  const count = Math.min(attacker.ends === true ? 1 : TRIES_EACH, most);
  for (let tried = 0; tried < count; tried += 1) {
    await call(box.lab, outcome, ["exec", box.id, "true"]);
    const words = COMMANDS[(first + tried) % COMMANDS.length] ?? [];
    await call(
      box.lab,
      outcome,
      words.map((word) => (word === "ID" ? box.id : word)),
    );
    if (words[0] === "pause") await call(box.lab, outcome, ["resume", box.id]);
  }
  return count;
}

/** The result of a command; `undefined` when it hung. */
async function call(lab: Lab, outcome: Outcome, words: readonly string[]): Promise<Result | undefined> {
  const [command = ""] = words;
  const count = outcome.calls.get(command) ?? { made: 0, failed: 0 };
  outcome.calls.set(command, count);
  count.made += 1;
  try {
    const result = await lab.invoke(words, { timeoutMs: LIMIT_MS });
    if (result.code === 0) return result;
    count.failed += 1;
    const heard = `${command}: ${heardOf(result)}`;
    outcome.words.set(heard, (outcome.words.get(heard) ?? 0) + 1);
    return result;
  } catch (error) {
    if (!(error instanceof Error) || !error.message.includes("did not end within")) throw error;
    outcome.hangs.push(words.join(" "));
    return undefined;
  }
}

/** The last line, without the parts that differ in each call. */
function heardOf({ code, stderr }: Result): string {
  const line = stderr.trim().split("\n").at(-1) ?? "";
  if (line === "") return `status ${code}`;
  return line
    .replace(/time="[^"]*" /, "")
    .replace(/oci-e2e-[\w-]+/g, "ID")
    .replace(/\d{3,}/g, "N");
}
