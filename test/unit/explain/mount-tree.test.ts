// The tree of mounts in the picture: what is below what, and what is drawn when there are too many.

import t from "tap";
import type { Row, Section } from "../../../src/explain/model.ts";
import { kindOf, mountTree } from "../../../src/explain/page/mount-tree.ts";

function section(rows: readonly Row[]): Section {
  return { topic: "mounts", title: "", text: [], table: { columns: [], rows } };
}

t.test("a mount is below the nearest one whose place its path goes through", (test) => {
  const places = ["/sys/fs/cgroup", "/dev", "/sys", "/dev/pts", "/data", "/dev-2", "/data", "/data/x", "/"];
  const nodes = mountTree(section(places.map((destination) => ({ destination }))));
  test.strictSame(
    nodes.map(({ name, depth, parent, id }) => [name, depth, parent, id]),
    [
      ["/", 1, -1, "mounts-8"],
      ["data", 2, 0, "mounts-4"],
      ["the same place", 3, 1, "mounts-6"],
      ["x", 4, 2, "mounts-7"],
      ["dev", 2, 0, "mounts-1"],
      ["pts", 3, 4, "mounts-3"],
      ["dev-2", 2, 0, "mounts-5"],
      ["sys", 2, 0, "mounts-2"],
      ["fs/cgroup", 3, 7, "mounts-0"],
    ],
  );
  test.end();
});

t.test("of many mounts those are drawn that differ", (test) => {
  const rows = Array.from({ length: 100 }, (_, index) => ({
    destination: `/m${index}`,
    ...(index < 90 ? {} : { differs: "wider" }),
  }));
  const nodes = mountTree(section(rows));
  test.equal(nodes.length, 36);
  test.equal(nodes.filter(({ row }) => row.differs === "wider").length, 10);
  test.end();
});

t.test("a mount is told in a few words", (test) => {
  test.equal(kindOf({ what: 'new tmpfs "shm"', flags: "nosuid", note: "size=1" }), "tmpfs");
  test.equal(kindOf({ what: "new tmpfs", flags: "nosuid", note: "ro when all is in place" }), "tmpfs ro");
  test.equal(kindOf({ what: "the host's /srv/a", flags: "ro,relatime", note: "" }), "host:/srv/a ro");
  test.equal(kindOf({ what: "link to cpu,cpuacct", flags: "", note: "" }), "link to cpu,cpuacct");
  test.end();
});
