// The names and words by which containerd calls a shim.

import { createHash } from "node:crypto";
import t from "tap";
import { isShim, parseShimLine } from "../../../src/shim/command-line.ts";
import { namesUnit } from "../../../src/shim/messages/options.ts";
import { sha256 } from "../../../src/shim/sha256.ts";
import { parseLogger } from "../../../src/shim/streams/uri.ts";

t.test("a name of containerd's makes it a shim", async (t) => {
  for (const name of [
    "containerd-shim-tsrun-v2",
    "/usr/bin/containerd-shim-tsrun-v2",
    "./containerd-shim-x-v1",
  ]) {
    t.ok(isShim(name), name);
  }
  for (const name of ["tsrun", "runc", "/containerd-shim-x/tsrun", "containerd-shim-", ""])
    t.notOk(isShim(name), name);
});

t.test("flags are Go's", async (t) => {
  const words = [
    "-namespace",
    "moby",
    "--id=c1",
    "-address",
    "/run/x.sock",
    "-publish-binary",
    "",
    "-debug",
    "start",
  ];
  t.match(parseShimLine(words), {
    action: "start",
    id: "c1",
    namespace: "moby",
    address: "/run/x.sock",
    debug: true,
  });
  t.match(parseShimLine(["-v"]), { version: true, info: false, action: "" });
  t.throws(() => parseShimLine(["-nonsense"]), { code: "E_USAGE", message: /-nonsense/ });
});

t.test("the digest is that of everybody's SHA-256", async (t) => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 119, 120, 1000]) {
    const text = "é".repeat(length >> 1) + "x".repeat(length & 1);
    t.equal(sha256(text), createHash("sha256").update(text).digest("hex"), `${length} bytes`);
  }
});

t.test("a logger's URI is a program and its arguments", async (t) => {
  t.strictSame(parseLogger("binary:///bin/log?a=1&b&c=x%20y"), {
    path: "/bin/log",
    args: ["a", "1", "b", "c", "x y"],
  });
  t.strictSame(parseLogger("binary:///bin/log"), { path: "/bin/log", args: [] });
  t.strictSame(parseLogger("binary:///a%b"), { path: "/a%b", args: [] });
});

t.test("the path of a systemd unit is told from one of cgroups", async (t) => {
  for (const path of [
    "system.slice:docker:4e88",
    "kubepods-pod1.slice:cri-containerd:4e88",
    ":docker:4e88",
  ]) {
    t.ok(namesUnit(path), path);
  }
  for (const path of [
    "/docker/4e88",
    "/a:b:c",
    "a:b:c",
    "system.slice:docker",
    "system.slice:a:b:c",
    "",
    undefined,
  ]) {
    t.notOk(namesUnit(path), path ?? "none");
  }
});
