// The interpreters' listings: GNU as assembles the middle column to exactly the bytes of the first.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import type { Machine } from "../../../src/linux/numbers/syscalls.ts";
import { CLOCK_LISTINGS, clockedCode } from "../../../src/proxy/machine/clock.ts";
import { ENTRY_OFFSET, interpreterCode } from "../../../src/proxy/machine/interpreter.ts";
import { listingFor } from "../../../src/proxy/machine/listings.ts";
import { findProgram } from "../../support/host.ts";

/** Names of the tools, and what the source needs in front. */
const TOOLS = {
  "x86-64": { prefixes: ["x86_64-linux-gnu-"], header: ".intel_syntax noprefix\n", arch: "x64" },
  arm64: { prefixes: ["aarch64-linux-gnu-"], header: "", arch: "arm64" },
} as const;

interface Tools {
  readonly assemble: string;
  readonly copy: string;
}

/** The machine's own tools may have no prefix. */
function findTools(machine: Machine): Tools | undefined {
  const { prefixes, arch } = TOOLS[machine];
  for (const prefix of [...prefixes, ...(process.arch === arch ? [""] : [])]) {
    const assemble = findProgram(`${prefix}as`);
    const copy = findProgram(`${prefix}objcopy`);
    if (assemble !== undefined && copy !== undefined) return { assemble, copy };
  }
  return undefined;
}

function run(program: string, ...args: readonly string[]): void {
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} failed: ${stderr}`);
}

/** The bytes of a source text, without headers. */
function assemble(source: string, tools: Tools): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "tsrun-listing-"));
  try {
    const [text, object, binary] = ["listing.s", "listing.o", "listing.bin"].map((name) =>
      join(folder, name),
    );
    if (text === undefined || object === undefined || binary === undefined) throw new Error("no file names");
    writeFileSync(text, source);
    run(tools.assemble, "-o", object, text);
    run(tools.copy, "-O", "binary", "-j", ".text", object, binary);
    return Uint8Array.from(readFileSync(binary));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function sourceOf(machine: Machine, edit: (instruction: string) => string = (same) => same): string {
  const lines = listingFor(machine).map(([, instruction]) => edit(instruction));
  return `${TOOLS[machine].header}${lines.join("\n")}\n`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** The code is kept as words of four bytes. */
function padded(bytes: string): string {
  return bytes.padEnd(Math.ceil(bytes.length / 8) * 8, "0");
}

for (const machine of ["x86-64", "arm64"] as const) {
  const tools = findTools(machine);
  const skip = tools === undefined ? `no assembler for ${machine}: install binutils` : false;

  t.test(`GNU as makes the bytes of the ${machine} listing from its instructions`, { skip }, async (t) => {
    if (tools === undefined) return;
    const listed = listingFor(machine).map(([bytes]) => bytes.replaceAll(" ", ""));
    t.equal(hex(assemble(sourceOf(machine), tools)), listed.join(""));
  });

  t.test(`the control descriptor is put into the ${machine} code as GNU as would`, { skip }, async (t) => {
    if (tools === undefined) return;
    for (const control of [0, 3, 7, 8, 255, 256, 1023, 4096, 0x8001, 65535]) {
      const edited = sourceOf(machine, (instruction) =>
        instruction
          .replace(/^mov r15d, 3$/, `mov r15d, ${control}`)
          .replace(/^mov w22, #3$/, `movz w22, #${control}`),
      );
      t.equal(hex(interpreterCode(machine, control)), padded(hex(assemble(edited, tools))), `${control}`);
    }
  });
}

/** The interpreter's source with the clock behind it: a jump there in place of the call, and one back. */
function clockedSource(machine: Machine): string {
  const jump = machine === "arm64" ? "b" : "jmp";
  const lines = listingFor(machine).map(([, instruction]) => instruction);
  const call = lines.indexOf("perform:") + 1;
  // What the jump does not replace is still there, and never reached.
  const rest = machine === "arm64" ? lines.slice(call + 1, call + 3) : [".byte 0x89, 0x43, 0x38"];
  const all = [
    ...lines.slice(0, call),
    `${jump} clock`,
    ...rest,
    "after:",
    ...lines.slice(call + 3),
    ".balign 4, 0",
    "clock:",
    ...CLOCK_LISTINGS[machine].map(([, instruction]) => instruction),
    `${jump} after`,
    ".balign 4, 0",
  ];
  // The jump has the same length however far it goes.
  const far = all.map((line) => line.replace(/^jmp (clock|after)$/, ".byte 0xe9\n.long $1 - . - 4"));
  return `${TOOLS[machine].header}${far.join("\n")}\n`;
}

for (const machine of ["x86-64", "arm64"] as const) {
  const tools = findTools(machine);
  const skip = tools === undefined ? `no assembler for ${machine}: install binutils` : false;

  t.test(`GNU as makes the bytes of the ${machine} code with a clock`, { skip }, async (t) => {
    if (tools === undefined) return;
    t.equal(hex(clockedCode(machine, 3)), hex(assemble(clockedSource(machine), tools)));
  });
}

t.test("the code is that of the listing", async (t) => {
  for (const machine of ["x86-64", "arm64"] as const) {
    const listed = listingFor(machine).map(([bytes]) => bytes.replaceAll(" ", ""));
    t.equal(hex(interpreterCode(machine, 3)), padded(listed.join("")), machine);
  }
});

t.test("a listing has bytes for every instruction and none for a label", async (t) => {
  for (const machine of ["x86-64", "arm64"] as const) {
    for (const [bytes, instruction] of listingFor(machine)) {
      t.equal(bytes === "", instruction.endsWith(":"), instruction);
      t.match(bytes, /^([0-9a-f]{2}( [0-9a-f]{2})*)?$/, instruction);
    }
  }
});

t.test("the entry lies right behind the handler of signals", async (t) => {
  for (const machine of ["x86-64", "arm64"] as const) {
    const listing = listingFor(machine);
    const start = listing.findIndex(([, instruction]) => instruction === "start:");
    t.equal(listing[0]?.[1], "terminate:");
    const before = listing.slice(0, start).flatMap(([bytes]) => (bytes === "" ? [] : bytes.split(" ")));
    t.equal(before.length, ENTRY_OFFSET[machine], machine);
  }
});

t.test("the interpreters are small", async (t) => {
  t.ok(interpreterCode("x86-64", 3).length < 300);
  t.ok(interpreterCode("arm64", 3).length < 300);
});
