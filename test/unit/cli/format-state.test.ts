// What `state` and `list` print.

import t from "tap";
import { formatIds, formatList, formatState } from "../../../src/cli/format-state.ts";
import type { ContainerState } from "../../../src/container/options.ts";

const web: ContainerState = {
  ociVersion: "1.3.0",
  id: "web",
  pid: 42,
  status: "running",
  bundle: "/srv/web",
  rootfs: "/srv/web/rootfs",
  created: "2026-01-02T03:04:05.678901234Z",
  annotations: { a: "b" },
  owner: "",
};

t.test("a state has runc's keys in runc's order, two spaces, and no newline at the end", async (t) => {
  const text = formatState(web);
  t.equal(text, JSON.stringify(web, null, 2));
  const keys = ["ociVersion", "id", "pid", "status", "bundle", "rootfs", "created", "annotations", "owner"];
  t.same(Object.keys(JSON.parse(text)), keys);
});

t.test("annotations are left out when there are none", async (t) => {
  for (const annotations of [undefined, {}]) {
    t.notOk("annotations" in JSON.parse(formatState({ ...web, annotations })));
  }
});

t.test("the table's columns are twelve wide at least, and three apart", async (t) => {
  t.equal(formatList([], "table"), "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n");
  const rows = formatList([{ ...web, id: "a-longer-id-1", owner: "root" }], "table").split("\n");
  t.equal(
    rows[0],
    "ID              PID         STATUS      BUNDLE      CREATED                          OWNER",
  );
  t.equal(
    rows[1],
    "a-longer-id-1   42          running     /srv/web    2026-01-02T03:04:05.678901234Z   root",
  );
});

t.test("control characters of a bundle's name and of a damaged state are escaped in the table", async (t) => {
  const table = formatList([{ ...web, bundle: "/srv/\u001b[2J\n" }], "table");
  t.match(table, / \/srv\/\\u001b\[2J\\n +2026/);
  t.match(formatList([{ ...web, created: "\u0000" }], "table"), /\/srv\/web +\\u0000 +$/m);
  t.equal(table.split("\n").length, 3);
});

t.test("json is one line, and null when there is no container", async (t) => {
  t.equal(formatList([], "json"), "null\n");
  t.equal(formatList([web], "json"), `${JSON.stringify([web])}\n`);
});

t.test("ids stand one a line", async (t) => {
  t.equal(formatIds(["web", "db"]), "web\ndb\n");
  t.equal(formatIds([]), "");
});
