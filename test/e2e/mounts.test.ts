// Mounts: every type and option, read back from the mount table inside the container, and the allowed
// destinations.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import {
  behaviour,
  needsController,
  needsKernel,
  nothingLeft,
  notOfCrun,
  refused,
  tsrunOnly,
} from "../support/behaviour.ts";
import { type ConfigMount, mapIds } from "../support/config.ts";
import { Container } from "../support/container.ts";
import { type MountLine, parseMountinfo } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";

/** A tmpfs with a submount, in a mount namespace that ends with the call. */
const withSubmount = (folder: string): string[] => [
  ...["unshare", "--mount", "--propagation", "private", "sh", "-c"],
  `mount -t tmpfs outer ${folder} && mkdir ${folder}/sub && mount -t tmpfs inner ${folder}/sub && exec "$@"`,
  "sh",
];

async function mountTable(
  lab: Lab,
  mounts: ConfigMount[],
  wrapper: string[] = [],
): Promise<Map<string, MountLine>> {
  const box = lab.container(Container.script("cat /proc/self/mountinfo"));
  box.config.mounts.push(...mounts);
  box.writeConfig();
  const { stdout, stderr, code } = await box.run({ wrapper });
  if (code !== 0) throw new Error(`run exited with ${code}: ${stderr}`);
  return new Map(parseMountinfo(stdout).map((mount) => [mount.target, mount]));
}

function folder(lab: Lab, name: string): string {
  const path = join(lab.folder, name);
  mkdirSync(path, { recursive: true });
  return path;
}

behaviour("proc, sysfs, tmpfs, devpts and mqueue are mounted with their options", async (t, lab) => {
  const table = await mountTable(lab, [
    {
      destination: "/tmp",
      type: "tmpfs",
      source: "scratch",
      options: ["size=128k", "mode=750", "noexec", "uid=7"],
    },
  ]);
  const types = Object.fromEntries([...table].map(([target, { type }]) => [target, type]));
  t.match(types, {
    "/proc": "proc",
    "/sys": "sysfs",
    "/dev": "tmpfs",
    "/dev/pts": "devpts",
    "/dev/shm": "tmpfs",
    "/dev/mqueue": "mqueue",
    "/tmp": "tmpfs",
  });
  t.equal(table.get("/tmp")?.source, "scratch");
  for (const option of ["size=128k", "mode=750", "uid=7"])
    t.ok(table.get("/tmp")?.superOptions.includes(option), option);
  t.ok(table.get("/tmp")?.options.includes("noexec"));
  for (const option of ["ro", "nosuid", "nodev", "noexec"])
    t.ok(table.get("/sys")?.options.includes(option), option);
  t.ok(table.get("/dev/pts")?.superOptions.includes("ptmxmode=666"));
});

behaviour(
  "each flag option reaches the mount, and its opposite takes it back",
  async (t, lab) => {
    const flags = ["ro", "nosuid", "nodev", "noexec", "noatime"];
    const plain = (name: string, options: string[]) => ({
      destination: `/mnt/${name}`,
      type: "tmpfs",
      source: "x",
      options,
    });
    const opposites = ["rw", "suid", "dev", "exec", "atime"];
    const table = await mountTable(lab, [
      ...flags.map((flag) => plain(flag, [flag])),
      plain(
        "back",
        flags.flatMap((flag, index) => [flag, opposites[index] ?? ""]),
      ),
      plain("nodiratime", ["nodiratime"]),
      plain("strictatime", ["noatime", "strictatime"]),
    ]);
    for (const flag of flags) t.ok(table.get(`/mnt/${flag}`)?.options.includes(flag), flag);
    for (const flag of flags) t.notOk(table.get("/mnt/back")?.options.includes(flag), `${flag} taken back`);
    t.ok(table.get("/mnt/nodiratime")?.options.includes("nodiratime"));
    t.notOk(table.get("/mnt/strictatime")?.options.some((option) => /atime/.test(option)));
  },
  notOfCrun("an opposite takes nothing back"),
);

behaviour("bind shows a directory or a file of the host, writable unless it is ro", async (t, lab) => {
  const source = folder(lab, "volume");
  writeFileSync(join(source, "file"), "from the host\n");
  const script =
    "cat /mnt/dir/file /mnt/file; echo new > /mnt/dir/new; echo x > /mnt/ro/x || echo refused; ls /mnt/ro";
  const box = lab.container(Container.script(script));
  box.config.mounts.push(
    { destination: "/mnt/dir", type: "bind", source, options: ["bind"] },
    { destination: "/mnt/file", source: join(source, "file"), options: ["bind", "ro"] },
    { destination: "/mnt/ro", type: "none", source, options: ["bind", "ro", "nosuid"] },
  );
  box.writeConfig();
  t.equal(await box.live(), "from the host\nfrom the host\nrefused\nfile\nnew\n");
  t.equal(readFileSync(join(source, "new"), "utf8"), "new\n");
});

behaviour("a relative bind source is taken from the bundle", async (t, lab) => {
  const box = lab.container(Container.script("cat /mnt/file"));
  writeFileSync(join(box.bundle, "beside"), "beside config.json\n");
  box.config.mounts.push({ destination: "/mnt/file", type: "bind", source: "beside", options: ["bind"] });
  box.writeConfig();
  t.equal(await box.live(), "beside config.json\n");
});

behaviour("bind leaves submounts out, rbind takes them along", async (t, lab) => {
  const source = folder(lab, "tree");
  const mounts = ["bind", "rbind"].map((option) => ({
    destination: `/mnt/${option}`,
    type: "bind",
    source,
    options: [option],
  }));
  const table = await mountTable(lab, mounts, withSubmount(source));
  t.equal(table.get("/mnt/rbind/sub")?.source, "inner");
  t.notOk(table.has("/mnt/bind/sub"));
});

behaviour(
  "ro on an rbind leaves its submounts writable, rro does not",
  async (t, lab) => {
    const source = folder(lab, "tree");
    const bind = (name: string, ...options: string[]) => ({
      destination: `/mnt/${name}`,
      type: "bind",
      source,
      options: ["rbind", ...options],
    });
    const mounts = [bind("ro", "ro"), bind("rro", "rro"), bind("rnosuid", "rnosuid", "rnodev")];
    const table = await mountTable(lab, mounts, withSubmount(source));
    t.strictSame(
      ["/mnt/ro", "/mnt/ro/sub", "/mnt/rro", "/mnt/rro/sub"].map((path) => table.get(path)?.options[0]),
      ["ro", "rw", "ro", "ro"],
    );
    for (const path of ["/mnt/rnosuid", "/mnt/rnosuid/sub"]) {
      t.ok(
        ["nosuid", "nodev"].every((flag) => table.get(path)?.options.includes(flag)),
        path,
      );
    }
  },
  needsKernel(5, 12, "mount_setattr"),
);

behaviour(
  "propagation options are those of the mount inside",
  async (t, lab) => {
    const source = folder(lab, "tree");
    const bind = (name: string) => ({
      destination: `/mnt/${name}`,
      type: "bind",
      source,
      options: ["rbind", name],
    });
    const table = await mountTable(lab, ["shared", "rshared", "private", "rprivate", "unbindable"].map(bind));
    for (const name of ["shared", "rshared"])
      t.match(table.get(`/mnt/${name}`)?.optional[0], /^shared:/, name);
    for (const name of ["private", "rprivate"]) t.strictSame(table.get(`/mnt/${name}`)?.optional, [], name);
    t.strictSame(table.get("/mnt/unbindable")?.optional, ["unbindable"]);
  },
  notOfCrun("shared and unbindable ones are private in the end"),
);

behaviour("an rslave bind sees what the host mounts later", async (t, lab) => {
  const source = folder(lab, "tree");
  const script = "touch /mnt/ready; until [ -s /mnt/later/file ]; do sleep 0.01; done; cat /mnt/later/file";
  const box = lab.container(Container.script(script));
  box.config.linux.rootfsPropagation = "rslave";
  box.config.mounts.push({ destination: "/mnt", type: "bind", source, options: ["rbind", "rslave"] });
  box.writeConfig();
  // A new mount namespace is the host of this case: the script mounts after the container has started.
  const host = [
    `mount -t tmpfs outer ${source} && mount --make-shared ${source} && mkdir ${source}/later || exit 9`,
    `"$@" & until [ -e ${source}/ready ]; do sleep 0.01; done`,
    `mount -t tmpfs inner ${source}/later && echo seen > ${source}/later/file; wait`,
  ].join("\n");
  const result = await box.run({
    wrapper: ["unshare", "--mount", "--propagation", "private", "sh", "-c", host, "sh"],
  });
  t.equal(result.stdout, "seen\n", result.stderr);
});

behaviour(
  "flags that a source has locked are not taken back in a user namespace",
  async (t, lab) => {
    const source = folder(lab, "locked");
    const box = lab.container();
    mapIds(box.config, 100_000, 65_536);
    box.config.mounts.push({ destination: "/tmp", type: "bind", source, options: ["bind", "rw"] });
    box.writeConfig();
    const locked = `mount --bind ${source} ${source} && mount -o remount,bind,ro ${source} && exec "$@"`;
    const wrapper = ["unshare", "--mount", "--propagation", "private", "sh", "-c", locked, "sh"];
    // The words after "hint" are runc's, and callers match them.
    const line = /cannot mount ".*" on "\/tmp": .*EPERM.* flags .* error mounting: operation not permitted/;
    refused(t, await box.create({ wrapper }), line);
    await nothingLeft(t, lab, "after the refusal");
  },
  tsrunOnly("1.1 keeps the flags without a word"),
);

behaviour("missing destinations are made, a file for a file and a directory for the rest", async (t, lab) => {
  const source = folder(lab, "volume");
  writeFileSync(join(source, "file"), "x");
  const box = lab.container();
  box.config.mounts.push(
    { destination: "/made/for/file", type: "bind", source: join(source, "file"), options: ["bind"] },
    { destination: "/made/for/dir", type: "bind", source, options: ["bind"] },
    { destination: "/made/tmpfs", type: "tmpfs", source: "tmpfs" },
  );
  box.writeConfig();
  await box.live();
  t.ok(statSync(join(box.rootfs, "made/for/file")).isFile());
  t.ok(statSync(join(box.rootfs, "made/for/dir")).isDirectory());
  t.equal(statSync(join(box.rootfs, "made/tmpfs")).mode & 0o777, 0o755);
});

behaviour(
  "a mount point that a volume lacks is made in the volume, not in the root below it",
  async (t, lab) => {
    const volume = folder(lab, "volume");
    const file = join(lab.folder, "file");
    writeFileSync(file, "inside\n");
    const box = lab.container(Container.script("cat /volume/made"));
    const bind = { type: "bind", options: ["bind"] };
    box.config.mounts.push(
      { ...bind, destination: "/first", source: volume },
      { ...bind, destination: "/volume", source: volume },
      { ...bind, destination: "/volume/made", source: file },
    );
    box.writeConfig();
    t.equal(await box.live(), "inside\n");
    t.strictSame(readdirSync(volume), ["made"]);
    t.strictSame(readdirSync(join(box.rootfs, "volume")), []);
  },
);

behaviour(
  "a destination behind a symbolic link stays inside the root",
  async (t, lab) => {
    const outside = folder(lab, "outside");
    const source = folder(lab, "volume");
    writeFileSync(join(source, "file"), "inside\n");
    const targets = { absolute: outside, dots: `../../../../../../../../..${outside}`, relative: "tmp/here" };
    const box = lab.container(Container.script("cat /absolute/a/file /dots/b/file /relative/c/file"));
    for (const [name, target] of Object.entries(targets)) symlinkSync(target, join(box.rootfs, name));
    for (const destination of ["/absolute/a", "/dots/b", "/relative/c"]) {
      box.config.mounts.push({ destination, type: "bind", source, options: ["bind"] });
    }
    box.writeConfig();
    t.equal(await box.live(), "inside\n".repeat(3));
    t.strictSame(readdirSync(outside), [], "nothing was made outside");
    t.ok(existsSync(join(box.rootfs, outside, "a")), "it was made below the root instead");
  },
  notOfCrun("it does not make what a link leads to"),
);

behaviour(
  "a mount inside /proc is refused unless it is one of the known files",
  async (t, lab) => {
    const source = folder(lab, "volume");
    const box = lab.container();
    box.config.mounts.push({ destination: "/proc/self", type: "bind", source, options: ["bind"] });
    box.writeConfig();
    refused(t, await box.create(), /\/proc\/self/);
    await nothingLeft(t, lab, "after the refusal");
  },
  notOfCrun("it mounts there"),
);

behaviour("a bind source that is missing, or a type nobody knows, is refused", async (t, lab) => {
  for (const mount of [
    { destination: "/mnt", type: "bind", source: "/no/such/source", options: ["bind"] },
    { destination: "/mnt", type: "nosuchfs", source: "x" },
  ]) {
    const box = lab.container();
    box.config.mounts.push(mount);
    box.writeConfig();
    refused(t, await box.create(), /\/no\/such\/source|nosuchfs/);
    await nothingLeft(t, lab, "after the refusal");
  }
});

behaviour(
  "a cgroup mount shows the container's own cgroup of every hierarchy",
  async (t, lab) => {
    const box = lab.container(
      Container.script("ls /sys/fs/cgroup; cat /sys/fs/cgroup/memory/memory.limit_in_bytes"),
    );
    box.config.linux.resources = { memory: { limit: 64 << 20 } };
    box.config.mounts.push({
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: ["ro", "nosuid"],
    });
    box.writeConfig();
    const lines = (await box.live()).trimEnd().split("\n");
    for (const name of ["memory", "pids", "devices"]) t.ok(lines.includes(name), name);
    t.equal(lines.at(-1), String(64 << 20));
  },
  needsController("memory", 1),
);

behaviour("ninety volumes are where and as they should be", async (t, lab) => {
  const box = lab.container(
    Container.script("cat /proc/self/mountinfo; for one in /v/*; do cat $one/*; done; ls -d /v/* | wc -l"),
  );
  const kinds: Omit<ConfigMount, "destination">[] = [
    { type: "tmpfs", source: "tmpfs", options: ["nosuid", "size=64k"] },
    { type: "bind", source: "", options: ["bind", "ro"] },
    { type: "bind", source: "", options: ["rbind", "nosuid", "rprivate"] },
    { type: "bind", source: "", options: ["bind"] },
    { type: "bind", source: "", options: ["rbind", "rro", "noexec"] },
  ];
  const volumes = Array.from({ length: 90 }, (_, index) => ({
    name: `${index % 7 === 0 ? "größe-" : ""}${index}`,
    kind: kinds[index % 5] as Omit<ConfigMount, "destination">,
  }));
  for (const { name, kind } of volumes) {
    const source = kind.type === "tmpfs" ? "tmpfs" : folder(lab, `volumes/${name}`);
    if (kind.type === "bind") writeFileSync(join(source, "content"), `${name}\n`);
    box.config.mounts.push({ ...kind, source, destination: `/v/${name}` });
  }
  box.writeConfig();
  const { stdout, stderr, code } = await box.run();
  t.equal(code, 0, stderr);
  const table = new Map(parseMountinfo(stdout).map((mount) => [mount.target, mount]));
  const wrong = volumes.filter(({ name, kind }) => {
    const mount = table.get(`/v/${name}`);
    const has = (word: string) => mount?.options.includes(word) === true;
    const asked = kind.options ?? [];
    if (has("ro") !== (asked.includes("ro") || asked.includes("rro"))) return true;
    if (asked.includes("nosuid") && !has("nosuid")) return true;
    if (asked.includes("noexec") !== has("noexec")) return true;
    // A volume may be a directory of a tmpfs itself, but not the whole of one.
    return (mount?.type === "tmpfs" && mount.root === "/") !== (kind.type === "tmpfs");
  });
  t.same(wrong, []);
  const printed = stdout.split("\n").filter((line) => /^(größe-)?\d+$/.test(line));
  const contents = volumes.filter(({ kind }) => kind.type === "bind").map(({ name }) => name);
  t.same(printed.sort(), [...contents, "90"].sort());
});

behaviour(
  "nosymfollow holds for a file system, a bind mount and a remount",
  async (t, lab) => {
    const look = (path: string) => `ln -s /proc/self/comm ${path}/l; cat ${path}/l 2>&1`;
    const box = lab.container(Container.script(["/fs", "/bound", "/again"].map(look).join("; ")));
    const source = join(lab.folder, "source");
    mkdirSync(source);
    const tmpfs = { type: "tmpfs", source: "tmpfs" };
    box.config.mounts.push(
      { ...tmpfs, destination: "/fs", options: ["nosymfollow"] },
      { destination: "/bound", type: "bind", source, options: ["bind", "nosymfollow"] },
      { ...tmpfs, destination: "/again" },
      { ...tmpfs, destination: "/again", options: ["remount", "nosymfollow"] },
    );
    box.writeConfig();
    t.equal((await box.live()).match(/Symbolic link loop|Too many levels/g)?.length, 3);
  },
  notOfCrun("it gives the option to the file system, which refuses it"),
);
