// The attacker of the race tester: exchanges pairs of paths as fast as the kernel allows, until its standard
// input ends. renameat2(2) with RENAME_EXCHANGE leaves no instant in which either name is missing. Runs under
// Bun, since Node has no such call:
//
//   bun test/security/race/swapper.ts PATH PATH [PATH PATH]…

import { dlopen, ptr } from "bun:ffi";

const AT_FDCWD = -100;
const RENAME_EXCHANGE = 2;
/** Exchanges between two looks at standard input. */
const ROUNDS = 2_000;

const { symbols } = dlopen("libc.so.6", {
  renameat2: { args: ["i32", "ptr", "i32", "ptr", "u32"], returns: "i32" },
});

const names = process.argv.slice(2).map((path) => Buffer.from(`${path}\0`));
const pairs = names.flatMap((first, index): [Buffer, Buffer][] => {
  const second = names[index + 1];
  return index % 2 === 0 && second !== undefined ? [[first, second]] : [];
});

let ended = false;
process.stdin.on("data", () => {});
process.stdin.on("end", () => {
  ended = true;
});

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
