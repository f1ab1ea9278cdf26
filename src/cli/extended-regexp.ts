// Translates extended regular expressions (regex(7)), which crun takes, to the engine's. They differ in
// bracket expressions, where a backslash is an ordinary character and classes have names, and in the syntax
// that only the engine has. Pure.

import { TsrunError } from "../errors.ts";

const CLASSES: Readonly<Record<string, string>> = {
  alnum: "A-Za-z0-9",
  alpha: "A-Za-z",
  blank: " \\t",
  cntrl: "\\x00-\\x1f\\x7f",
  digit: "0-9",
  graph: "\\x21-\\x7e",
  lower: "a-z",
  print: "\\x20-\\x7e",
  punct: "!-\\/:-@\\[-`{-~",
  space: "\\s",
  upper: "A-Z",
  xdigit: "0-9A-Fa-f",
};

/** Throws if the text is not a regular expression. */
export function extendedRegExp(text: string): RegExp {
  try {
    return new RegExp(translated(text));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw invalid(text, error.message);
  }
}

function translated(text: string): string {
  let result = "";
  for (let at = 0; at < text.length; ) {
    const character = text[at] ?? "";
    if (character === "[") {
      const bracket = readBracket(text, at);
      result += bracket.translated;
      at = bracket.end;
    } else if (character === "\\") {
      const next = text[at + 1];
      if (next === undefined) throw invalid(text, "a backslash at its end");
      // An escaped character that is no operator means itself; the engine would read escaped letters as
      // classes.
      result += /[\w]/.test(next) ? next : `\\${next}`;
      at += 2;
    } else {
      if (text.startsWith("(?", at)) throw invalid(text, '"?" has nothing before it');
      result += character === "/" ? "\\/" : character;
      at += 1;
    }
  }
  return result;
}

/** Translates a bracket expression such as `[^]a-z[:digit:]]`. */
function readBracket(text: string, start: number): { translated: string; end: number } {
  let at = start + 1;
  let result = "[";
  if (text[at] === "^") {
    result += "^";
    at += 1;
  }
  for (let isFirst = true; at < text.length; isFirst = false) {
    const character = text[at] ?? "";
    if (character === "]" && !isFirst) return { translated: `${result}]`, end: at + 1 };
    const named = /^\[:(\w*):\]/.exec(text.slice(at));
    if (named !== null) {
      const [whole, name = ""] = named;
      const members = Object.hasOwn(CLASSES, name) ? CLASSES[name] : undefined;
      if (members === undefined) throw invalid(text, `there is no class "${name}"`);
      result += members;
      at += whole.length;
      continue;
    }
    result += /[\\\][^]/.test(character) ? `\\${character}` : character;
    at += 1;
  }
  throw invalid(text, 'a "[" without its "]"');
}

function invalid(text: string, why: string): TsrunError {
  return new TsrunError("E_USAGE", `invalid regular expression ${JSON.stringify(text)}: ${why}`, {
    hint: "ids are matched by an extended regular expression, regex(7)",
  });
}
