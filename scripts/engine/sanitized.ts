// The engine under AddressSanitizer and UndefinedBehaviorSanitizer, for the host's C library. Called by
// fuzz.ts and fuzz-engine.ts.

import { existsSync, mkdirSync } from "node:fs";
import { $ } from "bun";
import { withChanges } from "./changes.ts";
import { ENGINE_FLAGS, ENGINE_SOURCES, type Engine, MENDED, makeEngine, QUICKJS } from "./quickjs.ts";
import { unpack } from "./sources.ts";
import { architectureOf, toolchainFor } from "./toolchain.ts";

/** Where the build keeps the engine. */
export const DIRECTORY = `${import.meta.dir}/../../dist/.engine`;

/**
 * A finding ends the program. The checks for adding to null pointers, shifting into the sign bit and reading
 * unaligned words are off: the engine does all three, and on its two machines that does no harm.
 */
export const SANITIZED = [
  ...["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"],
  ...["-fno-sanitize=pointer-overflow,shift,alignment", "-fwrapv"],
];

/** The engine as tsrun has it, without sanitizers. */
export async function ownEngine(): Promise<Engine> {
  return makeEngine(DIRECTORY, await toolchainFor(architectureOf(""), DIRECTORY));
}

/** The objects of tsrun's engine; made once. */
export function sanitizedEngine({ include, changed }: Engine): Promise<string[]> {
  return compile(include, `${changed}/sanitized`);
}

/** The engine with nothing but what was wrong in it mended: its objects, and the folder of its headers. */
export async function plainEngine(): Promise<{ readonly objects: string[]; readonly include: string }> {
  const fixes = new Bun.CryptoHasher("sha256").update(JSON.stringify(MENDED)).digest("hex").slice(0, 16);
  const include = `${DIRECTORY}/plain-${fixes}`;
  if (!existsSync(`${include}/fixed`)) {
    await unpack(QUICKJS, DIRECTORY, include);
    const main = Bun.file(`${include}/quickjs.c`);
    await Bun.write(main, withChanges(await main.text(), MENDED));
    await Bun.write(`${include}/fixed`, "");
  }
  return { objects: await compile(include, `${include}/sanitized`), include };
}

/** Each object gets its name when it is complete. */
async function compile(source: string, folder: string): Promise<string[]> {
  mkdirSync(folder, { recursive: true });
  const object = (name: string) => `${folder}/${name}.o`;
  const missing = ENGINE_SOURCES.filter((name) => !existsSync(object(name)));
  await Promise.all(
    missing.map(async (name) => {
      await $`gcc ${SANITIZED} ${ENGINE_FLAGS} -c ${source}/${name}.c -o ${object(name)}.new`;
      await $`mv ${object(name)}.new ${object(name)}`;
    }),
  );
  return ENGINE_SOURCES.map(object);
}
