// The module "native": what is written for the assembler is understood by it, for both machines, and agrees
// with the sources that use it.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { ADDRESSES, C_FUNCTIONS, FUNCTIONS, MEMORY, nativeModule } from "../../../scripts/engine/native.ts";
import { findProgram } from "../../support/host.ts";

const MACHINES = [
  { architecture: "x64", prefix: "x86_64-linux-gnu-" },
  { architecture: "arm64", prefix: "aarch64-linux-gnu-" },
] as const;

/** Names of an object file's symbols, by the letter that nm(1) gives them. */
function symbols(prefix: string, source: string): Map<string, Set<string>> {
  const folder = mkdtempSync(join(tmpdir(), "tsrun-native-"));
  try {
    const [text, object] = [join(folder, "native.s"), join(folder, "native.o")];
    writeFileSync(text, source);
    const assembled = spawnSync(`${prefix}as`, ["-o", object, text], { encoding: "utf8" });
    if (assembled.status !== 0) throw new Error(assembled.stderr);
    const found = new Map<string, Set<string>>();
    const { stdout } = spawnSync(`${prefix}nm`, [object], { encoding: "utf8" });
    for (const [, letter = "", name = ""] of stdout.matchAll(/^[0-9a-f ]* ([A-Za-z]) (\S+)$/gm)) {
      found.set(letter, (found.get(letter) ?? new Set()).add(name));
    }
    return found;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

for (const { architecture, prefix } of MACHINES) {
  const skip = findProgram(`${prefix}as`) === undefined && `no ${prefix}as: install binutils`;
  t.test(`the module is assembled for ${architecture}`, { skip }, async (t) => {
    const found = symbols(prefix, nativeModule(architecture));
    t.same(found.get("T"), new Set(["js_init_module_native"]), "what the engine calls");
    const code = [...(found.get("t") ?? [])];
    for (const [, label] of FUNCTIONS) t.ok(code.includes(label), label);
    const wanted = [...(found.get("U") ?? [])];
    for (const name of ADDRESSES) t.ok(wanted.includes(name), name);
    const ours: readonly string[] = [...ADDRESSES, ...MEMORY, ...C_FUNCTIONS.map(([, label]) => label)];
    const engines = wanted.filter((name) => !ours.includes(name));
    t.strictSame(
      engines.filter((name) => !name.startsWith("JS_")),
      [],
      "nothing but the engine's functions besides",
    );
  });
}

t.test("the sources name the addresses in the order of the module", async (t) => {
  const source = readFileSync("src/engine/constants.ts", "utf8");
  const named = [...source.matchAll(/^export const (\w+) = addressAt\(linked, (\d+)\);$/gm)];
  const plain = (name: string) => name.replaceAll("_", "").toLowerCase();
  t.strictSame(
    named.map(([, name = "", index]) => `${index} ${plain(name)}`),
    ["context", ...ADDRESSES].map((name, index) => `${index} ${plain(name)}`),
  );
});

t.test("the sources declare the module's functions", async (t) => {
  const source = readFileSync("src/engine/native.d.ts", "utf8");
  const declared = [...source.matchAll(/export function (\w+)\(/g)].map(([, name]) => name);
  t.strictSame(
    declared,
    [...FUNCTIONS, ...C_FUNCTIONS].map(([name]) => name),
  );
});
