// Makes random documents from the schemas, and adds faults to them. The same seed makes the same documents.
// For tests that compare two checks.

import { readFileSync } from "node:fs";
import { randomWords } from "../../support/random.ts";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

interface Schema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
}

export class Random {
  readonly #word: () => number;

  constructor(seed: number) {
    this.#word = randomWords(seed);
  }

  /** A number from 0 up to, not including, 1. */
  next(): number {
    return this.#word() / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  pick<Choice>(choices: readonly Choice[]): Choice {
    return choices[this.below(choices.length)] as Choice;
  }
}

/** Words for patterns, none of which a generator could guess. */
const MATCHES: Readonly<Record<string, readonly string[]>> = {
  "^[0-9, -]*$": ["", "0", "0-3,7", "1 - 2"],
  "^[1-9][0-9]*[KMG]B$": ["2MB", "1GB", "64KB"],
  "^MB:[^\\n]*$": ["MB:0=20", "MB:"],
  "^CAP_[A-Z_]+$": ["CAP_KILL", "CAP_NEW_ONE"],
};

const schemas = new Map<string, Schema>();

export function readSchema(file: string): Schema {
  let schema = schemas.get(file);
  if (schema === undefined) {
    schema = JSON.parse(readFileSync(`schemas/${file}`, "utf8")) as Schema;
    schemas.set(file, schema);
  }
  return schema;
}

/** A document that the schema in a file accepts, with about `share` of the optional members. */
export function randomDocument(file: string, random: Random, share: number): { [key: string]: Json } {
  return valueFor(readSchema(file), { file, random, share }) as { [key: string]: Json };
}

interface Making {
  readonly file: string;
  readonly random: Random;
  readonly share: number;
}

function valueFor(schema: Schema, making: Making): Json {
  const { random } = making;
  if (schema.$ref !== undefined) {
    const [file = "", path = ""] = schema.$ref.split("#");
    const target = { ...making, file: file === "" ? making.file : file };
    const whole = readSchema(target.file);
    return valueFor(path === "" ? whole : (whole.$defs?.[path.replace("/$defs/", "")] ?? {}), target);
  }
  if (schema.enum !== undefined) return random.pick(schema.enum);
  switch (schema.type) {
    case "object":
      return objectFor(schema, making);
    case "array":
      return Array.from({ length: 1 + random.below(3) }, () => valueFor(schema.items ?? {}, making));
    case "integer":
      return integerFor(schema, random);
    case "boolean":
      return random.next() < 0.5;
    default:
      return schema.pattern === undefined ? random.pick(WORDS) : random.pick(MATCHES[schema.pattern] ?? [""]);
  }
}

const WORDS = ["", "/", "/proc", "x", "a b", "\u00e9", "1.2.1", "none"];

function objectFor(schema: Schema, making: Making): Json {
  const { random, share } = making;
  const made: { [key: string]: Json } = {};
  for (const [key, member] of Object.entries(schema.properties ?? {})) {
    if (schema.required?.includes(key) !== true && random.next() >= share) continue;
    made[key] = valueFor(member, making);
  }
  if (schema.additionalProperties !== undefined)
    made[random.pick(WORDS) || "key"] = valueFor(schema.additionalProperties, making);
  return made;
}

function integerFor({ minimum = -1000, maximum = 1000 }: Schema, random: Random): number {
  return random.pick([minimum, maximum, Math.max(minimum, 0), Math.min(maximum, 1), Math.min(maximum, 513)]);
}

/** Values that may replace any value. */
const ODDITIES: readonly Json[] = [
  null,
  true,
  0,
  -1,
  1.5,
  513,
  70000,
  2 ** 32,
  2 ** 63,
  1e30,
  -1e30,
  "",
  "x",
  "CAP_NEW",
  "RLIMIT_NEW",
  "rshared",
  "paused",
  "SCMP_ACT_ALOW",
  [],
  [null],
  ["x", 1],
  {},
  { "": 1 },
  { "": "x", key: "y" },
  { path: 1 },
];

interface Place {
  readonly holder: { [key: string]: Json };
  readonly key: string;
}

/** Changes one thing somewhere in a document. */
export function spoil(document: { [key: string]: Json }, random: Random): void {
  const places: Place[] = [];
  collect(document, places);
  if (places.length === 0) return;
  const { holder, key } = random.pick(places);
  switch (random.below(5)) {
    case 0:
      if (!Array.isArray(holder)) delete holder[key];
      return;
    case 1:
      if (!Array.isArray(holder)) holder[`${key}x`] = structuredClone(random.pick(ODDITIES));
      return;
    case 2:
      if (typeof holder[key] === "string") holder[key] = `${holder[key]}X`;
      return;
    default:
      holder[key] = structuredClone(random.pick(ODDITIES));
  }
}

function collect(value: Json | undefined, places: Place[]): void {
  if (typeof value !== "object" || value === null) return;
  for (const key of Object.keys(value)) {
    const holder = value as { [key: string]: Json };
    places.push({ holder, key });
    collect(holder[key], places);
  }
}
