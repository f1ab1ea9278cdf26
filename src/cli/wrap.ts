// Wraps a text into lines of a given width. The text may be a list of a hundred thousand rows or an argument
// of megabytes, so the code avoids examining it character by character. Pure.

import { visible } from "./log.ts";

/** Whether each UTF-16 unit of the text is one printable character. */
export function isPlain(text: string): boolean {
  return /^[ -~]*$/.test(text);
}

/** The text without line breaks and control characters. */
export function withoutBreaks(text: string): string {
  return isPlain(text) ? text : visible(text.replaceAll(/[\n\r\t]/g, " "));
}

/** The length in characters, not in UTF-16 units. */
export function lengthOf(text: string): number {
  return isPlain(text) ? text.length : [...text].length;
}

/** Lines of at most `width` characters; a longer word is cut at the end of the line. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (let start = 0; ; ) {
    // Take one character more: a space right after the line ends it.
    const head = charactersFrom(text, start, width + 1);
    if (lengthOf(head) <= width) return [...lines, head];
    const space = head.lastIndexOf(" ");
    const line = space < 0 ? chop(charactersFrom(head, 0, width)) : head.slice(0, space);
    if (line.trim() !== "") lines.push(line);
    start += space < 0 ? line.length : space + 1;
  }
}

/** The next `count` characters, which have at most twice as many units. */
function charactersFrom(text: string, start: number, count: number): string {
  const units = text.slice(start, start + count * 2);
  return isPlain(units) ? units.slice(0, count) : [...units].slice(0, count).join("");
}

/** Cuts a path after a slash, and flags after a comma, if there is one near the end. */
function chop(word: string): string {
  const sign = Math.max(word.lastIndexOf("/"), word.lastIndexOf(","));
  return sign > word.length / 2 ? word.slice(0, sign + 1) : word;
}
