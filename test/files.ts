// Runs compiled test files under tap, two at a time. The command `tap` would give each program of Node its
// hooks for coverage, half a second of a processor for each of 300 files.

import { t } from "tap";

/** More than two would only measure how tests wait for each other. */
const AT_ONCE = 2;

const SECONDS_OF_A_FILE = 1_200;

t.jobs = AT_ONCE;
// All files together have no limit: tap's is 30 seconds.
t.setTimeout(0);
for (const file of process.argv.slice(2)) {
  // tap names its hooks in NODE_OPTIONS.
  const args = ["-u", "NODE_OPTIONS", process.execPath, "--enable-source-maps", file];
  const env = { ...process.env, TAP_TIMEOUT: String(SECONDS_OF_A_FILE) };
  void t.spawn("env", args, { buffered: true, timeout: SECONDS_OF_A_FILE * 1_000, env }, file);
}
