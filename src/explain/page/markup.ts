// Writes markup. Every text of a configuration goes through `escaped`, since it may contain anything. Pure.

// Control characters, invisible ones, ones that change the direction of text, and what XML does not allow.
// With the flag "u", \p{Cs} matches a surrogate without its other half.
const SPECIAL =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  /[&<>"'\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff\p{Cf}\p{Cs}]/gu;

const NAMED: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

/** A text for an element or a quoted attribute. Invisible characters are shown as in JSON: `\u202e`. */
export function escaped(text: string): string {
  return text.replace(SPECIAL, (sign) => NAMED[sign] ?? numbered(sign));
}

function numbered(sign: string): string {
  const codes = Array.from({ length: sign.length }, (_, index) => sign.charCodeAt(index));
  return codes.map((code) => `\\u${code.toString(16).padStart(4, "0")}`).join("");
}

/** Longer words would make a table too wide if they could not be broken. */
const LONGEST_RUN = 22;
const BREAKS = /(?<=[/,_:=.@-])(?=[^\s/,_:=.@-])/;

/**
 * The contents of a cell. A long word may be broken after a slash and the like, elsewhere only if it must
 * be.
 */
export function cellMarkup(text: string): { readonly markup: string; readonly isLong: boolean } {
  let isLong = false;
  const words = text.split(" ").map((word) => {
    if (word.length <= LONGEST_RUN) return escaped(word);
    const parts = word.split(BREAKS);
    isLong ||= parts.some((part) => part.length > LONGEST_RUN);
    return parts.map(escaped).join("<wbr/>");
  });
  return { markup: words.join(" "), isLong };
}

/** Several lines, each escaped. */
export function escapedLines(text: string): string {
  return text.split("\n").map(escaped).join("\n");
}

/** The number of columns in a monospaced font. East Asian characters take two. */
export function columnsOf(text: string): number {
  let columns = 0;
  for (const sign of text)
    columns +=
      /\p{Script=Han}|[\u1100-\u115f\u3000-\u30ff\uac00-\ud7a3\uff00-\uff60]|\p{Emoji_Presentation}/u.test(
        sign,
      )
        ? 2
        : 1;
  return columns;
}

/** The beginning and the end of a text, in at most this many columns. The result is not escaped yet. */
export function fitted(text: string, most: number): string {
  // Count invisible characters as they will be shown.
  const shown = text.replace(SPECIAL, (sign) =>
    /[&<>"']/.test(sign) ? sign : (NAMED[sign] ?? numbered(sign)),
  );
  if (columnsOf(shown) <= most) return shown;
  const signs = [...shown];
  const end = Math.floor((most - 1) / 2);
  const tail = lastColumns(signs, end);
  const head = lastColumns(signs.toReversed(), most - 1 - end);
  return `${[...head].toReversed().join("")}…${tail}`;
}

function lastColumns(signs: readonly string[], most: number): string {
  let tail = "";
  for (const sign of signs.toReversed()) {
    if (columnsOf(sign + tail) > most) break;
    tail = sign + tail;
  }
  return tail;
}
