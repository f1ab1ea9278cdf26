// The module "native": its system call is understood by the assembler of both machines, and its tables agree
// with the sources that use them.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { findProgram } from "../../support/host.ts";

const MACHINES = [
  { machine: "x86-64", prefix: "x86_64-linux-gnu-" },
  { machine: "arm64", prefix: "aarch64-linux-gnu-" },
] as const;

const MODULE = readFileSync("src/engine/native/module.c", "utf8");

for (const { machine, prefix } of MACHINES) {
  const skip = findProgram(`${prefix}as`) === undefined && `no ${prefix}as: install binutils`;
  t.test(`the system call is assembled for ${machine}`, { skip }, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "tsrun-native-"));
    t.teardown(() => rmSync(folder, { recursive: true }));
    const object = join(folder, "syscall.o");
    const source = `src/engine/native/syscall-${machine}.s`;
    const assembled = spawnSync(`${prefix}as`, ["-o", object, source], { encoding: "utf8" });
    t.equal(assembled.stderr, "");
    const { stdout } = spawnSync(`${prefix}nm`, [object], { encoding: "utf8" });
    t.match(stdout, /^[0-9a-f]+ T raw_syscall\n$/, "which needs nothing else");
  });
}

/** The entries between these two lines. */
function tableOf(first: string): string[] {
  const from = MODULE.indexOf(first) + first.length;
  const lines = MODULE.slice(from, MODULE.indexOf("\n};", from)).split("\n");
  return lines.map((line) => line.trim().replace(/,$/, "")).filter((line) => line !== "");
}

t.test("the sources name the addresses in the order of the module", async (t) => {
  const source = readFileSync("src/engine/host/constants.ts", "utf8");
  const named = [...source.matchAll(/^export const (\w+) = addressAt\(linked, (\d+)\);$/gm)];
  const plain = (name: string) => name.replace(/[_&]/g, "").toLowerCase();
  const [context, ...addresses] = tableOf("SNAPSHOT static const void *constants[] = {");
  t.equal(context, "NULL", "the context is known later");
  t.strictSame(
    named.map(([, name = "", index]) => `${index} ${plain(name)}`),
    ["context", ...addresses].map((name, index) => `${index} ${plain(name)}`),
  );
});

t.test("the sources declare the module's functions", async (t) => {
  const source = readFileSync("src/engine/host/native.d.ts", "utf8");
  const declared = [...source.matchAll(/export function (\w+)\(/g)].map(([, name]) => name);
  const entries = tableOf("static const JSCFunctionListEntry functions[] = {");
  t.strictSame(
    declared,
    entries.map((entry) => /^JS_CFUNC_DEF\("(\w+)"/.exec(entry)?.[1]),
  );
});
