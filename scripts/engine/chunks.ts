// From the bundler's chunks to bytecode. Called by build.ts. A chunk is a module of ECMAScript, and forty of
// them take longer to be linked than to run; so each becomes a function that returns its exports
// (src/engine/chunks.ts).

import { $, type BuildArtifact } from "bun";

export interface Chunk {
  /** Its file name. */
  readonly name: string;
  readonly imports: readonly Import[];
  /** What stands between its imports and its exports. */
  readonly body: string;
  /** Names outside and inside. */
  readonly exports: readonly Name[];
}

interface Import {
  /** A chunk's file name, or `native`. */
  readonly from: string;
  readonly names: readonly Name[];
}

interface Name {
  readonly outside: string;
  readonly inside: string;
}

const IMPORT = /^\s*import\s*(?:\{([^}]*)\}\s*from\s*)?"\.\/([\w.-]+)";?/;
/** What is no chunk is imported between the modules that a chunk is made of. */
const NATIVE_IMPORT = /\bimport\s*\{([^}]*)\}\s*from\s*"native";?/g;
const EXPORT = /\bexport\s*\{([^}]*)\};?\s*$/;
const DYNAMIC_IMPORT = /\bimport\("\.\/([\w.-]+)"\)/g;

/** Reads what the bundler made of one entry, which comes first. */
export async function chunksOf(outputs: readonly BuildArtifact[]): Promise<Chunk[]> {
  const scripts = outputs.filter(({ kind }) => kind === "entry-point" || kind === "chunk");
  scripts.sort((a, b) => Number(b.kind === "entry-point") - Number(a.kind === "entry-point"));
  return Promise.all(
    scripts.map(async (output) => parseChunk(output.path.replace(/^.*\//, ""), await output.text())),
  );
}

function parseChunk(name: string, text: string): Chunk {
  const imports: Import[] = [];
  let body = text;
  for (let found = IMPORT.exec(body); found !== null; found = IMPORT.exec(body)) {
    imports.push({ from: found[2] ?? "", names: namesIn(found[1] ?? "") });
    body = body.slice(found[0].length);
  }
  body = body.replaceAll(NATIVE_IMPORT, (_, names: string) => {
    imports.push({ from: "native", names: namesIn(names) });
    return "";
  });
  const exported = EXPORT.exec(body);
  if (exported !== null) body = body.slice(0, exported.index);
  // `a as b` is read from outside in an import, from inside in an export.
  const exports = namesIn(exported?.[1] ?? "").map((one) => ({ outside: one.inside, inside: one.outside }));
  return { name, imports, body, exports };
}

function namesIn(list: string): Name[] {
  const words = list.split(",").map((word) => word.trim());
  return words
    .filter((word) => word !== "")
    .map((word) => {
      const [outside = "", inside = outside] = word.split(/\s+as\s+/);
      return { outside, inside };
    });
}

export interface Compiler {
  /** Where the files go. */
  readonly directory: string;
  readonly qjsc: string;
}

/**
 * Bytes that calls may take: half of what a process usually has (getrlimit(2), RLIMIT_STACK), and enough for
 * a configuration nested as deep as json-positions.ts goes.
 */
export const STACK_SIZE = 4 << 20;

/** Writes `boot.bytecode`, of src/engine/boot.ts as the bundler has left it. */
export async function compileBoot(boot: string, compiler: Compiler): Promise<void> {
  await compile("boot", boot, { ...compiler, kind: "module" });
}

/** Writes `program.bytecode`: one call, with the function of each chunk. */
export async function compileProgram(chunks: readonly Chunk[], compiler: Compiler): Promise<void> {
  const numbers = numbersOf(chunks);
  const functions = chunks.map((chunk) => `${numbers(chunk.name)}:${functionOf(chunk, numbers)}`);
  const script = `"use strict";runProgram({${functions.join(",\n")}})`;
  await compile("program", script, { ...compiler, kind: "script" });
}

function functionOf({ imports, body, exports }: Chunk, numbers: (name: string) => number): string {
  const heads = imports.map(({ from, names }) => {
    const source = from === "native" ? "native" : `chunk(${numbers(from)})`;
    const fields = names.map(({ outside, inside }) => `${outside}:${inside}`);
    return fields.length === 0 ? `${source};` : `const {${fields.join(",")}}=${source};`;
  });
  const linked = body.replaceAll(DYNAMIC_IMPORT, (_, target: string) => `chunk(${numbers(target)})`);
  const left = /\b(?:import|export)\s*[{"(]|\bimport\.meta\b/.exec(linked)?.index;
  if (left !== undefined) throw new Error(`not made for a function: ${linked.slice(left, left + 80)}`);
  const fields = exports.map(({ outside, inside }) => `${outside}:${inside}`);
  return `function(){${heads.join("")}\n${linked}\nreturn {${fields.join(",")}}}`;
}

/** The compiler writes bytecode as a C array. No code comes from another file. */
async function compile(
  name: string,
  script: string,
  { directory, qjsc, kind }: Compiler & { readonly kind: "module" | "script" },
): Promise<void> {
  await Bun.write(`${directory}/${name}`, script);
  const how = kind === "module" ? ["-m", "-M", "native,native"] : [];
  await $`${qjsc} -c -s ${how} -N bytes -o ${name}.c ${name}`.cwd(directory);
  const digits = (await Bun.file(`${directory}/${name}.c`).text()).matchAll(/0x([0-9a-f]{2})\b/g);
  const bytes = Uint8Array.from(digits, ([, byte = ""]) => Number.parseInt(byte, 16));
  await Bun.write(`${directory}/${name}.bytecode`, bytes);
}

function numbersOf(chunks: readonly Chunk[]): (name: string) => number {
  const numbers = new Map(chunks.map(({ name }, index) => [name, index]));
  return (name) => {
    const number = numbers.get(name);
    if (number === undefined) throw new Error(`the bundler made no chunk ${name}`);
    return number;
  };
}
