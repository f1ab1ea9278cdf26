// `mounts add` and `mounts remove`: mounts that are added to an existing container, and removed again.

import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, crunFrom, needsDevices, nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import { needsFreezer } from "../support/cgroup.ts";
import { withoutMountNamespace } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import {
  at,
  bind,
  type Entry,
  hostDirectory,
  inside,
  LIVE_CALLS,
  mounts,
  mountsInside,
  needsLiveMounts,
  running,
} from "../support/live-mounts.ts";
import { isTsrun } from "../support/runtime.ts";
import { until } from "../support/wait.ts";
import { missingCalls, without } from "../support/without.ts";

const LACKS = "has no such command";
const api = needsLiveMounts;

behaviour(
  "directories and files of the host and a tmpfs are mounted in a container that runs, and unmounted again",
  async (t, lab) => {
    const source = hostDirectory(lab);
    const box = await running(lab);
    const added = await mounts("add", box, [
      bind(source, "/data", "ro"),
      bind(join(source, "f"), "/etc/made/here/f"),
      { destination: "/scratch", source: "tmpfs", type: "tmpfs", options: ["nosuid"] },
    ]);
    t.strictSame([added.code, added.stdout, added.stderr], [0, "", ""]);
    t.equal(await inside(box, "cat /data/f /etc/made/here/f"), "of the host\nof the host");
    t.match(await inside(box, "touch /data/g 2>&1"), /Read-only/);
    t.equal(await inside(box, "echo x >/scratch/x && cat /scratch/x"), "x");
    t.notOk(existsSync(join(box.rootfs, "scratch/x")), "the root is not written to");
    const removed = await mounts("remove", box, at("/data", "/etc/made/here/f", "/scratch"));
    t.strictSame([removed.code, removed.stderr], [0, ""]);
    t.strictSame([...(await mountsInside(box))], []);
    t.equal(await inside(box, "ls /data /scratch | grep -v :"), "");
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  crunFrom("1.28", LACKS),
  api,
);

behaviour(
  "explain tells of what was added, until it is removed or the container has ended",
  async (t, lab) => {
    const box = await running(lab);
    const told = async () => {
      const { sections } = JSON.parse(mustSucceed(await lab.invoke(["explain", "--json", box.id])).stdout);
      const notes: string[] = sections.find(({ topic }: { topic: string }) => topic === "mounts").notes;
      return notes.filter((note) => note.includes("mounts add"));
    };
    t.strictSame(await told(), []);
    const added = ["/a", "/b c"].map((destination) => ({ destination, source: "tmpfs", type: "tmpfs" }));
    mustSucceed(await mounts("add", box, added));
    t.strictSame(await told(), [
      'Since the container was created, "mounts add" has mounted on "/a", "/b c".',
    ]);
    mustSucceed(await mounts("remove", box, at("/a")));
    t.strictSame(await told(), ['Since the container was created, "mounts add" has mounted on "/b c".']);
    mustSucceed(await box.kill("KILL"));
    await box.waitForStatus("stopped");
    t.strictSame(await told(), []);
  },
  tsrunOnly("has no explain"),
  api,
);

behaviour(
  "options count as they do when a container is created",
  async (t, lab) => {
    const source = hostDirectory(lab);
    const box = await running(lab);
    mustSucceed(
      await mounts("add", box, [
        bind(source, "/a", "nosuid", "nodev", "noexec"),
        bind(source, "/b"),
        { destination: "/t", source: "tmpfs", type: "tmpfs", options: ["ro", "size=64k", "mode=1777"] },
        { destination: "relative", source, options: ["rbind", "rro"] },
      ]),
    );
    const found = await mountsInside(box);
    t.match(found.get("/a"), /^rw,nosuid,nodev,noexec/);
    t.match(found.get("/b"), /^rw,(?!.*noexec)/);
    t.match(found.get("/t"), /^ro/);
    t.match(found.get("/relative"), /^ro/);
    t.match(await inside(box, "df -k /t | tail -1; ls -ld /t"), /^tmpfs +64 [\s\S]*drwxrwxrwt/);
  },
  tsrunOnly("crun leaves out the data of a tmpfs"),
  api,
);

behaviour(
  "a list is mounted as a whole, or nothing of it",
  async (t, lab) => {
    const source = hostDirectory(lab);
    const box = await running(lab);
    mkdirSync(join(box.rootfs, "there"));
    const before = readdirSync(box.rootfs).sort();
    const lists: [Entry[], RegExp][] = [
      [[bind(source, "/new"), bind(`${source}/nothing`, "/other")], /nothing.*no such file or directory/],
      [[bind(source, "/new/a/b"), bind(join(source, "f"), "/there")], /the source is not a directory/],
      [
        [bind(source, "/there"), bind(join(source, "f"), "/new/c"), bind(source, "/bin/sh")],
        /the source is a directory/,
      ],
      [
        [bind(source, "/new"), { destination: "/t", source: "tmpfs", type: "tmpfs", options: ["nosuch=1"] }],
        missingCalls.includes("fsopen") ? /mount\("tmpfs".*nosuch=1.*EINVAL/ : /Unknown parameter 'nosuch'/,
      ],
    ];
    for (const [list, line] of lists) {
      const result = await mounts("add", box, list);
      refused(t, result, line);
      if (isTsrun) t.match(result.stderr, /entry \d of the list/);
      t.strictSame([...(await mountsInside(box))], []);
      t.strictSame(readdirSync(box.rootfs).sort(), before, "no mount point is left");
    }
    refused(t, await mounts("remove", box, at("/new")), /nothing was added there/);
    t.equal(await inside(box, "echo it runs"), "it runs");
  },
  tsrunOnly("crun leaves the mounts before the one that fails, and takes any option of a tmpfs"),
  api,
);

behaviour(
  "what was added stands in the way of another, and nothing else is removed",
  async (t, lab) => {
    const source = hostDirectory(lab);
    const box = await running(lab);
    mustSucceed(await mounts("add", box, [bind(source, "/data")]));
    refused(t, await mounts("add", box, [bind(source, "/x/../data")]), /a mount was added there already/);
    refused(t, await mounts("add", box, [bind(source, "/y"), bind(source, "/y/")]), /added there already/);
    for (const other of ["/proc", "/dev/shm", "/", "/nosuch"]) {
      refused(t, await mounts("remove", box, at("/data", other)), /nothing was added there/);
    }
    t.strictSame([...(await mountsInside(box)).keys()], ["/data"]);
    mustSucceed(await mounts("remove", box, at("/data", "/data")));
    mustSucceed(await mounts("add", box, [bind(source, "/data")]));
    t.equal(await inside(box, "cat /data/f"), "of the host");
    const tmpfs: Entry = { destination: "/t", source: "tmpfs", type: "tmpfs" };
    mustSucceed(await mounts("add", box, [tmpfs, bind(source, "/t/in/it")]));
    t.equal(await inside(box, "cat /t/in/it/f"), "of the host");
    mustSucceed(await mounts("remove", box, at("/t", "/t/in/it", "/data")));
    t.strictSame([...(await mountsInside(box)).keys()], []);
  },
  tsrunOnly("crun mounts over it once more, and unmounts /proc when asked to"),
  api,
);

behaviour(
  "containers that are created or paused can be given mounts, and those that have ended cannot",
  async (t, lab) => {
    const source = hostDirectory(lab);
    const box = lab.container(Container.script("cat /data/f; sleep 1000"));
    mustSucceed(await box.create());
    mustSucceed(await mounts("add", box, [bind(source, "/data")]));
    mustSucceed(await box.start());
    await until("the program to have read it", () => box.output() !== "");
    mustSucceed(await lab.invoke(["pause", box.id]));
    mustSucceed(await mounts("add", box, [bind(source, "/more")]));
    mustSucceed(await mounts("remove", box, at("/data")));
    mustSucceed(await lab.invoke(["resume", box.id]));
    t.equal(await inside(box, "cat /more/f; ls /data"), "of the host");
    t.equal(box.output(), "of the host\n");
    mustSucceed(await box.kill("KILL"));
    await box.waitForStatus("stopped");
    refused(t, await mounts("add", box, [bind(source, "/late")]), /container not running/);
    refused(t, await mounts("remove", box, at("/more")), /container not running/);
    const file = join(lab.folder, "list.json");
    writeFileSync(file, "[]");
    refused(t, await lab.invoke(["mounts", "add", "nobody", file]), /container does not exist/);
  },
  crunFrom("1.28", LACKS),
  api,
  needsFreezer(),
);

behaviour(
  "what is no list of mounts is refused, with its place",
  async (t, lab) => {
    const box = await running(lab);
    const cases: [string, RegExp][] = [
      ["", /invalid JSON.*/],
      ['{"mounts": []}', /mounts must be an array/],
      ['[\n  {"destination": 3}]', /\/0\/destination \(line 2 column 4\): must be a string/],
      ['[{"source": "/x"}]', /\/0\/destination.*missing/],
      ['[{"destination": "/x", "options": ["bind"]}]', /on "\/x": it has no source/],
    ];
    for (const [text, line] of cases) refused(t, await mounts("add", box, text), line);
    t.strictSame([...(await mountsInside(box))], []);
    refused(t, await lab.invoke(["mounts", "add", box.id, join(lab.folder, "nosuch")]), /nosuch/);
    mustSucceed(await mounts("add", box, "[]"));
    refused(t, await lab.invoke(["mounts", "list", box.id, "x"]), /unknown command "list" of mounts/);
  },
  crunFrom("1.28", LACKS),
  api,
);

behaviour(
  "destinations that lead out of the root or must not be covered, and other file systems, are refused",
  async (t, lab) => {
    const source = hostDirectory(lab);
    const box = await running(lab);
    const cases: [Entry, RegExp][] = [
      [bind(source, "/../data"), /the destination leads out of the root/],
      [bind(source, "/a/../../data"), /the destination leads out of the root/],
      [bind(source, "/"), /the mount point is the root file system itself/],
      [bind(source, "/proc/sys"), /cannot be mounted because it is inside \/proc/],
      [bind("/proc", "/proc"), /cannot be mounted because it is not of type proc/],
      [{ destination: "/p", source: "proc", type: "proc" }, /type "proc" cannot be added/],
      [{ destination: "/c", source: "cgroup", type: "cgroup" }, /type "cgroup" cannot be added/],
      [bind(source, "/data", "remount"), /a remount cannot be added/],
      [bind(source, "/data", "copy-symlink"), /"copy-symlink" is for new containers/],
      [{ destination: "/t", type: "tmpfs", source: "t", options: ["tmpcopyup"] }, /"tmpcopyup" is for new/],
    ];
    for (const [entry, line] of cases) refused(t, await mounts("add", box, [entry]), line);
    t.strictSame([...(await mountsInside(box))], []);
  },
  tsrunOnly("crun takes nearly all of these, a procfs of the host's pids among them"),
  api,
);

behaviour(
  "a destination behind symbolic links of the container lies in its root",
  async (t, lab) => {
    const source = hostDirectory(lab);
    const outside = hostDirectory(lab, "outside");
    const box = await running(lab);
    symlinkSync(outside, join(box.rootfs, "absolute"));
    symlinkSync("../../../../../../../../tmp/deep", join(box.rootfs, "relative"));
    mustSucceed(await mounts("add", box, [bind(source, "/absolute/x"), bind(source, "/relative")]));
    t.strictSame([...(await mountsInside(box)).keys()].sort(), [`${outside}/x`, "/tmp/deep"].sort());
    t.strictSame(readdirSync(outside), ["f"], "nothing is made outside");
    t.equal(await inside(box, "cat /relative/f"), "of the host");
    mustSucceed(await mounts("remove", box, at("/relative", "/absolute/x")));
    t.strictSame([...(await mountsInside(box))], []);
  },
  tsrunOnly("crun makes nothing behind a link that leads nowhere"),
  api,
);

behaviour(
  "programs keep the files that they have open when their mount is removed",
  async (t, lab) => {
    const source = hostDirectory(lab);
    const box = lab.container(
      Container.script("exec 3</data/f; echo open; while [ -e /data/f ]; do usleep 5000; done; cat <&3"),
    );
    mustSucceed(await box.create());
    mustSucceed(await mounts("add", box, [bind(source, "/data")]));
    mustSucceed(await box.start());
    while (box.output() === "") await box.state();
    mustSucceed(await mounts("remove", box, at("/data")));
    await box.waitForStatus("stopped");
    t.equal(box.output(), "open\nof the host\n");
  },
  crunFrom("1.28", LACKS),
  api,
);

behaviour(
  "a checkpoint is refused as long as there are mounts that no configuration tells of",
  async (t, lab) => {
    const box = await running(lab);
    mustSucceed(await mounts("add", box, [bind(hostDirectory(lab), "/data")]));
    const images = join(lab.folder, "images");
    const result = await lab.invoke(["checkpoint", "--image-path", images, box.id]);
    refused(t, result, /cannot checkpoint a container to which mounts were added: "\/data"/);
    t.notOk(existsSync(images));
    t.equal((await box.stateDocument()).status, "running");
  },
  tsrunOnly("was not tried with criu"),
  api,
);

behaviour(
  "hundreds are added at once and taken away again; of more, none",
  async (t, lab) => {
    const source = hostDirectory(lab);
    const box = await running(lab);
    const list = (count: number) =>
      Array.from({ length: count }, (_, index) => bind(source, `/many/${index}`));
    refused(t, await mounts("add", box, list(501)), /cannot add 501 mounts at once/);
    t.notOk(existsSync(join(box.rootfs, "many")));
    mustSucceed(await mounts("add", box, list(500)));
    t.equal((await mountsInside(box)).size, 500);
    // Mounts made before the failure are undone.
    refused(
      t,
      await mounts("add", box, [bind(source, "/one"), bind(source, "/many/7")]),
      /added there already/,
    );
    mustSucceed(await mounts("add", box, list(1000).slice(500)));
    mustSucceed(await mounts("remove", box, list(1000)));
    t.equal((await mountsInside(box)).size, 0);
  },
  tsrunOnly("has no limit"),
  api,
);

behaviour(
  "the list may come from standard input",
  async (t, lab) => {
    const source = hostDirectory(lab);
    const box = await running(lab);
    const stdin = join(lab.folder, "stdin.json");
    writeFileSync(stdin, JSON.stringify([bind(source, "/data")]));
    mustSucceed(await lab.invoke(["mounts", "add", box.id, "-"], { stdin }));
    t.equal(await inside(box, "cat /data/f"), "of the host");
  },
  crunFrom("1.28", LACKS),
  api,
);

behaviour(
  "a container without a mount namespace of its own leaves none of them on the host",
  async (t, lab) => {
    const source = hostDirectory(lab);
    const box = await running(lab, (config) => {
      withoutMountNamespace(config);
      config.mounts = [];
      delete config.linux.maskedPaths;
      delete config.linux.readonlyPaths;
    });
    mustSucceed(await mounts("add", box, [bind(source, "/data")]));
    t.equal(readFileSync(join(box.rootfs, "data/f"), "utf8"), "of the host\n");
    mustSucceed(await box.delete({ flags: ["--force"] }));
    t.notMatch(readFileSync("/proc/self/mountinfo", "utf8"), join(box.rootfs, "data"));
    await nothingLeft(t, lab, "after delete");
  },
  needsDevices(),
  tsrunOnly("crun mounts it where the host does not see it"),
  api,
);

behaviour(
  "without openat2(2), paths are walked one name after the other, and links on the way are found",
  async (t, lab) => {
    const source = hostDirectory(lab);
    const box = await running(lab);
    symlinkSync("/deep", join(box.rootfs, "link"));
    const older = without("openat2");
    mustSucceed(await mounts("add", box, [bind(source, "/link/x"), bind(source, "/new/y")], older));
    t.strictSame([...(await mountsInside(box)).keys()].sort(), ["/deep/x", "/new/y"]);
    mustSucceed(await mounts("remove", box, at("/link/x", "/new/y"), older));
    t.strictSame([...(await mountsInside(box))], []);
  },
  tsrunOnly("what it does without this call is its own affair"),
  api,
);

for (const call of LIVE_CALLS) {
  behaviour(
    `where the kernel lacks ${call}, which a bind mount takes, one line says so, and nothing is left`,
    async (t, lab) => {
      const box = await running(lab);
      const before = readdirSync(box.rootfs).sort();
      const line =
        /cannot add a mount: this kernel lacks (open_tree.*it needs Linux 5\.12|statx.*it needs Linux 5\.8)/;
      const entries = [bind(hostDirectory(lab), "/made/here")];
      refused(t, await mounts("add", box, entries, without(call)), line);
      t.strictSame([...(await mountsInside(box))], []);
      t.strictSame(readdirSync(box.rootfs).sort(), before, "no mount point is left");
      mustSucceed(await box.delete({ flags: ["--force"] }));
      await nothingLeft(t, lab, "after delete");
    },
    tsrunOnly("the words are tsrun's"),
  );
}
