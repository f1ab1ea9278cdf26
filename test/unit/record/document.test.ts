// The document of a recording, merging, and the configuration that comes of it.

import t from "tap";
import { applied, merged, type Observation, recordingOf } from "../../../src/record/document.ts";
import { excessOf } from "../../../src/record/excess.ts";
import { joined, writablePlaces } from "../../../src/record/places.ts";
import { loadRecording } from "../../../src/spec/load.ts";
import type { Spec } from "../../../src/spec/types.ts";

const X86_64 = "SCMP_ARCH_X86_64";
const KNOWN = ["brk", "execve", "mkdir", "mount", "read", "write"];

const SPEC: Spec = {
  ociVersion: "1.2.0",
  root: { path: "rootfs" },
  process: {
    cwd: "/",
    args: ["true"],
    user: { uid: 0, gid: 0 },
    capabilities: { bounding: ["CAP_KILL", "CAP_CHOWN"], effective: ["CAP_CHOWN"] },
  },
  mounts: [
    { destination: "/proc", type: "proc", source: "proc" },
    { destination: "/data", source: "/srv/data", options: ["rbind"] },
    { destination: "/etc/x", source: "x", type: "bind", options: ["ro"] },
    { destination: "/tmp", type: "tmpfs" },
  ],
};

const SEEN: Observation = {
  spec: SPEC,
  own: undefined,
  calls: [
    { name: "read", architecture: X86_64, times: 3 },
    { name: "mkdir", architecture: X86_64, times: 1, errno: 1 },
  ],
  known: KNOWN,
  architecture: X86_64,
  capabilities: ["CAP_CHOWN"],
  lostChecks: 0,
  written: {
    paths: ["/tmp/f"],
    mounts: [
      { destination: "/", written: false },
      { destination: "/data", written: false },
      { destination: "/tmp", written: true },
    ],
    limits: [],
  },
  seconds: 1.23456789,
  notified: 4,
  answering: 0.5,
};

t.test("a recording is a document of its schema, which is read again", (test) => {
  const recording = recordingOf(SEEN);
  test.strictSame(loadRecording(JSON.stringify(recording), "x.json"), JSON.parse(JSON.stringify(recording)));
  test.strictSame(recording.calls.used, [{ name: "read", architecture: X86_64, times: 3 }]);
  test.strictSame(recording.calls.denied, [{ name: "mkdir", architecture: X86_64, times: 1, errno: 1 }]);
  test.equal(recording.calls.allowedBefore, KNOWN.length);
  test.equal(recording.calls.allowedNow, 3, "read, and execve and write for runtimes");
  test.strictSame(recording.capabilities.granted, ["CAP_KILL", "CAP_CHOWN"]);
  test.equal(recording.time.seconds, 1.234568);
  test.strictSame(recording.limits, []);
  test.throws(() => loadRecording("{}", "x.json"), /x\.json/);
  test.end();
});

t.test("what could not be recorded is said", (test) => {
  const { limits, capabilities } = recordingOf({
    ...SEEN,
    capabilities: "that needs root",
    calls: [
      { name: "470", architecture: X86_64, times: 1 },
      { name: "read", architecture: "SCMP_ARCH_X86", times: 1 },
      { name: "io_uring_enter", architecture: X86_64, times: 1 },
    ],
  });
  test.match(limits, [
    /no name for system call 470/,
    /calls of SCMP_ARCH_X86 were made/,
    /io_uring/,
    /capabilities were not recorded, and stay as they are: that needs root/,
  ]);
  test.equal(capabilities.recorded, false);
  const lossy = recordingOf({ ...SEEN, lostChecks: 7 });
  test.match(lossy.limits, [/dropped 7 capability checks/]);
  const capset = { name: "capset", architecture: X86_64, times: 1 } as const;
  test.match(recordingOf({ ...SEEN, calls: [capset] }).limits, [/capset was called/]);
  test.end();
});

t.test("recordings are added up", (test) => {
  const one = recordingOf(SEEN);
  const other = recordingOf({
    ...SEEN,
    calls: [
      { name: "read", architecture: X86_64, times: 2 },
      { name: "write", architecture: X86_64, times: 1 },
    ],
    capabilities: ["CAP_KILL"],
    written: { paths: ["/data/f"], mounts: [{ destination: "/data", written: true }], limits: ["some"] },
  });
  const both = merged(one, [other, other], KNOWN);
  test.equal(both.runs, 3);
  test.strictSame(
    both.calls.used.map(({ name, times }) => [name, times]),
    [
      ["read", 7],
      ["write", 2],
    ],
  );
  test.notOk(both.calls.runtime.includes("write"), "used, so no longer for the runtime alone");
  test.strictSame(both.capabilities.used, ["CAP_CHOWN", "CAP_KILL"]);
  test.strictSame(both.paths.written, ["/data/f", "/tmp/f"]);
  test.strictSame(both.paths.mounts, [
    { destination: "/", written: false },
    { destination: "/data", written: true },
    { destination: "/tmp", written: true },
  ]);
  test.strictSame(both.limits, ["some"]);
  test.equal(both.time.notified, 12);
  const unknown = recordingOf({ ...SEEN, capabilities: "why" });
  test.equal(merged(one, [unknown], KNOWN).capabilities.recorded, false, "one that does not know spoils it");
  test.end();
});

t.test("a configuration loses what was not used, and gains nothing", (test) => {
  const result = applied(SPEC, recordingOf(SEEN));
  test.strictSame(result.process?.capabilities, { bounding: ["CAP_CHOWN"], effective: ["CAP_CHOWN"] });
  test.strictSame(result.root, { path: "rootfs", readonly: true });
  const options = result.mounts?.map((mount) => mount.options);
  test.strictSame(options, [undefined, ["rbind", "ro"], ["ro"], undefined]);
  test.ok(result.linux?.seccomp);
  const unknown = applied(SPEC, recordingOf({ ...SEEN, capabilities: "why" }));
  test.strictSame(unknown.process, SPEC.process, "capabilities stay where they were not recorded");
  const mounts = [{ destination: "/data", source: "/srv/data", options: ["rbind", "rrw"] }];
  const mount = applied({ ...SPEC, mounts }, recordingOf(SEEN)).mounts?.[0];
  test.strictSame(mount?.options, ["rbind", "ro"], "rrw would be carried out after ro");
  test.end();
});

t.test("validate tells what a configuration has beyond, and nothing after it was applied", (test) => {
  const recording = recordingOf(SEEN);
  const wide = excessOf({ spec: SPEC, recording, profile: undefined, known: KNOWN });
  test.strictSame(
    wide.map(({ pointer }) => pointer),
    ["/linux", "/process/capabilities/bounding", "/root/readonly", "/mounts/1/options"],
  );
  test.match(wide[0]?.reason, /allows 3 system calls beyond those recorded: brk, mkdir, mount/);
  const spec = applied(SPEC, recording);
  test.strictSame(excessOf({ spec, recording, profile: spec.linux?.seccomp, known: KNOWN }), []);
  test.end();
});

t.test("validate tells what a configuration lacks", (test) => {
  const spec: Spec = { ...SPEC, process: { ...SPEC.process, cwd: "/", capabilities: {} } };
  const profile = { defaultAction: "SCMP_ACT_ERRNO" as const, syscalls: [] };
  const lacks = excessOf({ spec, recording: recordingOf(SEEN), profile, known: KNOWN });
  test.match(lacks.map(({ reason }) => reason).slice(0, 2), [
    /denies 1 system call that were recorded: read/,
    /lacks CAP_CHOWN, which was used/,
  ]);
  test.end();
});

t.test("places that can be written to are the root and the mounts that are not read-only", (test) => {
  const places = writablePlaces({ spec: SPEC, bundle: "/b", rootfs: "/b/rootfs" });
  test.strictSame(places, [
    { destination: "/", source: "/b/rootfs" },
    { destination: "/data", source: "/srv/data" },
    { destination: "/tmp", source: undefined },
  ]);
  const relative: Spec = { ...SPEC, root: { path: "rootfs", readonly: true } };
  const mounts = [{ destination: "/x", source: "x", options: ["bind", "ro", "rw"] }];
  test.strictSame(writablePlaces({ spec: { ...relative, mounts }, bundle: "/b", rootfs: "/b/rootfs" }), [
    { destination: "/x", source: "/b/x" },
  ]);
  test.equal(joined("/", "a/b"), "/a/b");
  test.equal(joined("/tmp", "a"), "/tmp/a");
  test.equal(joined("/tmp", ""), "/tmp");
  test.end();
});
