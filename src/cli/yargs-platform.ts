// yargs' platform interface, without Node. The build replaces yargs' own lib/platform-shims/esm.mjs with this
// file. The original reads package.json in the working directory (for us a bundle, which may be hostile),
// looks for translations, loads node:fs, and opens process.stdout, which makes the caller's pipe
// non-blocking. Pure except for the environment.

import cliui from "cliui";
import stringWidth from "string-width";
import parser from "yargs-parser/browser";

const strings = new Map<string, string>();

/** Translates, which is how we replace its headings, and fills in `%s`. */
function translate(text: string, ...values: readonly unknown[]): string {
  let next = 0;
  return (strings.get(text) ?? text).replaceAll("%s", () => String(values[next++] ?? ""));
}

const last = (path: string) => path.slice(path.lastIndexOf("/") + 1);
const nothing = () => undefined;

const platform = {
  assert: { notStrictEqual: nothing, strictEqual: nothing },
  cliui,
  findUp: nothing,
  getEnv: (name: string) => process.env[name],
  inspect: String,
  getCallerFile: () => "",
  getProcessArgvBin: () => "",
  mainFilename: "",
  Parser: parser,
  path: {
    basename: last,
    dirname: String,
    extname: () => "",
    relative: (_from: string, to: string) => to,
    resolve: String,
    join: (...parts: readonly string[]) => parts.join("/"),
  },
  process: {
    argv: () => [],
    cwd: () => "/",
    emitWarning: nothing,
    execPath: () => "",
    exit: nothing,
    nextTick: queueMicrotask,
    stdColumns: null,
  },
  readFileSync: () => "",
  readdirSync: () => [],
  require: nothing,
  stringWidth,
  y18n: {
    __: translate,
    __n: (one: string, many: string, count: number, ...values: readonly unknown[]) =>
      translate(count === 1 ? one : many, ...values),
    getLocale: () => "en",
    setLocale: nothing,
    updateLocale: (changed: Readonly<Record<string, string>>) => {
      for (const [text, replacement] of Object.entries(changed)) strings.set(text, replacement);
    },
  },
};

// biome-ignore lint/style/noDefaultExport: the file it stands in for exports its object so
export default platform;
