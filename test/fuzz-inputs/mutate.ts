// Mutates documents: exchanges, removes, doubles and renames members; drops, changes and inserts bytes.
// Everything depends only on the random numbers passed in, so that an input can be made again.

export type Random = (limit: number) => number;

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const PATHS = [
  "/",
  "..",
  "../../../etc",
  "/../x",
  "/proc/self/root",
  "a//b/./c",
  "/tmp/../..",
  "relative",
  ".",
];
const TEXTS = [
  ...["", " ", "\0", "a\0b", "\ud800", "x\udc00y", "\u001b[2J", "a\nb", "\u2028", "é".repeat(300), "%s%n"],
  ...["x".repeat(300), "x".repeat(70_000), "/a".repeat(3_000), "true", "null", "[object Object]", "=", "A=B"],
  ...[
    "0-4294967295",
    "0,".repeat(500),
    "MB:0=1",
    "L3:0=f",
    "CAP_SYS_ADMIN",
    "SCMP_ACT_ERRNO",
    "mount",
    "user",
  ],
  ...PATHS,
];
const NUMBERS = [
  ...[
    0,
    -1,
    1,
    0.5,
    -0.5,
    1e-300,
    1e300,
    255,
    65_536,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32,
    2 ** 53,
    2 ** 63,
    2 ** 64,
  ],
  ...[-(2 ** 31), -(2 ** 63), 2 ** 53 + 2, 1e21],
];
const KEYS = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "",
  "a/b~c",
  "\0",
  "x".repeat(5_000),
  "0",
];

interface Spot {
  readonly holder: Json[] | { [key: string]: Json };
  readonly key: string | number;
}

export function pick<Entry>(list: readonly Entry[], random: Random): Entry {
  const entry = list[random(list.length)];
  if (entry === undefined) throw new Error("an empty list");
  return entry;
}

/** A document with up to four changes. */
export function mutate(document: unknown, random: Random): Buffer {
  const copy = { document: structuredClone(document) as Json };
  const changes = random(4);
  for (let change = 0; change <= changes; change++) {
    const spots = spotsOf(copy);
    if (spots.length > 0) changeAt(pick(spots, random), spots, random);
  }
  const text = JSON.stringify(copy.document ?? null, null, random(2));
  return damage(Buffer.from(random(8) === 0 ? withDoubledKey(text, random) : text), random);
}

function spotsOf(value: Json, spots: Spot[] = []): Spot[] {
  if (typeof value !== "object" || value === null) return spots;
  if (Array.isArray(value)) {
    for (const [key, entry] of value.entries()) {
      spots.push({ holder: value, key });
      spotsOf(entry, spots);
    }
    return spots;
  }
  for (const [key, member] of Object.entries(value)) {
    spots.push({ holder: value, key });
    spotsOf(member, spots);
  }
  return spots;
}

function changeAt(spot: Spot, spots: readonly Spot[], random: Random): void {
  const { holder } = spot;
  const value = get(spot);
  const step = random(9);
  if (step === 0) set(spot, oddValue(random));
  else if (step === 1) remove(spot);
  else if (step === 2) set(spot, structuredClone(get(pick(spots, random))));
  else if (step === 3) addTo(value, random);
  else if (step === 4) rename(spot, random);
  else if (step === 5) set(spot, nested(random));
  else if (step === 6 && Array.isArray(holder)) {
    holder.push(...Array.from({ length: random(400) }, () => structuredClone(value)));
  } else set(spot, alike(value, random));
}

function get({ holder, key }: Spot): Json {
  return (holder as { [key: string]: Json })[key] ?? null;
}

/** Sets an own member, whatever its name is. */
function set({ holder, key }: Spot, value: Json): void {
  Object.defineProperty(holder, key, { value, enumerable: true, configurable: true, writable: true });
}

function remove({ holder, key }: Spot): void {
  if (Array.isArray(holder)) holder.splice(Number(key), 1);
  else delete holder[key];
}

function rename({ holder, key }: Spot, random: Random): void {
  if (Array.isArray(holder)) return;
  const value = get({ holder, key });
  delete holder[key];
  const name = String(key);
  const names = [name.toUpperCase(), name.slice(1), `${name}s`, name[0]?.toUpperCase() + name.slice(1)];
  set({ holder, key: pick([...names, ...KEYS], random) }, value);
}

function addTo(value: Json, random: Random): void {
  if (Array.isArray(value)) value.push(oddValue(random));
  else if (typeof value === "object" && value !== null) {
    set({ holder: value, key: pick(KEYS, random) }, oddValue(random));
  }
}

/** Another value of the same type. */
function alike(value: Json, random: Random): Json {
  if (typeof value === "number") return pick(NUMBERS, random);
  if (typeof value === "boolean") return !value;
  if (typeof value !== "string") return oddValue(random);
  const texts = [value.slice(0, random(value.length + 1)), value + value, value.toUpperCase(), `${value}\0`];
  return pick([...texts, ...TEXTS], random);
}

function oddValue(random: Random): Json {
  const plain: Json[] = [null, true, [], {}, [[]], [null], { "": null }, pick(TEXTS, random)];
  return pick([...plain, pick(NUMBERS, random)], random);
}

function nested(random: Random): Json {
  let value: Json = null;
  for (let depth = random(1200); depth > 0; depth--) value = depth % 2 === 0 ? [value] : { a: value };
  return value;
}

function withDoubledKey(text: string, random: Random): string {
  const keys = [...text.matchAll(/"[\w.]+":/g)];
  if (keys.length === 0) return text;
  const { 0: key, index } = pick(keys, random);
  return `${text.slice(0, index)}${key}${JSON.stringify(oddValue(random))},${text.slice(index)}`;
}

const BYTES = ["\0", "\ufeff", "{", "[", '"', "\\", "\\u0000", "\\ud83d", "-", "1e999", "//", ",", "\u00a0"];

/** Damages the text: one input in three is no longer JSON, or hardly. */
function damage(bytes: Buffer, random: Random): Buffer {
  const at = random(bytes.length + 1);
  const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
  switch (random(24)) {
    case 0:
      return before;
    case 1:
      return after;
    case 2:
      return Buffer.concat([before, Buffer.from([random(256)]), after.subarray(1)]);
    case 3:
      return Buffer.concat([before, Buffer.from([0xff, 0xc0, 0xed, 0xa0, 0x80]), after]);
    case 4:
      return Buffer.concat([before, Buffer.from(pick(BYTES, random)), after]);
    case 5:
      return Buffer.concat([Buffer.from("\ufeff"), bytes]);
    case 6:
      return Buffer.from(
        pick(["[", '{"a":', "[{}", "  ", "", "null", "0", '""', "[]", "{}"], random).repeat(
          1 + random(3_000),
        ),
      );
    case 7:
      return Buffer.concat([before, Buffer.alloc(random(100_000), 0x20), after]);
    default:
      return bytes;
  }
}
