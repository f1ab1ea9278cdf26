// Which mounts may be added to an existing container, and the list of them.

import t from "tap";
import { MS_PRIVATE, MS_REC, MS_SLAVE } from "../../../src/linux/numbers/mount.ts";
import { planLiveMounts } from "../../../src/rootfs/plan/live.ts";
import { loadMounts } from "../../../src/spec/load.ts";
import type { Mount, Spec } from "../../../src/spec/types.ts";

const spec: Spec = {
  ociVersion: "1.0.2",
  linux: { mountLabel: "system_u:object_r:x:s0", namespaces: [{ type: "mount" }] },
};

const plan = (mounts: Mount[], changes: Partial<Parameters<typeof planLiveMounts>[0]> = {}) =>
  planLiveMounts({
    mounts,
    spec,
    rootfs: "/r",
    bundle: "/b",
    userNamespace: false,
    labels: false,
    ...changes,
  });

t.test("bind mounts and tmpfs are planned as those of a configuration", async (t) => {
  const { mounts } = plan([
    { destination: "/r/data/", source: "x", options: ["rbind", "ro"] },
    { destination: "/t", source: "tmpfs", type: "tmpfs", options: ["size=1m"] },
  ]);
  t.match(mounts, [
    { kind: "bind", source: "/b/x", destination: "/data", parsed: { withSubmounts: true } },
    { kind: "filesystem", type: "tmpfs", data: ["size=1m"], destination: "/t" },
  ]);
});

t.test("a bind mount needs a source, and a tmpfs none", async (t) => {
  const message = /^cannot mount .*on "\/x": it has no source$/;
  t.throws(() => plan([{ destination: "/x", options: ["bind"] }]), { code: "E_CONFIG", message });
  t.match(plan([{ destination: "/t", type: "tmpfs" }]).mounts, [{ type: "tmpfs", destination: "/t" }]);
});

t.test("the host's propagation becomes what that of the container's tree became", async (t) => {
  t.equal(plan([]).treePropagation, MS_SLAVE | MS_REC);
  const linux = { ...spec.linux, rootfsPropagation: "private" as const };
  t.equal(plan([], { spec: { ...spec, linux } }).treePropagation, MS_PRIVATE);
  t.equal(plan([], { spec: { ...spec, linux: {} } }).treePropagation, undefined, "on the host it stays");
});

t.test("a tmpfs has the container's label where there is SELinux", async (t) => {
  const tmpfs: Mount = { destination: "/t", source: "tmpfs", type: "tmpfs" };
  const contextOf = (labels: boolean) =>
    (plan([tmpfs], { labels }).mounts[0] as { context?: string }).context;
  t.equal(contextOf(true), "system_u:object_r:x:s0");
  t.equal(contextOf(false), undefined);
});

t.test("what is for new containers alone is refused", async (t) => {
  const cases: [Mount, RegExp][] = [
    [{ destination: "/a/../../x", source: "/x", options: ["bind"] }, /leads out of the root/],
    [{ destination: "/", source: "/x", options: ["bind"] }, /the root file system itself/],
    [{ destination: "/proc", source: "/proc", options: ["rbind"] }, /not of type proc/],
    [{ destination: "/m", source: "m", type: "mqueue" }, /type "mqueue" cannot be added/],
    [{ destination: "/x", type: "bind", options: ["bind", "remount"] }, /a remount cannot be added/],
    [{ destination: "/x", source: "/x", options: ["bind", "copy-symlink"] }, /"copy-symlink" is for new/],
    [{ destination: "/t", type: "tmpfs", options: ["tmpcopyup"] }, /"tmpcopyup" is for new/],
  ];
  for (const [mount, message] of cases) {
    t.throws(() => plan([mount]), { code: "E_CONFIG", message }, mount.destination);
  }
});

t.test("a list is read with the rules of a configuration", async (t) => {
  const load = (text: string, container = spec) => loadMounts(text, "m.json", container).document;
  t.same(load('[{"destination": "x", "type": null}]'), [{ destination: "/x" }]);
  const cases: [string, RegExp][] = [
    ["{}", /cannot use "m.json": mounts must be an array/],
    ["3", /mounts must be an array/],
    ["[", /invalid JSON/],
    ['[{"destination": ""}]', /\/0\/destination \(line 1 column 3\): must not be empty/],
    [
      '[{"destination": "/a"},\n{"destination": 1}]',
      /\/1\/destination \(line 2 column 2\): must be a string/,
    ],
    ['[{"destination": "/a", "options": ["bind", "rw", "nosiud"]}]', /did you mean "nosuid"/],
  ];
  for (const [text, message] of cases) t.throws(() => load(text), { code: "E_CONFIG", message }, text);
  const idmap = '[{"destination": "/a", "source": "/a", "options": ["bind", "idmap"]}]';
  t.throws(() => load(idmap), /must have both uid and gid mappings/);
  const linux = { ...spec.linux, namespaces: [{ type: "user" as const }] };
  t.doesNotThrow(() => load(idmap, { ...spec, linux }), "those of the container's user namespace");
});
