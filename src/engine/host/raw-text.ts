// Text of bytes that need not be UTF-8, without loss: names of files, arguments and variables are bytes to
// the kernel. A byte that belongs to no character becomes half of a surrogate pair, U+DC80 to U+DCFF, which
// no UTF-8 decodes to, and goes back as that byte (Python's PEP 383). Pure.

const HALF = 0xdc00;
/** How many code units are made into text at once. */
const CHUNK = 4096;

/** The smallest character that takes so many more bytes than the first. */
const LEAST = [0, 0x80, 0x800, 0x10000];

/** The text of `bytes`. */
export function decodeRaw(bytes: Uint8Array): string {
  let whole = "";
  let units: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] as number;
    const more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    const character = more === 0 ? first : characterAt(bytes, at, more);
    if (character === undefined) {
      units.push(HALF + first);
      at += 1;
    } else {
      if (character < 0x10000) units.push(character);
      else units.push(0xd7c0 + (character >> 10), HALF + (character & 0x3ff));
      at += more + 1;
    }
    if (units.length < CHUNK) continue;
    whole += String.fromCharCode(...units);
    units = [];
  }
  return whole + String.fromCharCode(...units);
}

/** `undefined` if the bytes are no character: cut off, longer than necessary, or half of a surrogate pair. */
function characterAt(bytes: Uint8Array, at: number, more: number): number | undefined {
  const first = bytes[at] as number;
  if (first < 0xc2 || first > 0xf4) return undefined;
  let character = first & (0x3f >> more);
  for (let index = at + 1; index <= at + more; index++) {
    const next = bytes[index] ?? 0;
    if ((next & 0xc0) !== 0x80) return undefined;
    character = (character << 6) | (next & 0x3f);
  }
  const isHalf = character >= 0xd800 && character <= 0xdfff;
  return isHalf || character < (LEAST[more] as number) || character > 0x10ffff ? undefined : character;
}

/** The bytes of `text`; `encode` makes those of text without such halves. */
export function encodeRaw(text: string, encode: (text: string) => Uint8Array): Uint8Array {
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit >= 0xd800 && unit < HALF && isLow(text.charCodeAt(at + 1))) {
      at += 1;
      continue;
    }
    if (unit < HALF + 0x80 || unit > HALF + 0xff) continue;
    if (from < at) pieces.push(encode(text.slice(from, at)));
    pieces.push(Uint8Array.of(unit - HALF));
    from = at + 1;
  }
  if (from < text.length) pieces.push(encode(text.slice(from)));
  return joinBytes(pieces);
}

function isLow(unit: number): boolean {
  return unit >= HALF && unit <= 0xdfff;
}

/** Pieces one after the other. */
export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
