// list: its three forms, an empty root, and a root that is not there.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, notOfCrun, refused, tsrunOnly } from "../support/behaviour.ts";
import { mustSucceed } from "../support/container.ts";
import { findProgram } from "../support/host.ts";

behaviour(
  "list prints a table with runc's columns",
  async (t, lab) => {
    const [one, two] = [lab.container(), lab.container()];
    mustSucceed(await one.create());
    mustSucceed(await two.create());
    mustSucceed(await two.start());
    await two.waitForStatus("stopped");
    const { stdout, stderr } = await lab.invoke(["list"]);
    t.equal(stderr, "");
    const [head = "", ...rows] = stdout.trimEnd().split("\n");
    t.match(head, /^ID +PID +STATUS +BUNDLE +CREATED +OWNER$/);
    t.equal(rows.length, 2);
    const { pid, created } = await one.stateDocument();
    t.strictSame(rows[0]?.split(/ {3,}/), [one.id, String(pid), "created", one.bundle, created, "root"]);
    t.strictSame(rows[1]?.split(/ {3,}/).slice(0, 3), [two.id, "0", "stopped"]);
    const columns = rows.map((row) => row.indexOf(lab.folder));
    t.equal(columns[0], head.indexOf("BUNDLE"), "columns are aligned");
    t.equal(columns[1], columns[0]);
  },
  notOfCrun("columns and an order of its own"),
);

behaviour(
  "list holds no descriptor of a container that it has described",
  async (t, lab) => {
    const withFew = async (descriptors: number) => {
      const wrapper = ["sh", "-c", `ulimit -n ${descriptors}; exec "$@"`, "sh"];
      const { code, stdout } = await lab.invoke(["list", "--format", "json"], { wrapper });
      return code === 0 && stdout.startsWith("[")
        ? JSON.parse(stdout).map((one: { id: string }) => one.id)
        : [];
    };
    const boxes = [lab.container()];
    for (const box of boxes) mustSucceed(await box.create());
    let enough = 4;
    while ((await withFew(enough)).length === 0) enough += 1;
    for (let more = 0; more < 3; more++) {
      const box = lab.container();
      boxes.push(box);
      mustSucceed(await box.create());
    }
    t.strictSame(
      await withFew(enough),
      boxes.map(({ id }) => id),
      `${enough} descriptors`,
    );
  },
  tsrunOnly("needs hundreds"),
);

behaviour(
  "list -q prints the ids only",
  async (t, lab) => {
    const boxes = [lab.container(), lab.container()];
    for (const box of boxes) mustSucceed(await box.create());
    const { stdout } = await lab.invoke(["list", "-q"]);
    t.equal(stdout, boxes.map(({ id }) => `${id}\n`).join(""));
  },
  notOfCrun("in no order"),
);

behaviour(
  "list --format json prints one line with every state and its owner",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create());
    const { stdout } = await lab.invoke(["list", "--format", "json"]);
    t.equal(stdout.indexOf("\n"), stdout.length - 1, "one line");
    t.strictSame(JSON.parse(stdout), [{ ...(await box.stateDocument()), owner: "root" }]);
  },
  notOfCrun("in many lines, and less of each container"),
);

behaviour(
  "list of an empty root is a bare table head, nothing, or null",
  async (t, lab) => {
    mkdirSync(lab.stateRoot);
    const table = await lab.invoke(["list"]);
    t.match(table.stdout, /^ID +PID +STATUS +BUNDLE +CREATED +OWNER\n$/);
    t.equal((await lab.invoke(["list", "--quiet"])).stdout, "");
    t.equal((await lab.invoke(["list", "--format=json"])).stdout, "null\n");
  },
  notOfCrun("a table head and a list of its own"),
);

behaviour("list refuses a format it does not know", async (t, lab) => {
  mkdirSync(lab.stateRoot);
  refused(t, await lab.invoke(["list", "--format", "xml"]), /invalid format option/);
});

behaviour("list shows the others when one entry cannot be read", async (t, lab) => {
  const box = lab.container();
  mustSucceed(await box.create());
  const broken = join(lab.stateRoot, `broken-${lab.mark}`);
  mkdirSync(broken);
  writeFileSync(join(broken, "state.json"), "{");
  const { stdout, code } = await lab.invoke(["list"]);
  t.match(stdout, new RegExp(`^${box.id} `, "m"));
  t.equal(code, 0);
  rmSync(broken, { recursive: true });
});

behaviour(
  "delete --force removes a state directory that cannot be read",
  async (t, lab) => {
    for (const text of ["", "{", "[]", "{}"]) {
      const folder = join(lab.stateRoot, `broken-${lab.mark}`);
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, "state.json"), text);
      const result = await lab.invoke(["delete", "--force", `broken-${lab.mark}`]);
      t.strictSame([result.code, result.stderr], [0, ""], `state.json holds ${JSON.stringify(text)}`);
      await nothingLeft(t, lab, "after delete --force");
    }
  },
  tsrunOnly("it refuses what it cannot read"),
);

/** ext4 as it was before its directories told the kinds of their entries: getdents64(2) says DT_UNKNOWN. */
const needsLoop =
  findProgram("mke2fs") === undefined ||
  findProgram("losetup") === undefined ||
  !existsSync("/dev/loop-control")
    ? "needs mke2fs and a loop device"
    : undefined;

behaviour(
  "list and delete --force work where directories do not tell the kinds of their entries",
  async (t, lab) => {
    const image = join(lab.folder, "image");
    mkdirSync(lab.stateRoot);
    execFileSync("mke2fs", ["-q", "-t", "ext4", "-O", "^filetype", image, "8m"], { stdio: "ignore" });
    lab.mountOnHost(["-o", "loop", image], lab.stateRoot);
    const box = lab.container();
    mustSucceed(await box.create());
    const { stdout } = await lab.invoke(["list", "-q"]);
    t.ok(stdout.split("\n").includes(box.id), "it is listed");
    mkdirSync(join(lab.stateRoot, box.id, "a", "b"), { recursive: true });
    mustSucceed(await box.delete({ flags: ["--force"] }));
    t.notOk(existsSync(join(lab.stateRoot, box.id)));
  },
  needsLoop,
);
