// The parsers that are fuzzed, and what must hold for each on any input.

import { TsrunError } from "../../src/errors.ts";
import { utf8 } from "../../src/linux/call/words.ts";
import { HomeSearch } from "../../src/process/passwd.ts";
import { parseMounts } from "../../src/rootfs/host/mountinfo.ts";
import { acceptStateRecord } from "../../src/spec/generated/acceptors.ts";
import { JsonPositions } from "../../src/spec/json-positions.ts";
import { loadConfig, loadProcess, loadResources } from "../../src/spec/load.ts";
import { checkSchema } from "../../src/spec/schema-check.ts";
import { readCalls } from "./calls.ts";
import { readLanguage } from "./language.ts";
import { readMessage } from "./messages.ts";
import { readAnyMessage } from "./protobuf.ts";

export interface Target {
  readonly name: string;
  /** Strings that have a meaning for the parser. */
  readonly words: readonly string[];
  /** Parses an input. Returns the fault, if any; an error that it throws is a fault too. */
  readonly read: (text: string) => string | undefined;
}

const JSON_WORDS = [
  ...'{}[],:"\\ \n\t-+.eE0123456789',
  ...[
    "null",
    "true",
    "false",
    "\\u0000",
    "\\ud83d",
    "\\ude00",
    "\\x41",
    "\\u{41}",
    "01",
    "1.",
    ".5",
    "-0",
    "1e400",
  ],
  ...[
    "9007199254740993",
    "9223372036854775808",
    "18446744073709551616",
    "[[[[",
    '{"a":',
    "\u0000",
    "é",
    "😀",
    "\u2028",
  ],
];

/** Compares with JSON.parse; both must follow RFC 8259. */
function readJson(text: string): string | undefined {
  const scanned = JsonPositions.scan(text, ["", "/a", "/a/b", "/0", "/4/a/b/0"]) instanceof JsonPositions;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return scanned ? `JSON.parse refuses what JsonPositions takes: ${error.message}` : undefined;
  }
  if (!scanned) return "JSON.parse takes what JsonPositions refuses";
  const written = JSON.stringify(parsed);
  return JSON.stringify(JSON.parse(written)) === written ? undefined : "what is written is read otherwise";
}

/** The file is read piece by piece. */
function homeIn(bytes: Uint8Array, uid: number, size: number): string {
  const search = new HomeSearch(uid);
  for (let at = 0; at < bytes.length; at += size) {
    if (search.add(bytes.subarray(at, at + size))) break;
  }
  return search.home;
}

/** Reads large numbers as normalise.ts does, and writes them as messages do. */
function readIntegers(text: string): string | undefined {
  for (const [digits] of text.matchAll(/[1-9][0-9]*/g)) {
    const number = BigInt(digits);
    if (`${number}` !== digits) return `${digits} is read as ${number}`;
    for (const base of [2, 7, 8, 16, 36]) number.toString(base);
    if (BigInt(`0x${number.toString(16)}`) !== number) return `${digits} is written otherwise`;
    const bits = BigInt(number.toString(2).length);
    for (const width of [bits - 1n, bits, bits + 1n, 64n, 65n, 128n]) {
      const fault = faultOfWidth(number, Number(width));
      if (fault !== undefined) return fault;
    }
  }
  return undefined;
}

/** Compares BigInt.asUintN with what the language says it is, for the number and for the one below zero. */
function faultOfWidth(number: bigint, width: number): string | undefined {
  const modulus = 2n ** BigInt(width);
  const rest = number % modulus;
  if (BigInt.asUintN(width, number) !== rest) return `${number} has other ${width} bits`;
  if (BigInt.asUintN(width, -number) !== (modulus - rest) % modulus)
    return `-${number} has other ${width} bits`;
  return undefined;
}

/** Checks that a faulty text causes a TsrunError, and never the one for an internal error. */
function mustTell(read: () => unknown): string | undefined {
  try {
    read();
  } catch (error) {
    if (!(error instanceof TsrunError) || error.code === "E_INTERNAL") throw error;
  }
  return undefined;
}

/** As store.ts reads it. */
function readState(text: string): string | undefined {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  const { faults } = checkSchema(document, "StateRecord");
  if (acceptStateRecord(document) !== (faults.length === 0)) return "the two checks of a state disagree";
  const isRecord = typeof document === "object" && document !== null && !Array.isArray(document);
  return faults.length > 0 || isRecord ? undefined : "a state that is no object is taken";
}

export const TARGETS: readonly Target[] = [
  { name: "calls", words: ["\u0000", "é", "\u0005\u0001", "abcdefgh", "\u0006\u0000"], read: readCalls },
  {
    name: "messages",
    words: ["\u0000", "é", "/", "x", "abcdefgh", "\u0005\u0001\u0006\u0002"],
    read: readMessage,
  },
  {
    name: "protobuf",
    words: [
      ...["\n\u0001x", "\u0010", "\u0018\u0001", "\u0080\u0001", "*\u0000", "2\u0004", "é", "abcdefgh"],
      ...["\u00fa\u00ff\u00ff\u00ff\u00ff", "\u0080\u0080\u0080\u0080\u0001"],
    ],
    read: readAnyMessage,
  },
  {
    name: "language",
    words: ["\u0000", "é", "kind", "call", "length", "7", "__proto__", "abcdefgh"],
    read: readLanguage,
  },
  { name: "json", words: JSON_WORDS, read: (text) => readJson(text) ?? readIntegers(text) },
  {
    name: "state",
    words: [
      ...JSON_WORDS,
      '"cgroup":',
      '"paths":{',
      '"version":1',
      '"id":',
      '"init_process_pid":',
      '"unit":{',
    ],
    read: readState,
  },
  {
    name: "config",
    words: [
      ...JSON_WORDS,
      '"linux":',
      '"mounts":',
      '"process":',
      '"cpu":',
      '"options":["',
      '"path":"',
      '"type":"',
    ],
    read: (text) =>
      mustTell(() => loadConfig(text, "config.json")) ??
      mustTell(() => loadProcess(text, "process.json")) ??
      mustTell(() => loadResources(text, "resources.json")),
  },
  {
    name: "mountinfo",
    words: [
      "\n",
      " ",
      " - ",
      "/",
      "\\040",
      "\\134",
      "\\777",
      "\\",
      "shared:1",
      "master:2",
      "0:1",
      "\u0000",
      "é",
    ],
    read: (text) => {
      const entries = parseMounts(text);
      return entries.length > text.split("\n").length ? "more mounts than lines" : undefined;
    },
  },
  {
    name: "passwd",
    words: [
      "\n",
      ":",
      "::",
      "0",
      "1000",
      "4294967295",
      "00",
      " ",
      "\t",
      "\r",
      "\u0000",
      "é",
      "/root",
      "#",
      "+",
    ],
    read: (text) => {
      for (const uid of [0, 1000, 4294967295]) {
        const home = homeIn(utf8(text), uid, text.length);
        const inPieces = homeIn(utf8(text), uid, 7);
        if (home !== inPieces) return `the home of ${uid} is ${home}, and in pieces ${inPieces}`;
        if (home === "" || /[\0\n]/.test(home)) return `the home of ${uid} is ${JSON.stringify(home)}`;
      }
      return undefined;
    },
  },
];
