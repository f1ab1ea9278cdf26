// Reads the arguments of `make race` and `make siege`: a number, and parts of the names of what to try.

import { parseArgs } from "node:util";
import type { Condition } from "./behaviour.ts";
import { runtimePath } from "./runtime.ts";

export interface Candidate {
  readonly name: string;
  /** The reason why it cannot be tried here, if there is one. */
  readonly impossible?: () => Condition;
}

export interface Chosen<T> {
  readonly count: number;
  /** The candidates that are asked for and can be tried. */
  readonly candidates: readonly T[];
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Reads the arguments; says which runtime it is, and what cannot be tried. */
export function choose<T extends Candidate>(
  all: readonly T[],
  { option, usual }: { readonly option: string; readonly usual: number },
): Chosen<T> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { [option]: { type: "string", default: String(usual) } },
  });
  print(`runtime: ${runtimePath}`);
  const asked = all.filter(
    ({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)),
  );
  const candidates = asked.filter(({ name, impossible }) => {
    const reason = impossible?.();
    if (reason !== undefined) print(`${name}: not tried, ${reason}`);
    return reason === undefined;
  });
  return { count: Number(values[option]), candidates };
}
