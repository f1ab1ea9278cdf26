// list: its three forms, an empty root, and a missing root.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, nothingLeft, notOfCrun, refused, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { findProgram } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { readTrace } from "../support/trace.ts";
import { needsCall } from "../support/without.ts";

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

/** Containers of every status, and the output of `state` for them. */
async function everyStatus(lab: Lab): Promise<{ boxes: Container[]; states: ListedState[] }> {
  const boxes = Array.from({ length: 8 }, () => lab.container(Container.script("exec sleep 1000")));
  for (const box of boxes) mustSucceed(await box.create());
  for (const box of boxes.slice(1, 6)) mustSucceed(await box.start());
  const [, , stopped, paused, reused, halfStarted, neverStarted, pausedEarly] = boxes;
  for (const box of [stopped, neverStarted]) {
    mustSucceed(await lab.invoke(["kill", box?.id ?? "", "KILL"]));
    await box?.waitForStatus("stopped");
  }
  for (const box of [paused, pausedEarly]) mustSucceed(await lab.invoke(["pause", box?.id ?? ""]));
  // As if another process had its pid now, with another start time.
  changeRecord(lab, reused?.id ?? "", (start) => start + 1);
  // As a `start` leaves it that is killed once the program runs.
  execFileSync("mkfifo", [join(lab.stateRoot, halfStarted?.id ?? "", "exec.fifo")]);
  const states: ListedState[] = [];
  for (const box of boxes) states.push({ ...(await box.stateDocument()), owner: "root" } as ListedState);
  return { boxes, states };
}

interface ListedState {
  readonly id: string;
  readonly pid: number;
  readonly status: string;
  readonly bundle: string;
  readonly created: string;
  readonly owner: string;
}

function changeRecord(lab: Lab, id: string, startOf: (start: number) => number): void {
  const file = join(lab.stateRoot, id, "state.json");
  const record = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify({ ...record, init_process_start: startOf(record.init_process_start) }));
}

behaviour(
  "list tells of each container what state tells, and -q its id, whatever it is doing",
  async (t, lab) => {
    const { boxes, states } = await everyStatus(lab);
    const statuses = states.map(({ status }) => status);
    const started = ["running", "stopped", "paused", "stopped", "running"];
    t.strictSame(statuses, ["created", ...started, "stopped", "paused"]);
    const json = await lab.invoke(["list", "--format", "json"]);
    t.strictSame([JSON.parse(json.stdout), json.stderr], [states, ""]);
    const rows = (await lab.invoke(["list"])).stdout.trimEnd().split("\n").slice(1);
    t.strictSame(
      rows.map((line) => line.split(/ {2,}/)),
      states.map(({ id, pid, status, bundle, created, owner }) => [
        ...[id, `${pid}`, status],
        ...[bundle, created, owner],
      ]),
    );
    const ids = await lab.invoke(["list", "-q"]);
    t.strictSame([ids.stdout, ids.stderr], [boxes.map(({ id }) => `${id}\n`).join(""), ""]);
    changeRecord(lab, boxes[4]?.id ?? "", (start) => start - 1);
  },
  tsrunOnly("each has a list of its own"),
);

behaviour(
  "list and state read a state of any length whole, whatever letters are in it",
  async (t, lab) => {
    for (const word of ["plain", "größer"]) {
      const box = lab.container((config) => {
        config.annotations = { word };
      });
      mustSucceed(await box.create());
      const file = join(lab.stateRoot, box.id, "state.json");
      const good = readFileSync(file, "utf8");
      // The file is first read in pieces of 4096 and three times that.
      for (const length of [4095, 4096, 4097, 16383, 16384, 16385]) {
        const more = " ".repeat(length - Buffer.byteLength(good));
        writeFileSync(file, good.replace(/\}$/, `${more}}`));
        t.equal(statSync(file).size, length);
        t.strictSame((await box.stateDocument()).annotations, { word });
        const { stdout, stderr } = await lab.invoke(["list", "--format", "json"]);
        const listed = JSON.parse(stdout).find(({ id }: { id: string }) => id === box.id);
        t.strictSame([listed?.annotations, stderr], [{ word }, ""], `${length} bytes`);
      }
    }
  },
  tsrunOnly("each has a state of its own"),
);

behaviour(
  "list says what is wrong with a state, with -q too, lists the others, and succeeds",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create());
    const good = readFileSync(join(lab.stateRoot, box.id, "state.json"), "utf8");
    const broken: Readonly<Record<string, string | undefined>> = {
      a: undefined,
      b: "",
      c: '{"version":1',
      d: "[]",
      e: good.replace(/"pid"|"init_process_pid":\d+/, '"init_process_pid":"one"'),
      f: good.replace(/\}$/, ',"rootfs":5}'),
      g: `${good}${" ".repeat(5000)}`,
    };
    for (const [name, text] of Object.entries(broken)) {
      mkdirSync(join(lab.stateRoot, `${name}-${lab.mark}`));
      if (text !== undefined) writeFileSync(join(lab.stateRoot, `${name}-${lab.mark}`, "state.json"), text);
    }
    const outputs = [];
    for (const flags of [["--format", "json"], ["-q"]]) outputs.push(await lab.invoke(["list", ...flags]));
    const [states, ids] = outputs.map(({ stdout }) => stdout);
    // A long one is a good one, whose id is what it says.
    t.equal(ids, `${box.id}\n${box.id}\n`);
    t.strictSame(
      JSON.parse(states ?? "").map(({ id }: { id: string }) => id),
      [box.id, box.id],
    );
    for (const { code, stderr } of outputs) {
      t.equal(code, 0);
      const lines = stderr.trimEnd().split("\n");
      const about = (name: string) => `cannot list container "${name}-${lab.mark}": `;
      const damaged = (name: string) =>
        `cannot read the state of container "${name}-${lab.mark}": it is damaged: `;
      t.equal(lines[0], `${about("a")}container does not exist`);
      const faults = [
        "invalid JSON at line 1 column 1: ",
        "invalid JSON at line 1 column 13: ",
        "must be an object",
      ];
      const reasons = [...faults, "/init_process_pid: must be a whole number", "/rootfs: must be a string"];
      t.strictSame(
        lines
          .slice(1)
          .map((line, index) =>
            line.slice(0, (about("b") + damaged("b")).length + (reasons[index] ?? "").length),
          ),
        reasons.map((reason, index) => about("bcdef"[index] ?? "") + damaged("bcdef"[index] ?? "") + reason),
      );
    }
    for (const name of Object.keys(broken))
      rmSync(join(lab.stateRoot, `${name}-${lab.mark}`), { recursive: true });
  },
  tsrunOnly("its words"),
);

behaviour(
  "list -q prints an id whose state begins and ends well; list says what is wrong between",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create());
    const file = join(lab.stateRoot, box.id, "state.json");
    const good = readFileSync(file, "utf8");
    writeFileSync(file, good.replace(/"init_process_pid":\d+/, '"init_process_pid":"one"'));
    const ids = await lab.invoke(["list", "-q"]);
    t.strictSame([ids.code, ids.stdout, ids.stderr], [0, `${box.id}\n`, ""]);
    t.match((await lab.invoke(["list"])).stderr, "/init_process_pid: must be a whole number");
    writeFileSync(file, good.slice(0, -1));
    t.match((await lab.invoke(["list", "-q"])).stderr, "it is damaged: invalid JSON");
    writeFileSync(file, good);
  },
  tsrunOnly("its words"),
);

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

behaviour(
  "list opens no directory of a container that it can read: there may be hundreds",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create());
    const opened = async (...words: string[]): Promise<number> => {
      const file = join(lab.folder, "trace.json");
      mustSucceed(await lab.invoke(["--trace", file, ...words]));
      const calls = readTrace(file).of("call");
      return calls.filter(({ name, args }) => name === "openat" && args.what?.endsWith(`/${box.id}`)).length;
    };
    t.equal(await opened("state", box.id), 1);
    t.equal(await opened("list"), 0);
    t.equal(await opened("list", "--quiet"), 0);
  },
  needsCall("statx", "to see the owner of a directory that is not open"),
  tsrunOnly("has no --trace"),
);

/** An old ext4 without file types in directories: getdents64(2) reports DT_UNKNOWN. */
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
