// How a document is normalised.

import t from "tap";
import { exactJson } from "../../../src/spec/exact-json.ts";
import {
  giveOwnIds,
  normalise,
  restoreExactNumbers,
  withoutEmptyWords,
} from "../../../src/spec/normalise.ts";
import type { Spec } from "../../../src/spec/types.ts";

function read(text: string): unknown {
  return withoutEmptyWords(JSON.parse(text), text);
}

t.test("members that are null are taken out, at every depth", async (t) => {
  const text =
    '{"mounts": null, "linux": {"seccomp": null, "devices": [{"path": "/x", "uid": null}]}, "hooks": {}}';
  t.strictSame(read(text), { linux: { devices: [{ path: "/x" }] }, hooks: {} });
});

t.test("entries of lists stay, so that what comes after keeps its place", async (t) => {
  t.strictSame(read('{"mounts": [null, {"type": null}]}'), { mounts: [null, {}] });
  t.equal(read("null"), null);
});

t.test("a text that holds the word null as a string is left as it is", async (t) => {
  t.strictSame(read('{"hostname": "null"}'), { hostname: "null" });
});

t.test("a seccomp profile that says nothing is taken out", async (t) => {
  t.strictSame(read('{"linux": {"seccomp": {"defaultAction": "", "syscalls": null}}}'), { linux: {} });
  t.strictSame(read('{"linux": {"seccomp": {"architectures": ["x"]}}}'), { linux: {} });
  const kept = { linux: { seccomp: { syscalls: [{}] } } };
  t.strictSame(read(JSON.stringify(kept)), kept);
  const wrong = { linux: { seccomp: { syscalls: "x" } } };
  t.strictSame(read(JSON.stringify(wrong)), wrong, "what is wrong is for the schema to tell");
});

t.test("a relative destination is meant from the root", async (t) => {
  const spec: Spec = { ociVersion: "1.3.0", mounts: [{ destination: "a/b" }, { destination: "/c" }] };
  t.strictSame(normalise(spec).mounts, [{ destination: "/a/b" }, { destination: "/c" }]);
});

t.test("a limit of 0 processes is one from version 1.3 of the specification on", async (t) => {
  const pids = (ociVersion: string, limit: number) =>
    normalise({ ociVersion, linux: { resources: { pids: { limit } } } }).linux?.resources?.pids;
  for (const version of ["1.0.0", "1.0.2-dev", "1.2.1+dev"]) t.equal(pids(version, 0), undefined, version);
  const zero = { limit: 0 };
  for (const version of ["1.3.0", "1.3.0-rc.1", "1.10.0"]) t.strictSame(pids(version, 0), zero, version);
  t.strictSame([pids("1.0.0", -1), pids("1.0.0", 1)], [{ limit: -1 }, { limit: 1 }]);
});

t.test("crun's annotation names the listener of a profile that names none", async (t) => {
  const annotations = { "run.oci.seccomp.receiver": "/a" };
  const named = (listenerPath: string | undefined): string | undefined => {
    const seccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      ...(listenerPath === undefined ? {} : { listenerPath }),
    };
    return normalise({ ociVersion: "1.3.0", annotations, linux: { seccomp } } as Spec).linux?.seccomp
      ?.listenerPath;
  };
  t.equal(named(undefined), "/a");
  t.equal(named(""), "/a");
  t.equal(named("/b"), "/b");
  t.strictSame(normalise({ ociVersion: "1.3.0", annotations }), { ociVersion: "1.3.0", annotations });
});

t.test("an ordinary user's new user namespace gets the user's own ids, where none are given", async (t) => {
  const mapped = (linux: Spec["linux"], host: { euid: number; egid?: number }): unknown[] => {
    const spec: Spec = { ociVersion: "1.3.0", ...(linux === undefined ? {} : { linux: { ...linux } }) };
    giveOwnIds(spec, host);
    return [spec.linux?.uidMappings, spec.linux?.gidMappings];
  };
  const own = (hostID: number) => [{ containerID: 0, hostID, size: 1 }];
  const user = { euid: 7, egid: 8 };
  const made = { namespaces: [{ type: "user" }] } as const;
  t.strictSame(mapped(made, user), [own(7), own(8)]);
  t.strictSame(mapped(made, { euid: 7 }), [own(7), own(7)]);
  t.strictSame(mapped({ ...made, uidMappings: own(5), gidMappings: [] }, user), [own(5), own(8)]);
  t.strictSame(mapped(made, { euid: 0, egid: 0 }), [undefined, undefined]);
  t.strictSame(mapped({ namespaces: [{ type: "user", path: "/p" }] }, user), [undefined, undefined]);
  t.strictSame(mapped({ namespaces: [{ type: "pid" }] }, user), [undefined, undefined]);
  t.strictSame(mapped(undefined, user), [undefined, undefined]);
});

t.test("numbers that JSON.parse has rounded come back exact, as bigints", async (t) => {
  const text = `{"process": {"rlimits": [{"soft": 1024, "hard": 18446744073709551615}]},
    "linux": {"seccomp": {"syscalls": [{}, {"args": [{"value": 9007199254740993, "valueTwo": 7}]}]}}}`;
  const spec = JSON.parse(text);
  t.strictSame(restoreExactNumbers(spec, text, "Spec"), []);
  t.strictSame(spec.process.rlimits, [{ soft: 1024, hard: 18446744073709551615n }]);
  t.strictSame(spec.linux.seccomp.syscalls[1].args, [{ value: 9007199254740993n, valueTwo: 7 }]);
});

t.test("the same in a process file; a number written with an exponent is taken as it is", async (t) => {
  const text = '{"rlimits": [{"soft": 1e18, "hard": 18446744073709551614}]}';
  const process = JSON.parse(text);
  t.strictSame(restoreExactNumbers(process, text, "Process"), []);
  t.strictSame(process.rlimits, [{ soft: 1000000000000000000n, hard: 18446744073709551614n }]);
});

t.test("a number that 64 bits cannot hold is a fault", async (t) => {
  const text = '{"process": {"rlimits": [{"soft": 1, "hard": 18446744073709551616}]}}';
  t.strictSame(restoreExactNumbers(JSON.parse(text), text, "Spec"), [
    {
      pointer: "/process/rlimits/0/hard",
      reason: "must be at most 18446744073709551615, is 18446744073709551616",
    },
  ]);
});

const RESOURCES = `{"memory": {"limit": -1, "swap": 9223372036854775807, "reservation": 9007199254740993},
  "cpu": {"burst": 9007199254740995, "realtimeRuntime": -9007199254740993,
    "realtimePeriod": 9007199254740997},
  "hugepageLimits": [{"pageSize": "2MB", "limit": 1}, {"pageSize": "1GB", "limit": 18446744073709551615}],
  "blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 9007199254740993}],
    "throttleWriteIOPSDevice": [{"major": 8, "minor": 0, "rate": 18446744073709551613}]}}`;

t.test("the same in resources, wherever they stand", async (t) => {
  const documents = [
    { type: "Resources", text: RESOURCES, members: [] },
    { type: "Spec", text: `{"linux": {"resources": ${RESOURCES}}}`, members: ["linux", "resources"] },
    { type: "StateRecord", text: `{"resources": ${RESOURCES}}`, members: ["resources"] },
  ] as const;
  for (const { type, text, members } of documents) {
    const document = JSON.parse(text);
    t.strictSame(restoreExactNumbers(document, text, type), []);
    const { memory, cpu, hugepageLimits, blockIO } = members.reduce((one, name) => one[name], document);
    t.strictSame(memory, { limit: -1, swap: 9223372036854775807n, reservation: 9007199254740993n });
    t.strictSame(cpu, {
      burst: 9007199254740995n,
      realtimeRuntime: -9007199254740993n,
      realtimePeriod: 9007199254740997n,
    });
    t.equal(hugepageLimits[1].limit, 18446744073709551615n);
    t.equal(blockIO.throttleReadBpsDevice[0].rate, 9007199254740993n);
    t.equal(blockIO.throttleWriteIOPSDevice[0].rate, 18446744073709551613n);
    t.strictSame(JSON.parse(exactJson(document)), JSON.parse(text), "and is written as it was");
    t.match(exactJson(document), /"rate":9007199254740993\b/);
  }
});

t.test("what may be negative has a bit less", async (t) => {
  for (const [number, words] of [
    ["9223372036854775808", "must be at most 9223372036854775807, is 9223372036854775808"],
    ["-9223372036854775809", "must be at least -9223372036854775808, is -9223372036854775809"],
  ]) {
    const text = `{"memory": {"limit": ${number}}}`;
    t.strictSame(restoreExactNumbers(JSON.parse(text), text, "Resources"), [
      { pointer: "/memory/limit", reason: words },
    ]);
  }
});

t.test("the times of a scheduler are exact too", async (t) => {
  const text = '{"scheduler": {"policy": "SCHED_DEADLINE", "runtime": 18446744073709551615, "period": 7}}';
  const process = JSON.parse(text);
  t.strictSame(restoreExactNumbers(process, text, "Process"), []);
  t.strictSame(process.scheduler, { policy: "SCHED_DEADLINE", runtime: 18446744073709551615n, period: 7 });
});
