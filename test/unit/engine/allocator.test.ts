// The engine's malloc(3), compiled into a program that uses it at random and checks every byte.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { findProgram } from "../../support/host.ts";

const SOURCE = "test/unit/engine/allocator-program.c";
const COMPILERS = ["gcc", "musl-gcc"] as const;

/** The argument of the program, and the property that it checks. */
const STAGES = [
  ["random", "blocks keep what is written to all of their bytes"],
  ["sizes", "a block is hardly longer than asked for, at a multiple of 16, and used again"],
  ["zero", "calloc(3) clears what was used before"],
  ["realloc", "a block stays where it is when it fits, and is copied where not"],
  ["huge", "what no memory can hold is ENOMEM, and changes nothing"],
  ["exhausted", "the end of the memory is ENOMEM"],
  [
    "told",
    "at the end of the memory there is a reserve, which lasts until that is told, and for what follows",
  ],
  [
    "untold",
    "of a reserve that is used up before that is told the engine is refused a block, and has the rest",
  ],
  ["released", "a reserve that is released says nothing"],
  ["layout", "a block has the place that the table gives to its number and size, and every other follows"],
  ["foreign-layout", "a table that cannot be counts as none"],
] as const;

/** Renamed, since the C library itself still uses its own. */
const RENAMED = ["malloc", "free", "calloc", "realloc", "malloc_usable_size"].map(
  (name) => `-D${name}=own_${name}`,
);

for (const compiler of COMPILERS) {
  const skip = findProgram(compiler) === undefined && `no ${compiler}: install gcc and musl-tools`;
  t.test(`the allocator, compiled by ${compiler}`, { skip }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "tsrun-allocator-"));
    t.teardown(() => rmSync(folder, { recursive: true }));
    const program = join(folder, "program");
    const flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-fno-builtin-malloc", ...RENAMED];
    const compiled = spawnSync(compiler, [...flags, "-static", "-o", program, SOURCE], { encoding: "utf8" });
    t.equal(compiled.stderr, "", "compiled without a warning");
    for (const [stage, sentence] of STAGES) {
      const { status, signal, stdout } = spawnSync(program, [stage], { encoding: "utf8" });
      t.strictSame({ status, signal, stdout }, { status: 0, signal: null, stdout: "" }, sentence);
    }
    const { status, stderr } = spawnSync(program, ["full"], { encoding: "utf8" });
    t.match(stderr, /^cannot make the snapshot: the program does not fit SNAPSHOT_PIECE \(.*\)\n$/);
    t.equal(status, 1, "a snapshot that is too large is refused in words");
  });
}
