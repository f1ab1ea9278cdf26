// Durations as Go's flags take them: `5s`, `1m30s`, `250ms`. Pure.

import { UsageError } from "./usage-error.ts";

const MILLISECONDS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** In milliseconds. Throws if the text is not a duration. */
export function parseDuration(flag: string, text: string): number {
  const [, sign, rest = ""] = /^([+-]?)(.+)$/.exec(text) ?? [];
  let sum = 0;
  let matched = 0;
  for (const [part, number, unit = ""] of rest.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    sum += Number(number) * (MILLISECONDS[unit] ?? 0);
    matched += part.length;
  }
  if (text !== "0" && (matched === 0 || matched !== rest.length)) {
    const message = `invalid value ${JSON.stringify(text)} for flag -${flag}: parse error`;
    throw new UsageError(message, { heading: `Incorrect Usage: ${message}` });
  }
  return sign === "-" ? -sum : sum;
}
