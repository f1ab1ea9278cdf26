// From the bundler's chunks to bytecode, and to what the assembler and the C compiler make of it. Called by
// build.ts.

import { $, type BuildArtifact } from "bun";

export interface Chunk {
  /** Its file name, which is the module's name in the engine. */
  readonly name: string;
  readonly text: string;
  /** Names of the chunks that it imports at once. */
  readonly imports: readonly string[];
}

const IMPORT = /(?:from|import)\s*"\.\/([\w.-]+\.js)"/g;
const DYNAMIC_IMPORT = /\bimport\("\.\/([\w.-]+\.js)"\)/g;

/** Reads what the bundler made of one entry, which comes first. */
export async function chunksOf(outputs: readonly BuildArtifact[]): Promise<Chunk[]> {
  const scripts = outputs.filter(({ kind }) => kind === "entry-point" || kind === "chunk");
  scripts.sort((a, b) => Number(b.kind === "entry-point") - Number(a.kind === "entry-point"));
  return Promise.all(
    scripts.map(async (output) => {
      const text = await output.text();
      const imports = [...text.matchAll(IMPORT)].map(([, name = ""]) => name);
      return { name: output.path.replace(/^.*\//, ""), text, imports };
    }),
  );
}

export interface Compiler {
  /** Where the files go. */
  readonly directory: string;
  readonly qjsc: string;
}

/** Writes `main.c`: `main`, which runs `boot`. */
export async function compileBoot(boot: Chunk, chunks: readonly Chunk[], { directory, qjsc }: Compiler) {
  const numbers = numbersOf(chunks);
  const text = boot.text
    .replaceAll(/\bCHUNK_NAMES\b/g, JSON.stringify(chunks.map(({ name }) => name)))
    .replaceAll(/\bCHUNK_IMPORTS\b/g, JSON.stringify(chunks.map(({ imports }) => imports.map(numbers))));
  await Bun.write(`${directory}/${boot.name}`, text);
  // With names of files, which `import()` needs to know where it stands.
  await $`${qjsc} -e -M native,native -o main.c ${boot.name}`.cwd(directory);
}

/** Writes `chunks.s`: the bytecode of all chunks, and a table of them. */
export async function compileChunks(chunks: readonly Chunk[], compiler: Compiler): Promise<void> {
  const numbers = numbersOf(chunks);
  for (const { name, text } of chunks) {
    const linked = text.replaceAll(DYNAMIC_IMPORT, (_, target: string) => `loadChunk(${numbers(target)})`);
    await Bun.write(`${compiler.directory}/${name}`, linked);
  }
  await Promise.all(chunks.map(({ name }) => compile(name, chunks, compiler)));
  const code = chunks.map(
    ({ name }, index) => `chunk${index}: .incbin "${name}.bytecode"\nchunk${index}_end:`,
  );
  const entries = chunks.map((_, index) => `  .quad chunk${index}, chunk${index}_end - chunk${index}`);
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

/** The compiler writes bytecode as a C array. */
async function compile(name: string, chunks: readonly Chunk[], { directory, qjsc }: Compiler): Promise<void> {
  // A chunk's own imports are chunks too: -M keeps the compiler from putting them in once more.
  const others = chunks.filter((chunk) => chunk.name !== name).flatMap((chunk) => ["-M", chunk.name]);
  await $`${qjsc} -c -m -s -M native ${others} -N bytes -o ${name}.c ${name}`.cwd(directory);
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
