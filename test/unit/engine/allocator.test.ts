// The engine's malloc(3), compiled into a program that uses it at random and looks at every byte.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { ALLOCATOR } from "../../../scripts/engine/allocator.ts";
import { findProgram } from "../../support/host.ts";
import { PROGRAM, STAGES } from "./allocator-program.ts";

const COMPILERS = ["gcc", "musl-gcc"] as const;

/** Beside the C library's own, which stays in use for the library itself. */
const RENAMED = ["malloc", "free", "calloc", "realloc", "malloc_usable_size"].map(
  (name) => `-D${name}=own_${name}`,
);

for (const compiler of COMPILERS) {
  const skip = findProgram(compiler) === undefined && `no ${compiler}: install gcc and musl-tools`;
  t.test(`the allocator, compiled by ${compiler}`, { skip }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "tsrun-allocator-"));
    t.teardown(() => rmSync(folder, { recursive: true }));
    const [source, program] = [join(folder, "program.c"), join(folder, "program")];
    writeFileSync(source, `${ALLOCATOR}\n${PROGRAM}`);
    const flags = ["-O2", "-Wall", "-Wextra", "-Werror", "-fno-builtin-malloc", ...RENAMED];
    const compiled = spawnSync(compiler, [...flags, "-static", "-o", program, source], { encoding: "utf8" });
    t.equal(compiled.stderr, "", "compiled without a warning");
    for (const [stage, sentence] of STAGES) {
      const { status, signal, stdout } = spawnSync(program, [stage], { encoding: "utf8" });
      t.strictSame({ status, signal, stdout }, { status: 0, signal: null, stdout: "" }, sentence);
    }
  });
}
