// Checks the rules of style: sizes, names, words, and the direction of imports. Each failure names the place.
// If a rule needs an exception, change it here and give the reason.

import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { basename } from "node:path";
import t from "tap";
import {
  circlesOf,
  functionSpans,
  loadedWith,
  readNativeSources,
  readSources,
  roomsOf,
  type SourceFile,
} from "./source.ts";

const MAX_FILE = 400;
const MAX_FUNCTION = 70;
const MAX_STORY = 120;
const MAX_LINE = 110;

/** The stories are read from top to bottom; one function of each may be longer. */
const STORIES = new Set(["create", "exec", "start", "run"].map((name) => `src/container/${name}.ts`));

/** The module with native code that the engine is linked with. */
const NATIVE = "native";
/** The files outside src/engine/ that may use it. */
const FOREIGN = new Set(
  ["call/call", "call/timeline", "libraries/ffi", "libraries/libseccomp", "process/spawn"].map(
    (name) => `src/linux/${name}.ts`,
  ),
);

const BAG_NAMES = /^(utils?|helpers|common|misc|shared|index|manager)\.ts$/;

/** A word in the opening comment of a file that only computes; such a file must load under Node. */
const PURE = /\bPure\b/;

/** A folder imports from its own layer and from those below it. */
const LAYERS: readonly (readonly string[])[] = [
  ["boot"],
  ["main"],
  ["shim"],
  ["cli"],
  ["explain", "check", "diff", "record", "why", "gc"],
  ["trace"],
  ["container"],
  // The topics may import each other.
  [
    ...["namespaces", "rootfs", "cgroups", "process", "seccomp", "hooks", "terminal", "spec", "features"],
    ...["checkpoint", "network", "rdt", "cause"],
  ],
  ["proxy", "protobuf"],
  ["linux"],
  ["engine"],
  ["errors", "once", "spans", "waits"],
];

const sources = readSources("src");
const everything = [...sources, ...readSources("test", "scripts")];
/** C and assembly, of which only the size and the opening comment are checked. */
const native = readNativeSources("src");
const byPath = new Map(everything.map((file) => [file.path, file]));

function layerOf(path: string): number {
  const name = path.split("/")[1]?.replace(/\.ts$/, "") ?? "";
  return LAYERS.findIndex((layer) => layer.includes(name));
}

function openingComment({ lines }: SourceFile): string {
  const end = lines.findIndex((line) => !line.startsWith("//"));
  return lines.slice(0, end).join(" ");
}

/** States a rule, which holds if `find` finds nothing. */
function rule(sentence: string, find: () => readonly string[]): void {
  t.test(sentence, (test) => {
    test.strictSame(find(), []);
    test.end();
  });
}

/** One complaint per line that matches. */
function linesMatching(files: readonly SourceFile[], pattern: RegExp): string[] {
  return files.flatMap(({ path, lines }) =>
    lines.flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [])),
  );
}

t.test("there are sources to look at", (test) => {
  test.ok(sources.length > 0);
  test.end();
});

/**
 * The lines of the blocks that enclose a line, found by indentation, from the innermost up to the function.
 */
function* enclosing(lines: readonly string[], index: number): Generator<string> {
  let indent = /^ */.exec(lines[index] ?? "")?.[0].length ?? 0;
  for (let at = index - 1; at >= 0 && indent > 0; at--) {
    const line = lines[at] ?? "";
    const its = /^ */.exec(line)?.[0].length ?? 0;
    if (line === "" || its >= indent) continue;
    indent = its;
    yield line.trim();
  }
}

// The bundler's code for it keeps an error until the function ends, so the next round would throw it again.
rule("no `using` stands in a try of a loop", () =>
  sources.flatMap(({ path, lines }) =>
    lines.flatMap((line, index) => {
      if (!/^ *using /.test(line)) return [];
      const around = [...enclosing(lines, index)];
      const end = around.findIndex((outer) => /^(?!for|while|if|else|switch|try|\})\S.*[{(]$/.test(outer));
      const own = around.slice(0, end < 0 ? undefined : end);
      const loop = own.findIndex((outer) => /^(for|while|do)\b/.test(outer));
      const isCaught = own.slice(0, Math.max(loop, 0)).includes("try {");
      return isCaught ? [`${path}:${index + 1}: ${line.trim()}`] : [];
    }),
  ),
);

/** The text of these is in the order of time: what goes into which message is the conversation's matter. */
const SAID = new Set(["create", "init", "set-up"].map((name) => `src/container/${name}.ts`));

rule("what create says to the first process names no messages", () =>
  linesMatching(
    sources.filter(({ path }) => SAID.has(path)),
    /\bbatch|\bahead\b|^\s*(\/\/|\/?\*).*\bmessages?\b/i,
  ),
);

rule("no story takes anything from another, but run, which is create and start", () => {
  const commands = sources.filter(({ path }) => path.startsWith("src/cli/commands/"));
  const stories = new Set(commands.map(({ path }) => `src/container/${basename(path)}`));
  // What is kept of a container; the command of that name has its story in src/record/.
  stories.delete("src/container/record.ts");
  return sources
    .filter(({ path }) => stories.has(path))
    .flatMap(({ path, imports }) =>
      imports
        .filter(({ target }) => stories.has(target))
        .filter(({ target }) => !(path.endsWith("/run.ts") && /\/(create|start)\.ts$/.test(target)))
        .map(({ target }) => `${path}: ${target}`),
    );
});

rule(`a file has at most ${MAX_FILE} lines`, () =>
  [...everything, ...native]
    .filter(({ lines }) => lines.length > MAX_FILE)
    .map(({ path, lines }) => `${path}: ${lines.length}`),
);

rule(`a line has at most ${MAX_LINE} columns`, () =>
  linesMatching([...everything, ...native], new RegExp(`^.{${MAX_LINE + 1},}$`, "u")),
);

rule(`a function has at most ${MAX_FUNCTION} lines, one of a story ${MAX_STORY}`, () =>
  everything.flatMap((file) => {
    const long = functionSpans(file).filter(({ length }) => length > MAX_FUNCTION);
    const story = STORIES.has(file.path) ? long.findIndex(({ length }) => length <= MAX_STORY) : -1;
    return long
      .filter((_, index) => index !== story)
      .map(({ name, line, length }) => `${file.path}:${line}: ${name} has ${length} lines`);
  }),
);

rule("every file opens with a comment that says what it holds", () =>
  [...everything, ...native]
    .filter(({ lines }) => !/^(\/\/|\/\*|#!|# )/.test(lines[0] ?? ""))
    .map(({ path }) => path),
);

rule("no file is a bag or a barrel", () => [
  ...everything.filter(({ path }) => BAG_NAMES.test(basename(path))).map(({ path }) => path),
  ...everything
    .filter(({ lines }) => lines.some((line) => /^export \* from/.test(line)))
    .map(({ path }) => `${path} re-exports`),
]);

rule("nothing is exported as default, unless another program asks for it", () =>
  everything.flatMap(({ path, lines }) =>
    lines.flatMap((line, index) => {
      const excused = lines[index - 1]?.includes("biome-ignore lint/style/noDefaultExport:") === true;
      return /^export default\b/.test(line) && !excused ? [`${path}:${index + 1}`] : [];
    }),
  ),
);

rule("nothing is of type any", () =>
  linesMatching(everything, /^(?!\s*(\/\/|\/?\*))[^"'`]*(:|<|\bas) any\b/),
);

rule("no TODO stays without an issue", () =>
  linesMatching(everything, /(\/\/|\*) .*\b(TODO|FIXME)\b(?!.*#\d)/),
);

/** A pid alone may refer to another process by now; only this file takes care of that. */
const SENDS_SIGNALS = "src/linux/process/process-handle.ts";
/** Has the first process signal its own child, for which nobody else can wait. */
const SENDS_INSIDE = "src/hooks/inside.ts";

rule("nothing but one file calls kill(2)", () =>
  linesMatching(
    sources.filter(({ path }) => path !== SENDS_SIGNALS && path !== SENDS_INSIDE),
    /\b(tryCall|mustCall|operation|syscall)\((.*[,(] *)?"(kill|tkill|tgkill)"/,
  ),
);

rule("tests send signals to numbers that have been checked: 0 and less mean groups of processes", () =>
  linesMatching(
    everything.filter(({ path }) => path.startsWith("test/") && path !== "test/support/host.ts"),
    /(?<![.#\w])process\.kill\((?!\w+, 0\))/,
  ),
);

rule("what is said to the first process is laid out in src/proxy only", () =>
  sources.flatMap(({ path, imports }) =>
    path.startsWith("src/proxy/")
      ? []
      : imports
          .filter(({ target }) => target.startsWith("src/proxy/wire/"))
          .map(({ target }) => `${path} imports ${target}`),
  ),
);

rule("enums are unions of literals", () => linesMatching(everything, /^(export )?(const )?enum\b/));

rule("imports point from the command line down to the kernel", () =>
  sources.flatMap(({ path, imports }) => {
    const layer = layerOf(path);
    if (layer < 0) return [`${path}: its folder is in no layer`];
    return imports
      .filter(({ target }) => target.startsWith("src/") && layerOf(target) < layer)
      .map(({ target }) => `${path} imports ${target}`);
  }),
);

rule("sources import no tests, scripts or build results", () =>
  sources.flatMap(({ path, imports }) =>
    imports
      .filter(({ target }) => /^(test|scripts|build|dist)\//.test(target))
      .map(({ target }) => `${path} imports ${target}`),
  ),
);

rule("foreign functions are bound in src/linux only", () =>
  sources
    .filter(({ path, imports }) =>
      imports.some(
        ({ target }) =>
          (target === NATIVE && !path.startsWith("src/engine/") && !FOREIGN.has(path)) ||
          (target === "src/linux/libraries/ffi.ts" && !path.startsWith("src/linux/")),
      ),
    )
    .map(({ path }) => path),
);

rule("nothing of Node's is imported: the engine has none of it", () =>
  sources.flatMap(({ path, imports }) =>
    imports.filter(({ target }) => isBuiltin(target)).map(({ target }) => `${path} imports ${target}`),
  ),
);

/** A function that waits for an import makes all its callers wait. */
rule("nothing is imported on demand: the snapshot has all sources loaded", () =>
  linesMatching(sources, /\bimport\(/),
);

rule("files that call themselves pure load nothing that is not", () =>
  sources
    .filter((file) => PURE.test(openingComment(file)))
    .filter(({ path }) => loadedWith(path, byPath).has(NATIVE))
    .map(({ path }) => path),
);

rule("unit tests load no foreign functions", () =>
  everything
    .filter(({ path }) => path.startsWith("test/unit/"))
    .filter(({ path }) => loadedWith(path, byPath).has(NATIVE))
    .map(({ path }) => path),
);

rule("no files import each other in a circle, not even for types", () =>
  circlesOf(
    new Map(sources.map(({ path, imports }) => [path, new Set(imports.map(({ target }) => target))])),
  ).map((circle) => circle.join(" ")),
);

rule("what stands in a folder, files and folders, does not import each other in a circle", () =>
  [...roomsOf(sources)].flatMap(([folder, graph]) =>
    circlesOf(graph).map((circle) => `${folder}: ${circle.join(" ")}`),
  ),
);

/** Every process starts from the same snapshot of the engine, and would get the same numbers. */
rule("nothing takes numbers from Math.random", () =>
  sources
    .filter(
      ({ path, lines }) => path.startsWith("src/") && lines.some((line) => /\bMath\.random\b/.test(line)),
    )
    .map(({ path }) => path),
);

rule("generated files are not checked in", () => {
  const ignored = readFileSync(".gitignore", "utf8").split("\n");
  return ["/build/", "/dist/", "src/spec/generated/"].filter((path) => !ignored.includes(path));
});
