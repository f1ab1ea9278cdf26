// From the bundler's chunks to bytecode, and to what the assembler and the C compiler make of it. Called
// by build.ts. A chunk is a module of ECMAScript; to link forty of them costs a command more than to run
// them, so each becomes a function that returns its exports (src/engine/chunks.ts).

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

export interface Program {
  readonly chunks: readonly Chunk[];
  /** For some commands the chunks that they always run. */
  readonly sets: ReadonlyMap<string, readonly Chunk[]>;
}

/**
 * Bytes that calls may take: half of what a process usually has (getrlimit(2), RLIMIT_STACK), and enough for
 * a configuration nested as deep as json-positions.ts goes.
 */
const STACK_SIZE = 4 << 20;

/** Writes `main.c`: `main`, which runs the bundled `boot`. No code comes from a text or from another file. */
export async function compileBoot(boot: string, { chunks, sets }: Program, { directory, qjsc }: Compiler) {
  const numbers = numbersOf(chunks);
  const needed = chunks.map((chunk) => closure([chunk], chunks).map(({ name }) => numbers(name)));
  const text = boot
    .replaceAll(/\bCHUNKS_NEEDED\b/g, JSON.stringify(needed.map((list) => list.join(" "))))
    .replaceAll(/\bSETS\b/g, JSON.stringify([...sets.keys()]));
  await Bun.write(`${directory}/boot`, text);
  await $`${qjsc} -e -m -s -fno-eval -fno-module-loader -S ${STACK_SIZE} -M native,native -o main.c boot`.cwd(
    directory,
  );
}

/** Writes `chunks.s`: the bytecode of all chunks and then of all sets, and a table of them. */
export async function compileChunks({ chunks, sets }: Program, compiler: Compiler): Promise<void> {
  const numbers = numbersOf(chunks);
  const single = chunks.map((chunk) => [chunk]);
  const pieces = [...single, ...[...sets.values()].map((wanted) => closure(wanted, chunks))];
  await Promise.all(
    pieces.map((piece, index) => {
      const functions = piece.map((chunk) => `${numbers(chunk.name)}:${functionOf(chunk, numbers)}`);
      return compile(`piece${index}`, `"use strict";defineChunks({${functions.join(",\n")}})`, compiler);
    }),
  );
  const code = pieces.map(
    (_, index) => `piece${index}: .incbin "piece${index}.bytecode"\npiece${index}_end:`,
  );
  const entries = pieces.map((_, index) => `  .quad piece${index}, piece${index}_end - piece${index}`);
  const table = `.section .rodata
${code.join("\n")}
.section .data.rel.ro, "aw"
.balign 8
.globl chunks
chunks:
${entries.join("\n")}
.section .note.GNU-stack, "", %progbits
`;
  await Bun.write(`${compiler.directory}/chunks.s`, table);
}

function functionOf({ imports, body, exports }: Chunk, numbers: (name: string) => number): string {
  const heads = imports.map(({ from, names }) => {
    const source = from === "native" ? "native" : `chunk(${numbers(from)})`;
    const fields = names.map(({ outside, inside }) => `${outside}:${inside}`);
    return fields.length === 0 ? `${source};` : `const {${fields.join(",")}}=${source};`;
  });
  const linked = body.replaceAll(DYNAMIC_IMPORT, (_, target: string) => `loadChunk(${numbers(target)})`);
  const left = /\b(?:import|export)\s*[{"(]|\bimport\.meta\b/.exec(linked)?.index;
  if (left !== undefined) throw new Error(`not made for a function: ${linked.slice(left, left + 80)}`);
  const fields = exports.map(({ outside, inside }) => `${outside}:${inside}`);
  return `function(){${heads.join("")}\n${linked}\nreturn {${fields.join(",")}}}`;
}

/** The compiler writes bytecode as a C array. */
async function compile(name: string, script: string, { directory, qjsc }: Compiler): Promise<void> {
  await Bun.write(`${directory}/${name}`, script);
  await $`${qjsc} -c -s -N bytes -o ${name}.c ${name}`.cwd(directory);
  const digits = (await Bun.file(`${directory}/${name}.c`).text()).matchAll(/0x([0-9a-f]{2})\b/g);
  const bytes = Uint8Array.from(digits, ([, byte = ""]) => Number.parseInt(byte, 16));
  await Bun.write(`${directory}/${name}.bytecode`, bytes);
}

/** Chunks and all that they import, each behind what it imports itself. */
export function closure(wanted: readonly Chunk[], chunks: readonly Chunk[], into: Chunk[] = []): Chunk[] {
  for (const chunk of wanted) {
    if (into.includes(chunk)) continue;
    closure(
      chunk.imports.flatMap(({ from }) => chunks.filter(({ name }) => name === from)),
      chunks,
      into,
    );
    into.push(chunk);
  }
  return into;
}

function numbersOf(chunks: readonly Chunk[]): (name: string) => number {
  const numbers = new Map(chunks.map(({ name }, index) => [name, index]));
  return (name) => {
    const number = numbers.get(name);
    if (number === undefined) throw new Error(`the bundler made no chunk ${name}`);
    return number;
  };
}
