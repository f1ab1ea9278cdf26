// explain: describes what is really done. Its output is compared with what the kernel shows of a container
// that runs with the same configuration.

import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { behaviour, needsController, nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { atTerminal, needsTerminal, seen } from "../support/terminal.ts";
import { asUser, needsOwnSystemd } from "../support/user.ts";

const ONLY_TSRUN = tsrunOnly("has no explain");

type Row = Readonly<Record<string, string>>;

interface Section {
  readonly topic: string;
  readonly title: string;
  readonly text: readonly string[];
  readonly table?: { readonly rows: readonly Row[] };
}

interface Explanation {
  readonly subject: string;
  readonly id: string;
  readonly status?: string;
  readonly pid?: number;
  readonly command: readonly string[];
  readonly sections: readonly Section[];
  readonly warnings: readonly string[];
  readonly sources?: { readonly file: string; readonly places: Readonly<Record<string, Place>> };
}

interface Place {
  readonly line: number;
  readonly lastLine: number;
  readonly text: string;
  readonly changed?: true;
}

async function explain(lab: Lab, ...words: string[]): Promise<Explanation> {
  const { code, stdout, stderr } = await lab.invoke(["explain", "--json", ...words]);
  if (code !== 0 || stderr !== "") throw new Error(`explain ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as Explanation;
}

/** The cells of the rows. */
function rowsOf({ sections }: Explanation, topic: string): readonly Row[] {
  const rows = sections.find((one) => one.topic === topic)?.table?.rows ?? [];
  return rows.map(({ pointer: _, differs: __, usually: ___, ...cells }) => cells);
}

behaviour(
  "a bundle is explained from the control group to the command, and nothing is made",
  async (t, lab) => {
    const box = lab.container();
    const { code, stdout, stderr } = await lab.invoke(["explain", box.bundle]);
    t.strictSame([code, stderr], [0, ""]);
    const headings = [...stdout.matchAll(/^\d+\. ([^:\n]+)/gm)].map(([, heading]) => heading);
    t.strictSame(
      headings.filter((heading) => heading !== "Limits of each process" && heading !== "Closed paths"),
      [
        "Control group",
        "Namespaces",
        "Apart from the caller",
        "Mounts",
        "Devices",
        "Limits",
        "Device access",
        "The root",
        "Who it is",
        "Capabilities",
        "Capabilities",
        "Seccomp",
        "The command",
      ],
    );
    for (const line of stdout.split("\n")) t.ok([...line].length <= 100, `at most 100 columns: ${line}`);
    await nothingLeft(t, lab, "after explaining");
  },
  ONLY_TSRUN,
);

behaviour(
  "a terminal of 60, 80 or 200 columns is not exceeded",
  async (t, lab) => {
    const box = lab.container();
    for (const columns of [60, 80, 200]) {
      const wrapper = [...atTerminal(), "sh", "-c", `stty cols ${columns}; exec "$@"`, "sh"];
      const { shown, code } = seen(await lab.invoke(["explain", box.bundle], { wrapper }));
      t.equal(code, 0);
      const longest = Math.max(...shown.split(/\r?\n/).map((line) => line.length));
      t.ok(longest <= columns, `${columns} columns: ${longest}`);
    }
  },
  needsTerminal(),
  ONLY_TSRUN,
);

behaviour(
  "the mounts have the flags that the kernel then shows",
  async (t, lab) => {
    const edit = (box: Container): void => {
      box.config.mounts?.push(
        { destination: "/m1", type: "tmpfs", source: "tmpfs", options: ["ro", "nosuid", "noexec"] },
        { destination: "/m2", type: "bind", source: lab.folder, options: ["bind", "nodev", "noatime"] },
        { destination: "/m3", type: "tmpfs", source: "tmpfs", options: ["nodev", "strictatime"] },
      );
      box.writeConfig();
    };
    const box = lab.container(Container.script("cat /proc/self/mountinfo"));
    edit(box);
    const rows = rowsOf(await explain(lab, box.bundle), "mounts");
    const shown = await box.live();
    const flagsOf = (path: string): string[] => {
      const line = shown.split("\n").find((one) => one.split(" ")[4] === path) ?? "";
      return (line.split(" ")[5] ?? "").split(",");
    };
    for (const path of ["/proc", "/dev", "/m2", "/m3"]) {
      const row = rows.find(({ destination }) => destination === path);
      t.ok(row, path);
      // The kernel shows strictatime by printing no word.
      const said = (row?.flags ?? "").split(",").filter((word) => word !== "strictatime");
      const actual = flagsOf(path).filter((word) => word !== "rw");
      t.strictSame(said.sort(), actual.sort(), path);
    }
    t.match(rows.find(({ destination }) => destination === "/m1")?.note, /ro when all is in place/);
    t.ok(flagsOf("/m1").includes("ro"));
  },
  ONLY_TSRUN,
);

behaviour(
  "each namespace that is said to be new is another one than the host's, and the others are not",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create());
    const { pid, sections, ...rest } = await explain(lab, box.id);
    const files: Readonly<Record<string, string>> = { network: "net", mount: "mnt" };
    for (const { namespace = "", from } of rowsOf({ sections, ...rest }, "namespaces")) {
      const file = files[namespace] ?? namespace;
      const read = (who: number | string | undefined): string => readlinkSync(`/proc/${who}/ns/${file}`);
      t.equal(read(pid) === read("self") ? "host" : "new", from, namespace);
    }
  },
  ONLY_TSRUN,
);

behaviour(
  "each limit is in the file that it is said to be written to",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.linux.resources = { pids: { limit: 77 }, memory: { limit: 64 << 20 } };
    });
    mustSucceed(await box.create());
    const before = await explain(lab, box.id);
    const rows = rowsOf(before, "limits");
    t.equal(rows.length, 2);
    for (const { file = "", value = "" } of rows) {
      t.equal(readFileSync(file, "utf8").trim(), value.split(" ")[0], file);
    }
    t.strictSame(rows.map(({ value }) => value).sort(), ["67108864 (64 MiB)", "77"]);
    mustSucceed(await lab.invoke(["update", "--pids-limit", "88", box.id]));
    const after = await explain(lab, box.id);
    t.ok(
      rowsOf(after, "limits").some(({ value }) => value === "88"),
      "what update has changed is said",
    );
    t.strictSame(rowsOf(after, "namespaces"), rowsOf(before, "namespaces"), "nothing else has changed");
  },
  ONLY_TSRUN,
  needsController("pids"),
  needsController("memory"),
);

behaviour(
  "the capabilities that are kept are those of the process",
  async (t, lab) => {
    const box = lab.container(Container.script("grep CapBnd /proc/self/status"));
    const kept = rowsOf(await explain(lab, box.bundle), "capabilities");
    const dropped = rowsOf(await explain(lab, box.bundle), "dropped-capabilities");
    const [, mask = ""] = (await box.live()).trim().split(/\s+/);
    const bits = [...BigInt(`0x${mask}`).toString(2)].filter((bit) => bit === "1").length;
    t.equal(kept.filter(({ sets = "" }) => sets.includes("bounding")).length, bits);
    t.equal(kept.length + dropped.length, 41);
    t.ok(dropped.every(({ allows = "" }) => allows !== ""));
  },
  ONLY_TSRUN,
);

behaviour(
  "a container is explained by its id, with its status, whatever became of its bundle",
  async (t, lab) => {
    const box = lab.container();
    mustSucceed(await box.create());
    const command = box.config.process.args;
    box.writeConfig("{}");
    const told = await explain(lab, box.id);
    t.match(told, { subject: "container", id: box.id, status: "created", command });
    t.equal(told.pid, (await box.stateDocument()).pid);
    const { stdout } = await lab.invoke(["explain", box.id]);
    t.match(stdout, `What tsrun did to create the container "${box.id}"`);
    t.match(rowsOf(told, "cgroup")[0]?.directory, box.id);
  },
  ONLY_TSRUN,
);

behaviour(
  "what a profile does is said in words",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.linux.seccomp = {
        defaultAction: "SCMP_ACT_ERRNO",
        architectures: ["SCMP_ARCH_X86"],
        syscalls: [
          { names: ["read", "write"], action: "SCMP_ACT_ALLOW" },
          {
            names: ["personality"],
            action: "SCMP_ACT_ERRNO",
            errnoRet: 1,
            args: [{ index: 0, value: 8, op: "SCMP_CMP_EQ" }],
          },
        ],
      };
    });
    const told = await explain(lab, box.bundle);
    const section = told.sections.find(({ topic }) => topic === "seccomp");
    t.match(section?.text.join(" "), "A call that no line names fails with errno 1.");
    t.strictSame(rowsOf(told, "seccomp"), [
      { action: "is let through", condition: "", calls: "read write" },
      { action: "fails with errno 1", condition: "argument 0 = 8", calls: "personality" },
    ]);
  },
  ONLY_TSRUN,
);

behaviour(
  "hooks, id maps, offsets and what is done without are said",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.linux.namespaces.push({ type: "user" }, { type: "time" });
      config.linux.uidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
      config.linux.gidMappings = [{ containerID: 0, hostID: 100_000, size: 1 }];
      config.linux.timeOffsets = { boottime: { secs: 7 } };
      config.process.capabilities = { ambient: ["CAP_KILL"] };
    });
    const hooks = { poststop: [{ path: "/bin/true", args: ["true", "x y"], timeout: 3 }] };
    box.writeConfig(JSON.stringify({ ...box.config, hooks }));
    const told = await explain(lab, box.bundle);
    t.match(rowsOf(told, "hooks"), [{ kind: "poststop", command: '/bin/true "x y"', limit: "3 s" }]);
    t.strictSame(rowsOf(told, "ids"), [
      { kind: "users", inside: "0 to 65535", outside: "100000 to 165535" },
      { kind: "groups", inside: "0", outside: "100000" },
    ]);
    t.strictSame(rowsOf(told, "clocks"), [{ clock: "boottime", offset: "7 s 0 ns" }]);
    t.match(told.warnings, [/can't raise ambient capability CAP_KILL/]);
    t.match(rowsOf(told, "devices").length > 0, true);
  },
  ONLY_TSRUN,
);

behaviour(
  "a word that is neither a container nor a directory is refused; faults are told as create tells them",
  async (t, lab) => {
    refused(
      t,
      await lab.invoke(["explain", "nosuchthing"]),
      /cannot explain "nosuchthing": no container and no directory has that name/,
    );
    const box = lab.container();
    box.writeConfig("{}");
    const asCreate = await box.create();
    const told = await lab.invoke(["explain", box.bundle]);
    t.equal(told.code, 1);
    t.match(told.stderr, "process property must not be empty");
    t.match(asCreate.stderr, "process property must not be empty");
  },
  ONLY_TSRUN,
);

behaviour(
  "an ordinary user's own container is explained as it will be: without the groups the user may not make",
  async (t, lab) => {
    const wrapper = asUser(lab);
    const box = lab.container();
    mustSucceed(await lab.invoke(["spec", "--rootless", "--bundle", lab.folder]));
    box.writeConfig(readFileSync(join(lab.folder, "config.json"), "utf8"));
    const { code, stdout, stderr } = await lab.invoke(["explain", "--syscalls", box.bundle], { wrapper });
    t.strictSame([code, stderr], [0, ""]);
    t.match(stdout, "None can be made here, so nothing counts or limits the container.");
    t.notMatch(stdout, /explained as for root/);
    t.match(stdout, /^ +\d+ {2}\w+ +unshare\(CLONE_NEWUSER\) = 0$/m);
    await nothingLeft(t, lab, "after explaining");
  },
  ONLY_TSRUN,
  needsOwnSystemd,
);

behaviour(
  "an ordinary user may ask, and is told what root would get",
  async (t, lab) => {
    const box = lab.container();
    const wrapper = asUser(lab);
    const { code, stdout, stderr } = await lab.invoke(["explain", box.bundle], { wrapper });
    t.strictSame([code, stderr], [0, ""]);
    t.match(stdout, "explained as for root");
    t.match(stdout, join(box.rootfs));
  },
  ONLY_TSRUN,
);

behaviour(
  "the file of a limit that goes by two names is the one that this kernel has, before it is made and after",
  async (t, lab) => {
    const box = lab.container((config) => {
      Container.script("sleep 1000")(config);
      config.linux.resources = { blockIO: { weight: 500 } };
    });
    const files = async (word: string) => rowsOf(await explain(lab, word), "limits").map(({ file }) => file);
    const before = await files(box.bundle);
    mustSucceed(await box.create());
    const after = await files(box.id);
    t.match(after, [/weight$/]);
    t.ok(existsSync(String(after[0])), "it is there");
    t.equal(basename(String(before[0])), basename(String(after[0])));
  },
  needsController("io", 2),
  ONLY_TSRUN,
);

behaviour(
  "each row names the lines that ask for it, and how it differs from what spec writes",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.linux.resources = { ...config.linux.resources, pids: { limit: 77 } };
    });
    const file = join(box.bundle, "config.json");
    const lines = readFileSync(file, "utf8").split("\n");
    const told = await explain(lab, box.bundle);
    t.equal(told.sources?.file, file);
    const mounts = told.sections.find(({ topic }) => topic === "mounts")?.table?.rows ?? [];
    t.ok(mounts.length > 0);
    for (const { destination, pointer = "" } of mounts) {
      const { line = 0, lastLine = 0 } = told.sources?.places[pointer] ?? {};
      const text = lines.slice(line - 1, lastLine).join("\n");
      t.match(text, `"destination": ${JSON.stringify(destination)}`, `${pointer} is in lines ${line}`);
    }
    mustSucceed(await box.create());
    const before = await explain(lab, box.id);
    const limit = "/linux/resources/pids/limit";
    t.equal(before.sources?.places[limit]?.changed, undefined);
    t.equal((await lab.invoke(["update", "--pids-limit", "78", box.id])).code, 0);
    const after = await explain(lab, box.id);
    t.equal(after.sources?.places[limit]?.changed, true, "the file no longer says it");
    t.match(after.sources?.places[limit]?.text, /77/);
  },
  ONLY_TSRUN,
  needsController("pids"),
);
