// Finding a program: Go's rules, and runc's error texts, which dockerd and podman turn into exit codes.

import t from "tap";
import { STATX_SIZE } from "../../../src/linux/files/statx.ts";
import { type Candidate, candidatesFor, choose } from "../../../src/process/lookup.ts";

/** Type and permission bits of the files there are; a number is an errno of the access check. */
type Files = Record<string, { mode: number; access?: number }>;

const FILE = 0o100755;
const PLAIN = 0o100644;
const DIRECTORY = 0o040755;

function answer(candidates: Candidate[], files: Files): Candidate[] {
  for (const { path, status, access } of candidates) {
    const file = files[path];
    status.result = file === undefined ? -2 : 0;
    access.result = file === undefined ? -2 : -(file.access ?? 0);
    status.out.bytes = new Uint8Array(STATX_SIZE);
    new DataView(status.out.bytes.buffer).setUint16(28, file?.mode ?? 0, true);
  }
  return candidates;
}

function find(name: string, path: string | undefined, files: Files): string {
  return choose(name, answer(candidatesFor(name, path), files));
}

t.test("the first directory of PATH that has the program wins", async (t) => {
  const files = { "/usr/bin/sh": { mode: FILE }, "/bin/sh": { mode: FILE } };
  t.equal(find("sh", "/sbin:/usr/bin:/bin", files), "/usr/bin/sh");
});

t.test("a directory and a file without permission are passed over in PATH", async (t) => {
  const files = {
    "/a/sh": { mode: DIRECTORY },
    "/b/sh": { mode: PLAIN, access: 13 },
    "/c/sh": { mode: FILE },
  };
  t.equal(find("sh", "/a:/b:/c", files), "/c/sh");
  t.throws(() => find("sh", "/a:/b", files), {
    code: "E_EXEC",
    message: 'exec: "sh": executable file not found in $PATH',
  });
});

t.test("PATH is the container's; without it nothing is found", async (t) => {
  const message = 'exec: "sh": executable file not found in $PATH';
  for (const path of [undefined, "", "/nowhere"]) {
    t.throws(() => find("sh", path, { "/bin/sh": { mode: FILE } }), { message });
  }
});

t.test("a name with a slash is not searched, and taken as it is", async (t) => {
  t.equal(find("/bin/../bin/sh", "/x", { "/bin/../bin/sh": { mode: FILE } }), "/bin/../bin/sh");
  t.equal(find("./tool", "/x", { "./tool": { mode: FILE } }), "./tool");
});

t.test("runc's words for a name with a slash", async (t) => {
  const files = { "/dir": { mode: DIRECTORY }, "/plain": { mode: PLAIN, access: 13 } };
  const cases: [string, string][] = [
    ["/none", 'exec: "/none": stat /none: no such file or directory'],
    ["/dir", 'exec: "/dir": is a directory'],
    ["/plain", 'exec: "/plain": permission denied'],
  ];
  for (const [name, message] of cases) {
    t.throws(() => find(name, "/bin", files), { code: "E_EXEC", message }, name);
  }
});

t.test("a status that is not to be had is told with its reason", async (t) => {
  const candidates = answer(candidatesFor("/a/b", undefined), {});
  for (const one of candidates) one.status.result = -20;
  t.throws(() => choose("/a/b", candidates), { message: 'exec: "/a/b": stat /a/b: not a directory' });
});

t.test("a program of the working directory is not run because PATH names it", async (t) => {
  const message = 'exec: "sh": cannot run executable found relative to current directory';
  t.throws(() => find("sh", ":/bin", { sh: { mode: FILE }, "/bin/sh": { mode: FILE } }), { message });
  t.throws(() => find("sh", "bin", { "bin/sh": { mode: FILE } }), { message });
  t.equal(find("sh", ":bin:/bin", { "/bin/sh": { mode: FILE } }), "/bin/sh", "unless it is not there");
});

t.test("paths of PATH are cleaned", async (t) => {
  const paths = candidatesFor("x", "/a/../b/:/../c://d//.:..:a/../..").map(({ path }) => path);
  t.strictSame(paths, ["/b/x", "/c/x", "/d/x", "../x", "../x"]);
});

t.test("names that are directories are not found in PATH", async (t) => {
  for (const name of ["", ".", ".."]) {
    t.throws(() => find(name, "/bin", {}), { message: /executable file not found in \$PATH/ }, name);
  }
});

t.test("where faccessat2(2) is not to be had the permission bits decide", async (t) => {
  for (const access of [38, 1]) {
    t.equal(find("/x", "", { "/x": { mode: FILE, access } }), "/x");
    t.throws(() => find("/x", "", { "/x": { mode: PLAIN, access } }), {
      message: 'exec: "/x": permission denied',
    });
  }
});

t.test("a name is quoted", async (t) => {
  t.throws(() => find('a"b\n', "/bin", {}), {
    message: 'exec: "a\\"b\\n": executable file not found in $PATH',
  });
});
