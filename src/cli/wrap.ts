// Lines of a text that are no wider than a page or a column. Lists of a hundred thousand rows and arguments
// of megabytes come here, so nothing looks at a text character by character that need not. Pure.

import { visible } from "./log.ts";

/** Whether each unit of the text is one character to be shown as it is. */
export function isPlain(text: string): boolean {
  return /^[ -~]*$/.test(text);
}

/** A text without ends of lines, and without orders to a terminal. */
export function withoutBreaks(text: string): string {
  return isPlain(text) ? text : visible(text.replaceAll(/[\n\r\t]/g, " "));
}

/** In characters, not in halves of surrogate pairs. */
export function lengthOf(text: string): number {
  return isPlain(text) ? text.length : [...text].length;
}

/** Lines of at most `width` characters; a word that is longer than one goes on where the line ends. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (let start = 0; ; ) {
    // With one character more: a space right behind the line ends it.
    const head = charactersFrom(text, start, width + 1);
    if (lengthOf(head) <= width) return [...lines, head];
    const space = head.lastIndexOf(" ");
    const line = space < 0 ? chop(charactersFrom(head, 0, width)) : head.slice(0, space);
    if (line.trim() !== "") lines.push(line);
    start += space < 0 ? line.length : space + 1;
  }
}

/** The next `count` characters: no more units than twice as many. */
function charactersFrom(text: string, start: number, count: number): string {
  const units = text.slice(start, start + count * 2);
  return isPlain(units) ? units.slice(0, count) : [...units].slice(0, count).join("");
}

/** A path is cut behind a slash, flags behind a comma, if that is not too far back. */
function chop(word: string): string {
  const sign = Math.max(word.lastIndexOf("/"), word.lastIndexOf(","));
  return sign > word.length / 2 ? word.slice(0, sign + 1) : word;
}
