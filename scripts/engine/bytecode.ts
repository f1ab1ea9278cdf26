// From the bundle to bytecode. Called by build.ts.

import { $ } from "bun";

export interface Compiler {
  /** Where the files go. */
  readonly directory: string;
  /** QuickJS' compiler. */
  readonly qjsc: string;
}

/** Writes `program.bytecode`. The module imports from "native" alone; the compiler writes C, an array. */
export async function compileProgram(script: string, { directory, qjsc }: Compiler): Promise<void> {
  await Bun.write(`${directory}/program.js`, script);
  await $`${qjsc} -c -s -m -M native,native -N bytes -o program-bytes.c program.js`.cwd(directory);
  const digits = (await Bun.file(`${directory}/program-bytes.c`).text()).matchAll(/0x([0-9a-f]{2})\b/g);
  const bytes = Uint8Array.from(digits, ([, byte = ""]) => Number.parseInt(byte, 16));
  await Bun.write(`${directory}/program.bytecode`, bytes);
}
