// The attacker of the race tester: exchanges pairs of paths as fast as the kernel allows, until its standard
// input ends. renameat2(2) with RENAME_EXCHANGE leaves no instant in which either name is missing. Runs under
// Bun, since Node has no such call:
//
//   bun test/security/race/swapper.ts <<<'[["PATH", "PATH"], …]'
//
// The paths are not in its command line, where the search for leftovers would find them.

import { dlopen, ptr } from "bun:ffi";

const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;
/** Exchanges between two looks at standard input. */
const ROUNDS = 2_000;

const { symbols } = dlopen("libc.so.6", {
  renameat2: { args: ["i32", "ptr", "i32", "ptr", "u32"], returns: "i32" },
});

let [input, ended] = ["", false];
const told = new Promise<void>((resolve) => {
  process.stdin.on("data", (chunk) => {
    input += chunk.toString();
    if (input.endsWith("\n")) resolve();
  });
});
process.stdin.on("end", () => {
  ended = true;
});
await told;
const pairs = (JSON.parse(input) as [string, string][]).map(
  ([first, second]) => [Buffer.from(`${first}\0`), Buffer.from(`${second}\0`)] as const,
);

let exchanges = 0;
process.stdout.write("up\n");
while (!ended) {
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [first, second] of pairs) {
      const failed = symbols.renameat2(AT_FDCWD, ptr(first), AT_FDCWD, ptr(second), RENAME_EXCHANGE);
      if (failed === 0) exchanges += 1;
    }
  }
  await new Promise((resume) => setImmediate(resume));
}
process.stdout.write(`${exchanges}\n`);
