// Paths as text.

import t from "tap";
import { absolutePath, baseName } from "../../../src/cli/paths.ts";

t.test("a relative path starts from the working directory", async (t) => {
  const cwd = () => "/a/b";
  const cases = {
    "": "/a/b",
    ".": "/a/b",
    c: "/a/b/c",
    "../c/": "/a/c",
    "../../../..": "/",
    "./c//d/.": "/a/b/c/d",
  };
  for (const [path, absolute] of Object.entries(cases)) t.equal(absolutePath(path, cwd), absolute, path);
});

t.test("an absolute path does not ask for the working directory, which may be gone", async (t) => {
  const cwd = () => {
    throw new Error("gone");
  };
  t.equal(absolutePath("/x/./y/../z/", cwd), "/x/z");
});

t.test("the base name stands behind the last slash", async (t) => {
  t.equal(baseName("/usr/bin/tsrun"), "tsrun");
  t.equal(baseName("tsrun"), "tsrun");
});
