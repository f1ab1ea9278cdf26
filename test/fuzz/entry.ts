// The program that runs in the engine with sanitizers (program.c): gives each target in turn an input made
// from one of the seeds.

import { mutate, Random } from "./random.ts";
import { TARGETS, type Target } from "./targets.ts";

/** In C: decodes UTF-8 as tsrun reads it from memory. */
declare const decode: (bytes: ArrayBuffer, length: number) => string;

interface Feed {
  readonly target: Target;
  readonly words: readonly Uint8Array[];
  readonly seeds: Uint8Array[];
}

let random = new Random(1);
let feeds: readonly Feed[] = [];
let rounds = 0;

/** Paths end in TARGET/NAME. */
function prepare(seed: number, paths: readonly string[], contents: readonly ArrayBuffer[]): void {
  random = new Random(seed);
  feeds = TARGETS.map((target) => ({
    target,
    words: target.words.map((word) => new TextEncoder().encode(word)),
    seeds: contents
      .filter((_, index) => paths[index]?.split("/").at(-2) === target.name)
      .map((content) => new Uint8Array(content)),
  }));
  const hungry = feeds.filter(({ seeds }) => seeds.length === 0).map(({ target }) => target.name);
  if (hungry.length > 0) throw new Error(`no seeds for ${hungry.join(", ")}`);
}

function beginning(stack: string | undefined): string {
  return (stack ?? "").split("\n").slice(0, 10).join("\n");
}

/** Tries one input; the first ones are the seeds themselves. Returns a line about a fault. */
function round(): string | undefined {
  const { target, words, seeds } = feeds[rounds % feeds.length] as Feed;
  const nth = Math.floor(rounds / feeds.length);
  rounds += 1;
  const bytes = seeds[nth] ?? mutate(random.of(seeds), { random, others: seeds, words });
  const text = decode(bytes.buffer as ArrayBuffer, bytes.length);
  let wrong: string | undefined;
  try {
    wrong = target.read(text);
  } catch (error) {
    wrong =
      error instanceof Error ? `${error.name}: ${error.message}\n${beginning(error.stack)}` : String(error);
  }
  return wrong === undefined ? undefined : `${target.name}: ${wrong}\n${JSON.stringify(text)}`;
}

Object.assign(globalThis, { prepare, round });
