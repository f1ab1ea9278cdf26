// How the rules are tried; the rules themselves are tested by topic, in semantics/.

import t from "tap";
import { checkSpec } from "../../../src/spec/semantics.ts";
import type { Spec } from "../../../src/spec/types.ts";
import { faults } from "./semantics/findings.ts";

t.test("a hook is an absolute path", async (t) => {
  const hook = { path: "bin/hook" };
  t.strictSame(faults({ hooks: { prestart: [{ path: "/bin/hook" }, hook], poststop: [hook] } }), [
    '/hooks/prestart/1/path: must be an absolute path, is "bin/hook"',
    '/hooks/poststop/0/path: must be an absolute path, is "bin/hook"',
  ]);
});

t.test("rules leave out what the schema has found fault with, and go on with the rest", async (t) => {
  const config = {
    ociVersion: "1.3.0",
    process: { cwd: 5, args: [] },
    root: { path: "r" },
    mounts: [{ destination: 1 }, { destination: "" }],
    hostname: "h",
    linux: { namespaces: "all", readonlyPaths: ["x"], devices: [{ path: "x", type: "p" }] },
  } as unknown as Spec;
  const schemaFaults = ["/process/cwd", "/mounts/0/destination", "/linux/namespaces"].map((pointer) => ({
    pointer,
    reason: "",
  }));
  t.strictSame(
    checkSpec(config, { euid: 0 }, schemaFaults).faults.map(({ pointer }) => pointer),
    ["/mounts/1/destination", "/linux/devices/0/path", "/process/args"],
  );
});

t.test("a fault of the whole document leaves no rule to try", async (t) => {
  const schemaFaults = [{ pointer: "", reason: "" }];
  t.strictSame(checkSpec({} as Spec, { euid: 0 }, schemaFaults).faults, []);
});

t.test("no more rules are tried when ten thousand faults are found", async (t) => {
  const maskedPaths = Array.from({ length: 20_000 }, () => "relative");
  const spec = {
    ociVersion: "1.3.0",
    linux: { maskedPaths, readonlyPaths: ["relative"] },
  } as unknown as Spec;
  const { faults, untold } = checkSpec(spec, { euid: 0 });
  t.equal(faults.length, 20);
  t.equal(untold.faults, 10_000);
});
