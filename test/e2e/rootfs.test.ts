// The root filesystem around the mounts: devices, links, read-only, masked and protected paths, how the root
// is entered.

import { mkdirSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  behaviour,
  needsDevices,
  nothingLeft,
  notOfCrun,
  notOfRunc,
  refused,
  runcFrom,
  tsrunOnly,
} from "../support/behaviour.ts";
import { withoutMountNamespace } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { holdNamespaces } from "../support/hold.ts";
import { hostMounts, parseMountinfo } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { plainEnv } from "../support/runtime.ts";

behaviour("the default devices are there, for everyone", async (t, lab) => {
  const names = ["null", "zero", "full", "random", "urandom", "tty"];
  const paths = names.map((name) => `/dev/${name}`).join(" ");
  const box = lab.container(Container.script(`stat -c '%n %F %a %t:%T' ${paths}`));
  const lines = (await box.live()).trimEnd().split("\n");
  const numbers = ["1:3", "1:5", "1:7", "1:8", "1:9", "5:0"];
  t.strictSame(
    lines,
    names.map((name, index) => `/dev/${name} character special file 666 ${numbers[index]}`),
  );
});

behaviour("the default links are there", async (t, lab) => {
  const box = lab.container(
    Container.script("cd /dev; for l in fd stdin stdout stderr ptmx; do readlink $l; done"),
  );
  const links = ["/proc/self/fd", "/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2", "pts/ptmx"];
  t.strictSame((await box.live()).trimEnd().split("\n"), links);
});

behaviour("linux.devices are made with their numbers, mode and owner", async (t, lab) => {
  const box = lab.container(
    Container.script("stat -c '%n %F %a %u:%g %t:%T' /dev/mine /dev/block /dev/sub/pipe"),
  );
  box.config.linux.devices = [
    { type: "c", path: "/dev/mine", major: 10, minor: 229, fileMode: 0o640, uid: 7, gid: 8 },
    { type: "b", path: "/dev/block", major: 7, minor: 16, fileMode: 0o600, uid: 0, gid: 0 },
    { type: "p", path: "/dev/sub/pipe", fileMode: 0o622, uid: 0, gid: 0 },
  ];
  box.writeConfig();
  t.strictSame((await box.live()).trimEnd().split("\n"), [
    "/dev/mine character special file 640 7:8 a:e5",
    "/dev/block block special file 600 0:0 7:10",
    "/dev/sub/pipe fifo 622 0:0 0:0",
  ]);
});

behaviour("a device file keeps its mode when the caller's umask would take it away", async (t, lab) => {
  const box = lab.container(Container.script("stat -c %a /dev/null /dev/mine"));
  box.config.linux.devices = [{ type: "c", path: "/dev/mine", major: 1, minor: 3, fileMode: 0o666 }];
  box.writeConfig();
  t.equal(await box.live({ wrapper: ["sh", "-c", 'umask 0077; exec "$@"', "sh"] }), "666\n666\n");
});

behaviour("a read-only root refuses writes, its mounts do not", async (t, lab) => {
  const box = lab.container(Container.script("touch /x 2>&1; touch /dev/shm/x && echo written"));
  box.config.root.readonly = true;
  box.writeConfig();
  t.equal(await box.live(), "touch: /x: Read-only file system\nwritten\n");
});

behaviour("a read-only root still gets the mount points it lacks", async (t, lab) => {
  const box = lab.container(Container.script("touch /made/x && echo written"));
  box.config.root.readonly = true;
  box.config.mounts.push({ destination: "/made", type: "tmpfs", source: "tmpfs" });
  box.writeConfig();
  t.equal(await box.live(), "written\n");
});

behaviour("masked files are empty and masked directories are empty and read-only", async (t, lab) => {
  const script =
    "cat /etc/secret | wc -c; ls /etc/secrets | wc -l; touch /etc/secrets/x 2>&1; cat /proc/keys | wc -c";
  const box = lab.container(Container.script(script));
  writeFileSync(join(box.rootfs, "etc/secret"), "secret");
  mkdirSync(join(box.rootfs, "etc/secrets"));
  writeFileSync(join(box.rootfs, "etc/secrets/one"), "secret");
  box.config.linux.maskedPaths = ["/etc/secret", "/etc/secrets", "/proc/keys", "/proc/no/such/file"];
  box.writeConfig();
  t.equal(await box.live(), "0\n0\ntouch: /etc/secrets/x: Read-only file system\n0\n");
});

behaviour("protected paths can be read and not written", async (t, lab) => {
  const script = [
    "cat /etc/fixed/file",
    "echo y > /etc/fixed/file",
    "echo 1 > /proc/sys/net/ipv4/ip_forward",
    "cat /etc/fixed/file",
  ].join("; ");
  const box = lab.container(Container.script(`{ ${script}; } 2>&1`));
  mkdirSync(join(box.rootfs, "etc/fixed"));
  writeFileSync(join(box.rootfs, "etc/fixed/file"), "x\n");
  box.config.linux.readonlyPaths = ["/etc/fixed", "/proc/sys", "/no/such/path"];
  box.writeConfig();
  const lines = (await box.live()).trimEnd().split("\n");
  t.equal(lines.length, 4);
  t.strictSame([lines[0], lines[3]], ["x", "x"]);
  for (const line of [lines[1], lines[2]]) t.match(line, /Read-only file system/);
});

behaviour(
  "rootfsPropagation is that of the root",
  async (t, lab) => {
    for (const [name, expected] of [
      ["private", /^$/],
      ["shared", /^shared:\d+$/],
      ["unbindable", /^unbindable$/],
      ["runbindable", /^unbindable$/],
    ] as const) {
      const box = lab.container(Container.script("cat /proc/self/mountinfo"));
      box.config.linux.rootfsPropagation = name;
      box.writeConfig();
      const root = parseMountinfo(await box.live()).find(({ target }) => target === "/");
      t.match(root?.optional.join(" "), expected, name);
    }
  },
  tsrunOnly("it sets it on the mount above the root, and fails for unbindable"),
);

behaviour("the container sees its own root and nothing above it", async (t, lab) => {
  const box = lab.container(
    Container.script("cd /../..; pwd; ls / | head -1; [ -e /proc/1/root/usr/lib ] || echo own"),
  );
  t.equal(await box.live(), "/\nbin\nown\n");
});

/** How the host's mounts may lie, by what a shell does first with the folder that holds the root. */
const HOSTS = {
  "/proc and the root are on one mount": ":",
  "the root is on a mount of its own": 'mount --bind "$1" "$1"',
  "/proc is mounted twice": "mount -t proc proc /proc",
};

/** Whether the folders of the cases are on the file system that /proc is mounted on. */
function isOnMountOfProc(): boolean {
  return statSync(tmpdir()).dev === statSync("/").dev;
}

for (const [host, first] of Object.entries(HOSTS)) {
  behaviour(
    `--no-pivot changes no mount of the host, wherever the root's mounts propagate: ${host}`,
    async (t, lab) => {
      const box = lab.container(Container.script("echo ran"));
      box.config.linux.rootfsPropagation = "rshared";
      box.writeConfig();
      const points = "$(cut -d' ' -f5 /proc/self/mountinfo | sort)";
      const script = `${first} && mount --make-rshared / && before="${points}" && shift && "$@"; code=$?
        test -e /proc/self/stat && test -e /sys/kernel || exit 99
        test "$before" = "${points}" || exit 98; exit $code`;
      const wrapper = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        script,
        "sh",
        lab.folder,
      ];
      const { code, stdout, stderr } = await box.run({ wrapper, flags: ["--no-pivot"] });
      t.strictSame([code, stdout], [0, "ran\n"], stderr);
      await nothingLeft(t, lab, "after run");
    },
    notOfCrun("its cgroup stays"),
    first === ":" && isOnMountOfProc() ? undefined : notOfRunc("it unmounts the host's /proc and /sys"),
  );
}

behaviour("--no-pivot gives the same root by other means", async (t, lab) => {
  const box = lab.container(Container.script("ls / | head -1; cat /proc/self/mountinfo | head -1"));
  mustSucceed(await box.create({ flags: ["--no-pivot"] }));
  mustSucceed(await box.start());
  await box.waitForStatus("stopped");
  t.match(box.output(), /^bin\n/);
  t.equal(parseMountinfo(box.output().slice(4))[0]?.target, "/");
  mustSucceed(await box.delete());
  await nothingLeft(t, lab, "after delete");
});

behaviour("the root may be named by an absolute path", async (t, lab) => {
  const box = lab.container(Container.script("echo here"));
  box.config.root.path = box.rootfs;
  box.writeConfig();
  t.equal(await box.live(), "here\n");
});

behaviour("a symbolic link as the root is refused or leads to the real directory", async (t, lab) => {
  const box = lab.container(Container.script("echo here"));
  box.config.root.path = "nowhere";
  box.writeConfig();
  refused(t, await box.create(), /nowhere/);
  await nothingLeft(t, lab, "after the refusal");
});

behaviour("a chroot, whose root is no mount point, is named as what is wrong", async (t, lab) => {
  const box = lab.container(Container.script("echo here"));
  const tree = join(lab.folder, "chroot");
  mkdirSync(tree);
  const script = `
    for entry in /*; do
      if [ -L "$entry" ]; then cp -P "$entry" "$0/"
      elif [ -d "$entry" ]; then mkdir "$0$entry"; mount --rbind "$entry" "$0$entry"
      fi
    done
    exec chroot "$0" "$@"`;
  const wrapper = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script, tree];
  refused(t, await box.create({ wrapper }), /"\/".* = EINVAL .*hint="\/ is not a mount point.*chroot/);
  await nothingLeft(t, lab, "after the refusal");
});

const MAKE_SHARED = 'mount --make-rprivate / && mount --make-rshared / && exec "$@"';
/** A host whose mounts are shared, as systemd has them. */
const SHARED_HOST = ["unshare", "--mount", "--propagation", "private", "sh", "-c", MAKE_SHARED, "sh"];

behaviour(
  "a volume on the mount that holds the root does not see what the host mounts there later",
  async (t, lab) => {
    const source = join(lab.folder, "source");
    mkdirSync(source);
    for (const propagation of [undefined, "rprivate"]) {
      const { root, data } = await propagationOf(lab, { source, wrapper: SHARED_HOST, propagation });
      t.strictSame([root, data], ["", ""], `rootfsPropagation ${propagation}`);
    }
    await nothingLeft(t, lab, "after delete");
  },
  runcFrom("1.2", "only a shared mount becomes private"),
);

behaviour(
  "where a slave is asked for, the root is one, and so are the volumes on the mount that holds it",
  async (t, lab) => {
    const source = join(lab.folder, "source");
    mkdirSync(source);
    for (const propagation of ["slave", "rslave"]) {
      const { root, data } = await propagationOf(lab, { source, wrapper: SHARED_HOST, propagation });
      t.match(root, /^master:\d+$/, `the root: ${propagation}`);
      t.equal(data, root, `the volume: ${propagation}`);
    }
    await nothingLeft(t, lab, "after delete");
  },
  runcFrom("1.5.2", "the root is private"),
  notOfCrun("the root is private"),
);

interface Volume {
  readonly source: string;
  readonly wrapper: readonly string[];
  readonly propagation: string | undefined;
}

/** The propagation in mountinfo of a container's root, and of a volume that does not ask for any. */
async function propagationOf(lab: Lab, { source, wrapper, propagation }: Volume) {
  const box = lab.container((config) => {
    Container.script("cat /proc/self/mountinfo")(config);
    config.mounts.push({ destination: "/data", type: "bind", source, options: ["rbind"] });
    if (propagation !== undefined) config.linux.rootfsPropagation = propagation;
  });
  // In one command: the host's mount ends with its namespace.
  mustSucceed(await box.run({ wrapper }));
  const mounts = parseMountinfo(box.output());
  const of = (path: string) => mounts.find(({ target }) => target === path)?.optional.join(" ");
  return { root: of("/"), data: of("/data") };
}

/** The base bundle without members that need a mount namespace. */
function onHost(container: Container): Container {
  const { linux } = container.config;
  withoutMountNamespace(container.config);
  linux.maskedPaths = [];
  linux.readonlyPaths = [];
  container.writeConfig();
  return container;
}

behaviour(
  "in the host's mount namespace the mounts go with the container, and when there comes to be none",
  async (t, lab) => {
    const box = onHost(lab.container(Container.script("readlink /proc/self/ns/mnt")));
    mustSucceed(await box.create());
    t.ok(hasMounts(box), "they are the host's");
    mustSucceed(await box.start());
    await box.waitForStatus("stopped");
    t.equal(box.output(), `${readlinkSync("/proc/self/ns/mnt")}\n`);
    mustSucceed(await box.delete());
    t.notOk(hasMounts(box), "after delete");
    box.config.process.args = ["/no/such/program"];
    box.writeConfig();
    refused(t, await box.create(), /no such file or directory/);
    t.notOk(hasMounts(box), "after a create that failed");
    await nothingLeft(t, lab, "in the end");
  },
  tsrunOnly("it leaves them"),
);

behaviour(
  "in the host's mount namespace a mount that was on the root before stays",
  async (t, lab) => {
    const box = onHost(lab.container(Container.script("echo here")));
    const script = 'mount --bind "$ROOT" "$ROOT"; "$0" "$@" >"$OUT"; grep -c "$ROOT" /proc/self/mountinfo';
    const env = { ...plainEnv, OUT: join(lab.folder, "out"), ROOT: box.rootfs };
    const wrapper = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script];
    const run = await lab.invoke(["run", "--bundle", box.bundle, box.id], { env, wrapper });
    t.equal(run.stdout, "1\n");
  },
  tsrunOnly("it leaves its own"),
);

behaviour(
  "--no-pivot is refused in the host's mount namespace",
  async (t, lab) => {
    const box = onHost(lab.container(Container.script("echo here")));
    refused(t, await box.create({ flags: ["--no-pivot"] }), /--no-pivot would cover the host's root.*hint/);
    t.notOk(hasMounts(box));
    await nothingLeft(t, lab, "after the refusal");
  },
  tsrunOnly("it unmounts the host's /proc and /sys"),
);

function hasMounts(box: Container): boolean {
  return hostMounts().some(({ target }) => target.startsWith(box.rootfs));
}

behaviour(
  "a mount namespace can be joined by path",
  async (t, lab) => {
    const pid = await holdNamespaces(lab, ["--mount", "--propagation", "private"]);
    const name = readlinkSync(`/proc/${pid}/ns/mnt`);
    const box = lab.container(Container.script("readlink /proc/self/ns/mnt; ls / | head -1"));
    box.config.linux.namespaces = [{ type: "pid" }, { type: "mount", path: `/proc/${pid}/ns/mnt` }];
    delete box.config.hostname;
    box.config.mounts = [{ destination: "/proc", type: "proc", source: "proc" }];
    box.writeConfig();
    t.equal(await box.live(), `${name}\nbin\n`);
  },
  needsDevices(),
);

behaviour(
  "the root and /proc are mounted afresh, so a hostile /proc in the bundle is covered",
  async (t, lab) => {
    const box = lab.container(Container.script("cat /proc/self/status | head -1"));
    mkdirSync(join(box.rootfs, "proc/self"));
    writeFileSync(join(box.rootfs, "proc/self/status"), "forged\n");
    t.equal(await box.live(), "Name:\tcat\n");
  },
);
