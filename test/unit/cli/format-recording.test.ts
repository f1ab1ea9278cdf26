// A recording in words.

import t from "tap";
import { formatRecording } from "../../../src/cli/format-recording.ts";
import type { Recording } from "../../../src/spec/types.ts";

const RECORDING: Recording = {
  version: 1,
  runs: 1,
  calls: {
    recorded: true,
    used: ["read", "write"].map((name) => ({ name, architecture: "SCMP_ARCH_X86_64" as const, times: 3 })),
    denied: [{ name: "mount", architecture: "SCMP_ARCH_X86_64", times: 2, errno: 1 }],
    runtime: ["execve"],
    allowedBefore: 379,
    allowedNow: 3,
  },
  capabilities: { recorded: true, used: [], granted: ["CAP_KILL"] },
  paths: {
    recorded: true,
    written: ["/tmp/\u001b[31m"],
    mounts: [
      { destination: "/", written: false },
      { destination: "/data", written: false },
    ],
  },
  time: { seconds: 1.5, notified: 6, answering: 0.0003 },
  limits: ["something was not seen"],
};

t.test("says what was used, what was not, and what could not be seen", (test) => {
  test.equal(
    formatRecording(RECORDING, { width: undefined, output: "/x.json" }),
    `recorded 1 run
  system calls: 2 used; the profile allows 3, 1 of them for the runtime: 376 fewer than the 379 before
  denied as before: mount (2 times)
  capabilities: none used; granted and not used: CAP_KILL
  written: /tmp/\\u001b[31m
  the root can be read-only
  writable, and not written: /data
  time: 1.50 s, of which tsrun took 0.00 s to answer 6 calls, 50 µs each
  not seen: something was not seen
  document: /x.json
`,
  );
  test.end();
});

t.test("fits the terminal", (test) => {
  const many = {
    ...RECORDING,
    paths: { ...RECORDING.paths, written: Array.from({ length: 40 }, (_, n) => `/srv/file-${n}`) },
  };
  for (const width of [60, 80, 200]) {
    const lines = formatRecording(many, { width, output: undefined }).split("\n");
    const most = Math.max(...lines.map((line) => line.length));
    test.ok(most <= Math.min(width, 110), `${most} columns of ${width}`);
  }
  test.end();
});

t.test("says nothing of what was not recorded", (test) => {
  const none: Recording = {
    ...RECORDING,
    calls: { ...RECORDING.calls, denied: [] },
    capabilities: { recorded: false, used: [], granted: ["CAP_KILL"] },
    limits: [],
  };
  const text = formatRecording(none, { width: 80, output: undefined });
  test.notMatch(text, /capabilities|denied|not seen/);
  test.match(text, /--output FILE keeps this as a document\n$/);
  test.end();
});
