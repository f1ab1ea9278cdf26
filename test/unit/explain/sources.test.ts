// Where a configuration asks for what is explained, and how that differs from the usual configuration.

import t from "tap";
import type { Row, Section } from "../../../src/explain/model.ts";
import { placesOf } from "../../../src/explain/places.ts";
import { withSources } from "../../../src/explain/sources.ts";
import { exampleSpec } from "../../../src/spec/defaults.ts";
import { loadConfig } from "../../../src/spec/load.ts";
import type { Spec } from "../../../src/spec/types.ts";
import { describe, explanationOf, FULL, V1, V2 } from "../../support/explained.ts";

function rowsOf(sections: readonly Section[], topic: string): readonly Row[] {
  const section = sections.find((one) => one.topic === topic);
  return [...(section?.facts ?? []), ...(section?.table?.rows ?? [])];
}

/** The rows of a topic that differ, as `key: how`. */
function differing(spec: Spec, topic: string, hierarchies = V2): string[] {
  const { sections } = explanationOf(spec, { hierarchies });
  const lacks = sections.find((one) => one.topic === topic)?.lacks ?? [];
  const words = (row: Row): string => `${Object.values(row)[0]}: ${row.differs}`;
  return [
    ...rowsOf(sections, topic)
      .filter(({ differs }) => differs !== undefined)
      .map(words),
    ...lacks.map((row) => `no ${words(row)}`),
  ];
}

t.test("every pointer leads to a place of the file, and what is asked for to its own", (test) => {
  const { unified: _, ...resources } = FULL.linux?.resources ?? {};
  const older: Spec = { ...FULL, linux: { ...FULL.linux, resources } };
  for (const [hierarchies, spec] of [[V1, older] as const, [V2, FULL] as const]) {
    const { sections, sources } = explanationOf(spec, { hierarchies });
    const absent = Object.entries(sources?.places ?? {}).flatMap(([at, place]) => (place.absent ? [at] : []));
    // What is kept and dropped stands in the same object; nothing else is missing in this configuration.
    test.strictSame(absent, ["/process/terminal"]);
    const pointers = sections.flatMap(({ topic }) =>
      rowsOf(sections, topic).flatMap((row) => row.pointer ?? []),
    );
    const without = pointers.filter((pointer) => sources?.places[pointer] === undefined);
    test.strictSame(without, []);
    test.ok(pointers.length > 70, `${pointers.length} pointers`);
  }
  test.end();
});

t.test("the place of a row has the text that the row tells of", (test) => {
  const { sections, sources } = explanationOf(FULL);
  const textOf = (topic: string, index: number): string => {
    const [row] = sections.find((one) => one.topic === topic)?.table?.rows.slice(index) ?? [];
    return sources?.places[row?.pointer ?? ""]?.text ?? "";
  };
  test.match(textOf("mounts", 1), /"destination": "\/bound"/);
  test.match(textOf("ids", 1), /"hostID": 8000/);
  test.match(textOf("limits", 0), /"limit": 444/);
  test.match(textOf("rlimits", 0), /"soft": 1111/);
  test.match(textOf("capabilities", 0), /^"CAP_KILL"$/);
  test.match(textOf("hooks", 0), /"path": "\/the\/hook"/);
  test.match(textOf("paths", 0), /^"\/readonly\/path"$/);
  test.match(textOf("seccomp", 0), /"thecall"/);
  test.match(textOf("command", 0), /^"THE_NAME=the-value"$/);
  test.match(textOf("apart", 2), /^"oomScoreAdj": 777$/);
  test.match(
    textOf("network-devices", 0),
    /^"eth7": \{\n {2}"name": "inside7"\n\}$/,
    "indented from its key",
  );
  const device = rowsOf(sections, "device-access").find(({ device }) => device === "block 88:99");
  test.equal(device?.pointer, "/linux/resources/devices/0");
  test.end();
});

t.test("a place is one of the file as it is written, also where its keys were not", (test) => {
  const text = '{"ociVersion": "1.0.0",\n "Root": {"PATH": "r"},\n "process": {"cwd": "/", "args": ["x"]}}';
  const { source, spec } = loadConfig(text, "config.json");
  const { sources } = withSources(explanationOf(spec), describe(exampleSpec()), { file: "f", source });
  const place = sources?.places["/root/path"];
  test.strictSame([place?.line, place?.column, place?.text], [2, 11, '"PATH": "r"']);
  const absent = sources?.places["/mounts"];
  test.strictSame([absent?.line, absent?.absent], [1, true]);
  test.end();
});

t.test("a configuration of one long line takes no longer than others", (test) => {
  const mounts = Array.from({ length: 20_000 }, (_, index) => ({
    destination: `/😀${index}`,
    type: "tmpfs",
    source: "t",
  }));
  const text = JSON.stringify({ mounts });
  const rows = mounts.map(({ destination }, index) => ({ destination, pointer: `/mounts/${index}` }));
  const before = performance.now();
  const places = placesOf([{ topic: "mounts", title: "", text: [], table: { columns: [], rows } }], { text });
  test.ok(performance.now() - before < 5000, "20 s when each column was counted from the beginning");
  const last = places["/mounts/19999"];
  test.equal(last?.column, [...text].length - [...JSON.stringify(mounts.at(-1))].length - 1);
  test.end();
});

t.test("long lists are shortened, and their last line is told", (test) => {
  const names = Array.from({ length: 300 }, (_, index) => `call${index}`);
  const spec = {
    ...FULL,
    linux: { seccomp: { defaultAction: "SCMP_ACT_KILL", syscalls: [{ names, action: "x" }] } },
  };
  const { sources } = explanationOf(spec as Spec, { plan: FULL });
  const place = sources?.places["/linux/seccomp"];
  test.equal(place?.text.split("\n").length, 13);
  test.match(place?.text, /^… \d+ more lines$/m);
  test.equal((place?.lastLine ?? 0) - (place?.line ?? 0) > 300, true);
  test.end();
});

t.test("the usual configuration does not differ from itself", (test) => {
  const { sections } = explanationOf(exampleSpec());
  const marked = JSON.stringify(sections).match(/"(differs|usually|lacks)"/g);
  test.strictSame(marked, null);
  test.end();
});

t.test("what a container can reach more or less is told apart", (test) => {
  const usual = exampleSpec();
  const { linux = {}, process = { cwd: "/" }, mounts = [] } = usual;
  const but = (parts: Partial<Spec>): Spec => ({ ...usual, ...parts });
  const kinds = (names: readonly string[]): Spec =>
    but({ linux: { ...linux, namespaces: names.map((type) => ({ type })) as never } });
  test.strictSame(differing(kinds(["pid", "ipc", "uts", "mount", "user"]), "namespaces"), [
    "user: narrower",
    "network: wider",
  ]);
  const more = but({
    mounts: [
      ...mounts.slice(0, 5),
      { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev"] },
      { destination: "/data", type: "bind", source: "/srv", options: ["bind", "ro"] },
      { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: ["nosuid"] },
    ],
  });
  test.strictSame(differing(more, "mounts"), [
    "/sys: wider",
    "/data: wider",
    "/tmp: other",
    "no /sys/fs/cgroup: other",
  ]);
  const rights = (names: readonly string[]): Spec =>
    but({
      process: { ...process, capabilities: { bounding: names, effective: names, permitted: names } as never },
    });
  const other = rights(["CAP_KILL", "CAP_SYS_ADMIN", "CAP_NET_BIND_SERVICE"]);
  test.strictSame(differing(other, "capabilities"), ["CAP_SYS_ADMIN: wider"]);
  test.strictSame(differing(other, "dropped-capabilities"), ["CAP_AUDIT_WRITE: narrower"]);
  const open = but({ linux: { ...linux, maskedPaths: [], readonlyPaths: [] } });
  test.equal(differing(open, "paths").length, 15);
  test.equal(differing(open, "paths")[0], "no /proc/bus: wider");
  test.strictSame(differing(but({ root: { path: "r" } }), "root"), ["root: wider"]);
  const free = { ...process, noNewPrivileges: false, user: { uid: 1000, gid: 0 } };
  test.strictSame(differing(but({ process: free }), "identity"), ["user: narrower", "no_new_privs: wider"]);
  const limited = but({ linux: { ...linux, resources: { pids: { limit: 5 }, cpu: { shares: 512 } } } });
  test.strictSame(differing(limited, "limits"), [
    "processes and threads: narrower",
    "share of the processors, 100 being usual: other",
  ]);
  const files = { ...process, rlimits: [{ type: "RLIMIT_NOFILE" as const, soft: 9, hard: 9 }] };
  test.strictSame(differing(but({ process: files }), "rlimits"), ["RLIMIT_NOFILE: narrower"]);
  test.end();
});

t.test("a filter, no devices of its own and no control group are one difference each", (test) => {
  const usual = exampleSpec();
  const seccomp = FULL.linux?.seccomp;
  const { sections } = explanationOf({
    ...usual,
    mounts: [{ destination: "/dev", type: "bind", source: "/dev", options: ["bind"] }],
    linux: { ...usual.linux, ...(seccomp === undefined ? {} : { seccomp }) },
  });
  const whole = sections.flatMap(({ topic, differs }) =>
    differs === undefined ? [] : [`${topic}: ${differs}`],
  );
  test.strictSame(whole, ["devices: wider", "seccomp: narrower"]);
  test.end();
});
