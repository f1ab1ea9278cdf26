// Signal names as `kill` takes them (signal(7); the numbers are those of x86-64 and arm64). Pure.

import { TsrunError } from "../errors.ts";
import { SIGNAL_NAMES } from "../linux/numbers/signal-words.ts";
import { nearestWord } from "../spec/nearest.ts";

const ALIASES: Readonly<Record<string, string>> = { IOT: "ABRT", CLD: "CHLD", POLL: "IO" };

/** As the C library counts: it reserves the kernel's signals 32 and 33. */
const SIGRTMIN = 34;
const SIGRTMAX = 64;

/**
 * The number of a signal given as a number, as a name in any case with or without SIG, or as RTMIN+n or
 * RTMAX-n.
 */
export function parseSignal(text: string): number {
  if (/^\d+$/.test(text)) return checkNumber(text);
  const name = text.toUpperCase().replace(/^SIG/, "");
  const index = SIGNAL_NAMES.indexOf(ALIASES[name] ?? name);
  if (index >= 0) return index + 1;
  const realTime = /^(RTMIN|RTMAX)(?:([+-]\d+))?$/.exec(name);
  if (realTime !== null) {
    const number = (realTime[1] === "RTMIN" ? SIGRTMIN : SIGRTMAX) + Number(realTime[2] ?? 0);
    if (number >= SIGRTMIN && number <= SIGRTMAX) return number;
  }
  throw unknownSignal(text, nearestWord(name, SIGNAL_NAMES));
}

function checkNumber(text: string): number {
  const number = Number(text);
  // 0 only checks that the process exists.
  if (number <= SIGRTMAX) return number;
  throw unknownSignal(text);
}

function unknownSignal(text: string, nearest?: string): TsrunError {
  return new TsrunError("E_USAGE", `unknown signal ${JSON.stringify(text)}`, {
    hint:
      nearest === undefined
        ? "signals are named as in signal(7), or numbered 0 to 64"
        : `did you mean ${nearest}?`,
  });
}
