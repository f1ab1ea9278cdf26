// The global options: where the state is kept, what is logged where.

import t from "tap";
import {
  type HostFacts,
  isBelowRuntimeDirectory,
  readGlobals,
  readLogSettings,
} from "../../../src/cli/globals.ts";
import type { OptionValue } from "../../../src/cli/options.ts";

function fakeHost(changes: Partial<HostFacts> = {}): HostFacts {
  const host = { env: {}, cwd: () => "/work", effectiveUid: () => 0, inUserNamespace: () => false };
  return { ...host, ...changes };
}

const read = (given: Record<string, OptionValue>, host = fakeHost()) =>
  readGlobals(new Map(Object.entries(given)), host);

t.test("without flags, root keeps the state under /run/tsrun", async (t) => {
  t.same(read({}), {
    root: "/run/tsrun",
    rootIsDefault: true,
    systemdCgroup: false,
    cgroupsDisabled: false,
    rootless: "auto",
  });
});

t.test("the cgroup manager is one of three, and has the last word", async (t) => {
  const driver = (given: Record<string, OptionValue>) => {
    const { systemdCgroup, cgroupsDisabled } = read(given);
    return [systemdCgroup, cgroupsDisabled];
  };
  t.same(driver({ "systemd-cgroup": true, "cgroup-manager": "" }), [true, false]);
  t.same(driver({ "cgroup-manager": "systemd" }), [true, false]);
  t.same(driver({ "systemd-cgroup": true, "cgroup-manager": "cgroupfs" }), [false, false]);
  t.same(driver({ "systemd-cgroup": true, "cgroup-manager": "disabled" }), [false, true]);
  const message = 'unknown cgroup manager "none"';
  t.throws(() => read({ "cgroup-manager": "none" }), { code: "E_USAGE", message });
});

t.test("the runtime directory counts for everybody but the host's root", async (t) => {
  const env = { XDG_RUNTIME_DIR: "/run/user/1000" };
  const cases: [string, Partial<HostFacts>, string][] = [
    ["an ordinary user", { env, effectiveUid: () => 1000 }, "/run/user/1000/tsrun"],
    ["an ordinary user without one", { effectiveUid: () => 1000 }, "/run/tsrun"],
    ["an empty one", { env: { XDG_RUNTIME_DIR: "" }, effectiveUid: () => 1000 }, "/run/tsrun"],
    ["root", { env }, "/run/tsrun"],
    ["root of a user namespace", { env, inUserNamespace: () => true }, "/run/user/1000/tsrun"],
    [
      "a system in a user namespace",
      { env: { ...env, USER: "root" }, inUserNamespace: () => true },
      "/run/tsrun",
    ],
  ];
  for (const [name, changes, root] of cases) {
    const globals = read({}, fakeHost(changes));
    t.equal(globals.root, root, name);
    t.equal(isBelowRuntimeDirectory(globals), root !== "/run/tsrun", name);
  }
});

t.test("the host is not asked about user namespaces when no runtime directory is set", async (t) => {
  const inUserNamespace = () => {
    throw new Error("asked");
  };
  t.doesNotThrow(() => read({}, fakeHost({ inUserNamespace })));
});

t.test("a given root is made absolute", async (t) => {
  t.match(read({ root: "state/../x/" }), { root: "/work/x", rootIsDefault: false });
  t.notOk(isBelowRuntimeDirectory(read({ root: "/x" })));
});

t.test("the file system's root is refused as state root, however it is spelt", async (t) => {
  const cwd = () => "/";
  for (const root of ["/", "//", ".", "", "../../..", "/x/.."]) {
    const message = "Option --root argument should not be set to /";
    t.throws(() => read({ root }, fakeHost({ cwd })), { message }, JSON.stringify(root));
  }
});

t.test("rootless is a boolean in Go's spellings, or auto", async (t) => {
  t.equal(read({ rootless: "" }).rootless, "auto");
  t.equal(read({ rootless: "AUTO" }).rootless, "auto");
  t.equal(read({ rootless: "T" }).rootless, "true");
  t.equal(read({ rootless: "0" }).rootless, "false");
  t.throws(() => read({ rootless: "maybe" }), { code: "E_USAGE", message: 'invalid rootless value "maybe"' });
});

t.test("log settings: an empty file is none, an unknown format is refused in runc's words", async (t) => {
  const settings = (given: Record<string, OptionValue>) => readLogSettings(new Map(Object.entries(given)));
  const plain = { target: undefined, format: "text", level: "warning" };
  t.same(settings({}), plain);
  t.same(settings({ log: "", "log-format": "", "log-level": "" }), plain);
  t.same(settings({ log: "l", "log-format": "json", debug: true }), {
    target: "l",
    format: "json",
    level: "debug",
  });
  t.throws(() => settings({ "log-format": "X" }), { message: "invalid log-format: X" });
});

t.test("the log's level is crun's, and --debug is one of them", async (t) => {
  const level = (given: Record<string, OptionValue>) => readLogSettings(new Map(Object.entries(given))).level;
  for (const word of ["error", "warning", "debug"]) t.equal(level({ "log-level": word }), word);
  t.equal(level({ "log-level": "error", debug: true }), "debug");
  for (const word of ["info", "ERROR", "4"]) {
    t.throws(() => level({ "log-level": word }), { code: "E_USAGE", message: `invalid log-level: ${word}` });
  }
});
