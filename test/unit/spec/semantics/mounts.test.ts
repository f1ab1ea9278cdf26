// Rules about mounts.

import t from "tap";
import type { Mount } from "../../../../src/spec/types.ts";
import { faults, NAMESPACES, warnings } from "./findings.ts";

const MAP = [{ containerID: 0, hostID: 1000, size: 10 }];

function check(mount: Partial<Mount>, euid = 0): string[] {
  return faults({ mounts: [{ destination: "/x", ...mount }] }, euid);
}

t.test("a destination is not empty; a relative one is warned about", async (t) => {
  t.strictSame(check({ destination: "" }), ["/mounts/0/destination: must not be empty"]);
  t.strictSame(check({ destination: "a" }), []);
  t.strictSame(warnings({ mounts: [{ destination: "a" }] }), [
    '/mounts/0/destination: relative path "a" is deprecated, falling back to "/a"',
  ]);
});

t.test("no part of a mount has a NUL", async (t) => {
  t.strictSame(check({ destination: "/\0", source: "\0", type: "\0" }), [
    "/mounts/0/destination: must not contain a NUL character",
    "/mounts/0/source: must not contain a NUL character",
    "/mounts/0/type: must not contain a NUL character",
  ]);
});

t.test("a bind mount has no options of a file system", async (t) => {
  t.strictSame(check({ type: "tmpfs", options: ["size=1m", "mode=755"] }), []);
  t.strictSame(check({ type: "bind", options: ["rbind", "rprivate", "ro", "nosuid"] }), []);
  t.strictSame(check({ type: "tmpfs", options: ["bind", "ro", "rprivat"] }), [
    "/mounts/0/options/2: bind mounts cannot have any filesystem-specific options applied, " +
      '"rprivat" is one, did you mean "rprivate"?',
  ]);
});

t.test("tmpcopyup is for a tmpfs", async (t) => {
  t.strictSame(check({ type: "tmpfs", options: ["tmpcopyup"] }), []);
  t.strictSame(check({ type: "bind", options: ["bind", "tmpcopyup"] }), [
    '/mounts/0/options/1: "tmpcopyup" is for a tmpfs, this mount is a "bind"',
  ]);
});

t.test("a bind mount goes without an option that has a value, and says so", async (t) => {
  const mount = { destination: "/a", options: ["bind", "size=1m"] };
  t.strictSame(check(mount), []);
  t.strictSame(warnings({ mounts: [mount] }), [
    "/mounts/0/options/1: bind mounts cannot have any filesystem-specific options applied, " +
      '"size=1m" is one, ignoring',
  ]);
});

t.test("an id-mapped mount is a bind mount with mappings of both kinds", async (t) => {
  const mappings = { uidMappings: MAP, gidMappings: MAP };
  t.strictSame(check({ options: ["bind"], ...mappings }), []);
  t.strictSame(check({ type: "tmpfs", ...mappings }), [
    "/mounts/0: id-mapped mounts are only supported for bind-mounts",
  ]);
  t.strictSame(check({ options: ["bind"], uidMappings: MAP }), [
    "/mounts/0: id-mapped mounts must have both uid and gid mappings specified",
  ]);
  t.strictSame(check({ options: ["rbind", "ridmap"] }), [
    "/mounts/0: id-mapped mounts must have both uid and gid mappings specified",
  ]);
});

t.test("an id-mapped mount without mappings takes those of the user namespace", async (t) => {
  const linux = {
    namespaces: [...NAMESPACES, { type: "user" as const }],
    uidMappings: MAP,
    gidMappings: MAP,
  };
  t.strictSame(faults({ linux, mounts: [{ destination: "/x", options: ["bind", "idmap"] }] }), []);
});

t.test("mappings of a mount keep the kernel's rules too", async (t) => {
  const uidMappings = [...MAP, { containerID: 5, hostID: 0, size: 1 }];
  t.strictSame(check({ options: ["bind"], uidMappings, gidMappings: MAP }), [
    "/mounts/0/uidMappings/1/containerID: overlaps with /mounts/0/uidMappings/0",
  ]);
});
