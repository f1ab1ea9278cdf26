// Simulates kernels that lack system calls: runs a sample of the end-to-end cases under a filter that removes
// calls, one by one and all at once. docs/kernel.md names the substitute for each. `make test-kernel` runs
// all cases so.

import t from "tap";
import { needsRoot, tsrunOnly } from "../support/behaviour.ts";
import { missingCalls, REPLACEABLE } from "../support/without.ts";

/** The test file that uses each call most. */
const SAMPLE: readonly (readonly [file: string, without: string])[] = [
  ...["openat2", "mount_setattr", "open_tree", "move_mount", "fsopen", "statx"].map(
    (call) => ["mounts", call] as const,
  ),
  // Flags that must be repeated for mount(2).
  ["../security/protections", "mount_setattr"],
  // With descriptors that a caller leaks.
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
