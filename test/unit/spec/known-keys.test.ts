// Keys that the schemas do not know, as --debug reports them.

import t from "tap";
import { keysAt, unknownKeys as lookForKeys } from "../../../src/spec/known-keys.ts";

function unknownKeys(...args: Parameters<typeof lookForKeys>): unknown {
  return lookForKeys(...args).warnings;
}

t.test("unknownKeys names every key the schemas do not know, and the one that was meant", async (t) => {
  const config = {
    ociVersion: "1.3.0",
    proces: {},
    linux: {
      namespace: [],
      resources: { blockIO: { throttleReadBpsDevice: [{ major: 8, minor: 0, rates: 1 }] } },
      netDevices: { eth0: { nam: "x" } },
    },
    "my/own": 1,
  };
  t.strictSame(unknownKeys(config), [
    { pointer: "/proces", message: 'unknown key "proces" (did you mean "process"?), ignoring' },
    {
      pointer: "/linux/namespace",
      message: 'unknown key "namespace" (did you mean "namespaces"?), ignoring',
    },
    {
      pointer: "/linux/resources/blockIO/throttleReadBpsDevice/0/rates",
      message: 'unknown key "rates" (did you mean "rate"?), ignoring',
    },
    { pointer: "/linux/netDevices/eth0/nam", message: 'unknown key "nam" (did you mean "name"?), ignoring' },
    { pointer: "/my~1own", message: 'unknown key "my/own", ignoring' },
  ]);
});

t.test("unknownKeys leaves maps and other platforms alone", async (t) => {
  t.strictSame(
    unknownKeys({ annotations: { any: "x" }, windows: { any: 1 }, linux: { sysctl: { any: "x" } } }),
    [],
  );
});

t.test("unknownKeys reads process files and resources as well, and takes whatever it is given", async (t) => {
  t.strictSame(unknownKeys({ cwd: "/", arg: [] }, "Process"), [
    { pointer: "/arg", message: 'unknown key "arg" (did you mean "args"?), ignoring' },
  ]);
  t.strictSame(unknownKeys({ memory: { limits: 1 } }, "Resources"), [
    { pointer: "/memory/limits", message: 'unknown key "limits" (did you mean "limit"?), ignoring' },
  ]);
  for (const odd of [null, 1, "x", [], { linux: [1], process: "x" }]) t.strictSame(unknownKeys(odd), []);
});

t.test("a key of Object.prototype is as unknown as any", async (t) => {
  t.strictSame(unknownKeys(JSON.parse('{"constructor": {}, "__proto__": {"process": {}}}')), [
    { pointer: "/constructor", message: 'unknown key "constructor", ignoring' },
    { pointer: "/__proto__", message: 'unknown key "__proto__", ignoring' },
  ]);
});

t.test("keysAt finds the keys of the object a pointer leads to", async (t) => {
  t.strictSame(keysAt("/root", "Spec"), ["path", "readonly"]);
  t.strictSame(keysAt("/linux/seccomp/syscalls/3/args/0", "Spec"), ["index", "value", "valueTwo", "op"]);
  t.strictSame(keysAt("/linux/netDevices/eth0", "Spec"), ["name"]);
  t.strictSame(keysAt("/annotations", "Spec"), []);
  t.ok(keysAt("", "Process").includes("cwd"));
});

t.test("of many unknown keys the first are told, the others counted", async (t) => {
  const mounts = Array.from({ length: 5000 }, () => ({ destination: "/a", optins: [] }));
  const { warnings, untold } = lookForKeys({ mounts });
  t.match(warnings, { length: 20, 19: { pointer: "/mounts/19/optins" } });
  t.equal(untold, 4980);
});
