// The same on kernels that lack system calls: a sample of the end-to-end cases under a filter that takes
// calls away, one by one and all at once. docs/kernel.md names what takes the place of each. `make
// test-kernel` runs all cases so.

import t from "tap";
import { needsRoot, tsrunOnly } from "../support/behaviour.ts";
import { missingCalls, REPLACEABLE } from "../support/without.ts";

/** The file that has most to do with each. */
const SAMPLE: readonly (readonly [file: string, without: string])[] = [
  ...["openat2", "mount_setattr", "open_tree", "move_mount", "fsopen", "statx"].map(
    (call) => ["mounts", call] as const,
  ),
  // Flags that mount(2) has to be told again.
  ["../security/protections", "mount_setattr"],
  // With what a caller leaks.
  ["process", "close_range"],
  ...["clone3", "faccessat2", "pidfd_open", "pidfd_send_signal"].map((call) => ["lifecycle", call] as const),
  ["mounts", REPLACEABLE.join(",")],
  ["lifecycle", REPLACEABLE.join(",")],
];

const skip =
  needsRoot() ??
  tsrunOnly("what it does without these calls is its own affair") ??
  (missingCalls.length > 0 ? `the whole run is without ${missingCalls.join(", ")}` : false);

for (const [file, without] of SAMPLE) {
  const name = `${file} without ${without}`;
  const env = { ...process.env, WITHOUT: without };
  if (skip !== false) t.test(name, { skip }, () => {});
  else t.spawn(process.execPath, [`build/test/e2e/${file}.test.js`], { env }, name);
}
