// A race: creates containers, one after the other, while the paths that they use are exchanged. Counts
// escapes, leftovers, and refusals, which are a good answer to an attack.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "../../support/lab.ts";
import type { Place, Swap } from "./places.ts";
import { Scene } from "./scene.ts";

export interface Outcome {
  readonly place: string;
  creates: number;
  refused: number;
  exchanges: number;
  /** One line each. */
  readonly escapes: string[];
  readonly leftovers: string[];
  /** The texts of refusals, and how often each occurred. */
  readonly words: Map<string, number>;
}

/** A full check of the host takes longer than a create. */
const CREATES_PER_LOOK = 50;

/** Creates containers against one place. Closing the lab checks once more for leftovers. */
export async function race(lab: Lab, place: Place, creates: number): Promise<Outcome> {
  const outcome: Outcome = {
    ...{ place: place.name, creates: 0, refused: 0, exchanges: 0 },
    ...{ escapes: [], leftovers: [], words: new Map() },
  };
  const scene = new Scene(lab);
  const attacker = await Attacker.start(place.prepare(scene));
  lab.atClose(() => attacker.kill());
  scene.writeConfig();
  while (outcome.creates < creates) {
    await createOnce(place, scene, outcome);
    if (outcome.creates % CREATES_PER_LOOK === 0) outcome.leftovers.push(...(await lab.leftovers()));
  }
  outcome.exchanges = await attacker.stop();
  return outcome;
}

async function createOnce(place: Place, scene: Scene, outcome: Outcome): Promise<void> {
  const { box, lab } = scene;
  const pidFile = join(lab.folder, "pid");
  const result = await box.create({ flags: ["--pid-file", pidFile, ...(place.flags?.(scene) ?? [])] });
  outcome.creates += 1;
  if (result.code === 0) {
    const pid = Number(readFileSync(pidFile, "utf8"));
    outcome.escapes.push(...(place.inspect?.(scene, pid) ?? []), ...scene.escapes());
    // A refused create must have left nothing without a delete.
    const deleted = await box.delete({ flags: ["--force"] });
    if (deleted.code !== 0) outcome.leftovers.push(`delete --force: ${deleted.stderr.trim()}`);
  } else {
    outcome.refused += 1;
    const heard = heardOf(result.stderr);
    outcome.words.set(heard, (outcome.words.get(heard) ?? 0) + 1);
    outcome.escapes.push(...scene.escapes());
  }
  scene.tidy();
}

/** The last line, without the parts that differ in each call. */
function heardOf(stderr: string): string {
  const line = stderr.trim().split("\n").at(-1) ?? "";
  return line.replace(/time="[^"]*" /, "").replace(/\d{3,}/g, "N");
}

/** The program that exchanges; see swapper.ts. */
class Attacker {
  readonly #child: ChildProcess;
  #output = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on("data", (chunk: Buffer) => {
      this.#output += chunk.toString();
    });
  }

  static async start(swaps: readonly Swap[]): Promise<Attacker> {
    // With two cores, the attacker would otherwise have one for itself and the creates would wait.
    const args = ["-n", "10", "node_modules/.bin/bun", "test/security/race/swapper.ts"];
    const child = spawn("nice", args, { stdio: ["pipe", "pipe", "inherit"] });
    const attacker = new Attacker(child);
    child.stdin.write(`${JSON.stringify(swaps)}\n`);
    await once(child.stdout, "data");
    return attacker;
  }

  /** Returns how often it has exchanged. */
  async stop(): Promise<number> {
    this.#child.stdin?.end();
    await once(this.#child, "close");
    return Number(this.#output.trim().split("\n").at(-1));
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
