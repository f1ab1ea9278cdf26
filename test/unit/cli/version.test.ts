// What `--version` prints, and under which name.

import t from "tap";
import { programName, versionText } from "../../../src/cli/version.ts";

t.test(
  "the first line has the name and three numbers, the second the commit, the third the specification",
  async (t) => {
    const lines = versionText("tsrun", { engine: "2025.04.26", libseccomp: "2.6.0", commit: "abc" }).split(
      "\n",
    );
    t.match(lines[0], /^tsrun, in place of runc version 1\.3\.6, version \d+\.\d+\.\d+$/);
    t.same(lines.slice(1), ["commit: abc", "spec: 1.3.0", "quickjs: 2025.04.26", "libseccomp: 2.6.0", ""]);
  },
);

t.test("called runc, the first line has that name alone, as go-runc reads it", async (t) => {
  const [first] = versionText("runc", { engine: "2025.04.26", libseccomp: "2.6.0" }).split("\n");
  t.match(first, /^runc version \d+\.\d+\.\d+$/);
});

t.test("dockerd, which reads behind the last word version, finds our own number", async (t) => {
  const text = versionText("tsrun", { engine: "2025.04.26", libseccomp: "2.6.0" });
  t.match(text.split("version").at(-1)?.split("\n")[0]?.trim(), /^0\.\d+\.\d+$/);
});

t.test("only the first line holds the word version", async (t) => {
  const [, ...rest] = versionText("runc", { engine: "2025.04.26", libseccomp: "2.6.0", commit: "abc" }).split(
    "\n",
  );
  t.notMatch(rest.join("\n"), /version/);
});

t.test("an unknown commit is left out", async (t) => {
  const text = versionText("tsrun", { engine: "2025.04.26", libseccomp: "2.6.0", commit: "" });
  t.notMatch(text, /commit|undefined/);
});

t.test("called runc, it goes by that name; called anything else, by its own", async (t) => {
  t.equal(programName("/usr/bin/runc"), "runc");
  t.equal(programName("runc"), "runc");
  t.equal(programName("/opt/runc/tsrun"), "tsrun");
  t.equal(programName("docker-runc"), "tsrun");
});
