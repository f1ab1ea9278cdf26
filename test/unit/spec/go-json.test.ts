// A JSON text as Go's encoding/json reads it: keys in another case, and repeated keys.

import t from "tap";
import { KEYS } from "../../../src/spec/generated/keys.ts";
import { fold, readAsGo } from "../../../src/spec/go-json.ts";
import { elementOf, keysBelow } from "../../../src/spec/known-keys.ts";
import { inspectConfig, loadConfig, loadProcess, loadResources } from "../../../src/spec/load.ts";

/** The rewritten text, and the warnings; `undefined` if the text stays unchanged. */
function read(text: string, type = "Spec"): [unknown, string[]] | undefined {
  const reading = readAsGo(text, type);
  if (reading === undefined) return undefined;
  if (!("source" in reading)) throw new Error(reading.reason);
  const told = reading.warnings.map(({ pointer, message }) => `${pointer}: ${message}`);
  return [JSON.parse(reading.source.text), told];
}

const OTHERS = "runc takes it too, others may ignore it";

function value(text: string, type?: string): unknown {
  return read(text, type)?.[0];
}

t.test("a text whose keys are right and there once stays as it is", async (t) => {
  for (const text of [
    "{}",
    "[]",
    '"x"',
    '{"hostname": "a", "process": {"user": {"uid": 0}, "args": ["A", {"Args": 1}]}}',
    '{"mounts": [{}, {"type": "x"}, 5]}',
    '{"unknown": 1, "UNKNOWN": {"Hostname": 2}, "unknown": 3}',
  ]) {
    t.equal(read(text), undefined, text);
  }
});

t.test("keys are taken in any case, and told with their pointer", async (t) => {
  t.strictSame(read('{"Hostname": "a", "LINUX": {"hugePages": 1, "Resources": {"pids": {"LIMIT": 5}}}}'), [
    { hostname: "a", linux: { hugePages: 1, resources: { pids: { limit: 5 } } } },
    [
      `/hostname: field "hostname" is written "Hostname"; ${OTHERS}`,
      `/linux: field "linux" is written "LINUX"; ${OTHERS}`,
      `/linux/resources: field "resources" is written "Resources"; ${OTHERS}`,
      `/linux/resources/pids/limit: field "limit" is written "LIMIT"; ${OTHERS}`,
    ],
  ]);
});

t.test("keys in lists, in maps of structures, and with escapes are taken too", async (t) => {
  t.strictSame(value('{"mounts": [{"Type": "a"}, 5, {"\\u0054ype": "b\\"}\\\\"}]}'), {
    mounts: [{ type: "a" }, 5, { type: 'b"}\\' }],
  });
  t.strictSame(value('{"linux": {"netDevices": {"Name": {"NAME": "x"}}}}'), {
    linux: { netDevices: { Name: { name: "x" } } },
  });
});

t.test("of letters beyond ASCII two are folded, as by Unicode", async (t) => {
  t.equal(fold("roo\u212a\u017fX"), "rooksx");
  t.strictSame(value('{"linux": {"ma\u017f\u212aedPaths": []}}'), { linux: { maskedPaths: [] } });
  t.equal(value('{"h\u00f6stname": 1, "l\u0131nux": 2, "L\u0130NUX": 3}'), undefined);
});

t.test("free keys stay as they are, and each is its own", async (t) => {
  const maps = {
    annotations: { Type: "a", type: "b", TYPE: "c" },
    linux: {
      sysctl: { Path: "1" },
      resources: { unified: { "Pids.max": "1", Limit: "2" }, rdma: { Mlx: {} } },
    },
    windows: { Process: 1 },
    hostname: "x",
  };
  t.equal(read(JSON.stringify(maps)), undefined);
  const text = JSON.stringify(maps).replace("hostname", "HostName");
  t.strictSame(value(text), maps);
});

t.test("of a key that is there more than once the last counts, in whatever case", async (t) => {
  t.strictSame(read('{"hostname": "a", "Hostname": "b"}')?.[0], { hostname: "b" });
  t.strictSame(read('{"Hostname": "b", "hostname": "a"}')?.[0], { hostname: "a" });
  t.strictSame(read('{"hostname": "a", "HOSTNAME": "b", "hostname": "c"}')?.[0], { hostname: "c" });
  t.strictSame(read('{"process": {"args": ["a", "b"], "args": ["c"]}}'), [
    { process: { args: ["c"] } },
    ['/process/args: field "args" is given more than once; the last counts'],
  ]);
});

t.test("structures, maps and lists of structures that are there again are merged, as by Go", async (t) => {
  t.strictSame(
    read('{"process": {"cwd": "/", "user": {"uid": 1, "gid": 2}}, "process": {"user": {"uid": 3}}}'),
    [
      { process: { cwd: "/", user: { uid: 3, gid: 2 } } },
      ['/process: field "process" is given more than once; what its parts say is merged'],
    ],
  );
  t.strictSame(value('{"annotations": {"a": "1", "b": "1"}, "Annotations": {"b": "2", "c": "2"}}'), {
    annotations: { a: "1", b: "2", c: "2" },
  });
  t.strictSame(
    value('{"mounts": [{"type": "a", "options": ["ro"]}, {"type": "b"}], "Mounts": [{"Type": "c"}]}'),
    {
      mounts: [{ type: "c", options: ["ro"] }],
    },
  );
  t.strictSame(
    value(
      '{"linux": {"rdma": 1}, "linux": {"resources": {"rdma": {"a": {"hcaHandles": 1}}}}, ' +
        '"linux": {"resources": {"rdma": {"a": {"hcaObjects": 2}}}}}',
    ),
    {
      linux: { rdma: 1, resources: { rdma: { a: { hcaObjects: 2 } } } },
    },
  );
  t.strictSame(value('{"linux": {"cgroupsPath": "/a"}, "linux": null}'), { linux: null });
});

t.test("every key of every structure is taken in another case", async (t) => {
  const types = new Set(["Spec"]);
  for (const type of types) {
    for (const [key, walk] of Object.entries(KEYS[type] ?? {})) {
      types.add(elementOf(walk));
      t.strictSame(
        value(JSON.stringify({ [key.toUpperCase()]: null }), type),
        { [key]: null },
        `${type}.${key}`,
      );
    }
  }
  t.ok(types.has("ThrottleDevice"));
  t.ok(keysBelow("Spec").has("rate"));
  t.notOk(keysBelow("Spec").has("init_process_pid"));
});

const GOOD = { ociVersion: "1.0.2", process: { cwd: "/", args: ["a"] }, root: { path: "r" } };

t.test("faults and warnings have the place of the key as it is written", async (t) => {
  const text = `{"ociVersion": "1.0.2", "Process": {"cwd": "/", "args": ["a"]}, "root": {"path": "r"},
  "linux": {"namespaces": [{"type": "mount"}]},
    "Linux": {"Resources": {
      "pids": {"Limit": "x"}}},
  "linux":   {"resources": {"memory": {"limit": true}}}}`;
  const { faults, warnings } = inspectConfig(text);
  const places = (all: typeof faults) =>
    all.map(({ line, column, pointer }) => `${line}:${column} ${pointer}`);
  t.strictSame(places(faults), ["4:16 /linux/resources/pids/limit", "5:40 /linux/resources/memory/limit"]);
  // A merged value is at the place of its last occurrence.
  t.strictSame(places(warnings), [
    "1:25 /process",
    "4:16 /linux/resources/pids/limit",
    "5:3 /linux",
    "5:3 /linux",
    "5:3 /linux",
    "5:15 /linux/resources",
  ]);
});

t.test("what is kept has the keys as in the specification, and numbers to the last digit", async (t) => {
  const text = JSON.stringify({ ...GOOD, Linux: { resources: { memory: { Limit: 1 } } } }).replace(
    '"Limit":1',
    '"Limit":9007199254740993',
  );
  const { spec, text: kept, oddKeys } = loadConfig(text, "c");
  t.strictSame(spec.linux, { resources: { memory: { limit: 9007199254740993n } } });
  t.match(kept, '"memory":{"limit":9007199254740993}');
  t.equal(oddKeys.length, 2);
  t.match(oddKeys[1], /^\/linux\/resources\/memory\/limit: field "limit" is written "Limit"/);
  t.equal(loadConfig(JSON.stringify(GOOD), "c").text, JSON.stringify(GOOD));
});

t.test("process files and resources are read in the same way", async (t) => {
  t.strictSame(loadProcess('{"CWD": "/", "Args": ["ls"]}', "p").document, { cwd: "/", args: ["ls"] });
  const { document, oddKeys } = loadResources('{"Pids": {"limit": 5}}', "r");
  t.strictSame(document, { pids: { limit: 5 } });
  t.equal(oddKeys.length, 1);
});

t.test("of many such keys twenty are told and the others counted", async (t) => {
  const text = JSON.stringify({ ...GOOD, mounts: Array(30).fill({ Destination: "/a" }) });
  const { oddKeys } = loadConfig(text, "c");
  t.equal(oddKeys.length, 21);
  t.equal(oddKeys[20], "10 more fields are written in another case, or given more than once");
});

t.test("a document of too many keys is refused rather than read for seconds", async (t) => {
  const text = `{"mounts": [${Array(400_000).fill("{}").join()}]}`;
  t.match(readAsGo(text, "Spec"), { pointer: "", reason: /^has more than 100000 keys/ });
  const { faults } = inspectConfig(text);
  t.match(faults[0], { reason: /^has more than 100000 keys/ });
});
