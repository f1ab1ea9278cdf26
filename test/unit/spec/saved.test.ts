// Reading a configuration that was checked before, and may have been damaged since.

import t from "tap";
import { TsrunError } from "../../../src/errors.ts";
import { orDamaged, reloadConfig } from "../../../src/spec/saved.ts";

const GOOD = {
  ociVersion: "1.2.0",
  process: { user: { uid: 1, gid: 2 }, args: ["sh"], cwd: "/", rlimits: [] },
  root: { path: "rootfs" },
  hooks: { poststop: [{ path: "/bin/true" }] },
  mounts: [{ destination: "data", type: "tmpfs", source: "tmpfs" }],
  annotations: { a: "b" },
  linux: { namespaces: [{ type: "pid" }], seccomp: { defaultAction: "SCMP_ACT_ALLOW" } },
};

const read = (document: unknown) => reloadConfig(JSON.stringify(document), "/run/x/config.json");

t.test("a good one is read as it was", async (t) => {
  t.match(read(GOOD), { ...GOOD, mounts: [{ destination: "/data" }] });
  t.match(read({ ...GOOD, hooks: null, linux: null }), { ociVersion: "1.2.0" }, "null is absent");
});

t.test("a part of another type is told by its place", async (t) => {
  const { process, linux } = GOOD;
  const cases: Readonly<Record<string, readonly [document: unknown, told: RegExp]>> = {
    nothing: [null, /the document/],
    list: [[], /the document/],
    process: [{ ...GOOD, process: 7 }, /\/process .*: must be an object, is 7/],
    args: [{ ...GOOD, process: { ...process, args: "sh" } }, /\/process\/args .*: must be a list/],
    uid: [
      { ...GOOD, process: { ...process, user: { uid: "0", gid: 0 } } },
      /\/user\/uid .*: must be a whole number/,
    ],
    rlimits: [{ ...GOOD, process: { ...process, rlimits: {} } }, /\/rlimits .*: must be a list/],
    hooks: [{ ...GOOD, hooks: { poststop: 7 } }, /\/hooks\/poststop .*: must be a list, is 7/],
    mounts: [{ ...GOOD, mounts: {} }, /\/mounts .*: must be a list/],
    mount: [{ ...GOOD, mounts: [7] }, /\/mounts\/0 .*: must be an object, is 7/],
    destination: [{ ...GOOD, mounts: [{ destination: 7 }] }, /\/mounts\/0\/destination .*: must be a string/],
    linux: [{ ...GOOD, linux: [] }, /\/linux .*: must be an object, is a list/],
    syscalls: [
      { ...GOOD, linux: { ...linux, seccomp: { syscalls: 7 } } },
      /\/seccomp\/syscalls .*: must be a list/,
    ],
    annotations: [{ ...GOOD, annotations: "x" }, /\/annotations .*: must be an object/],
  };
  for (const [what, [document, told]] of Object.entries(cases)) {
    const line = new RegExp(`^cannot use "/run/x/config.json": .*${told.source}`);
    t.throws(() => read(document), { code: "E_CONFIG", message: line }, what);
  }
  t.throws(() => reloadConfig("{", "c"), { code: "E_CONFIG", message: /^cannot use "c": invalid JSON/ });
});

t.test("an error of the engine is explained by what a glance does not see", async (t) => {
  const error = new TypeError("not a function");
  read(GOOD);
  t.equal(orDamaged(error), error, "the file is not the reason");
  read({ ...GOOD, hooks: { poststop: [{ path: 5 }] } });
  const explained = orDamaged(error);
  t.match(explained, { code: "E_CONFIG", message: /\/hooks\/poststop\/0\/path .*: must be a string, is 5/ });
  const known = new TsrunError("E_STATE", "known");
  t.equal(orDamaged(known), known);
});
