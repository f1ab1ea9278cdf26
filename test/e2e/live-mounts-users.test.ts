// `mounts add` and `mounts remove` on a container with a user namespace, or that mounts and unmounts itself.

import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { behaviour, crunFrom, nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import { Container, mustSucceed } from "../support/container.ts";
import {
  at,
  bind,
  type Entry,
  hostDirectory,
  inside,
  mayMount,
  mounts,
  mountsInside,
  needsLiveMounts,
  running,
  runningFor,
} from "../support/live-mounts.ts";
import { asUser, needsOwnSystemd, userContainer } from "../support/user.ts";

const LACKS = "has no such command";
const api = needsLiveMounts;

/** The host id of the container's root. */
const FIRST = 200_000;

behaviour(
  "what the container mounts in a mount that was added stays its own; what the host mounts there, it sees",
  async (t, lab) => {
    const source = join(lab.folder, "shared");
    mkdirSync(source);
    lab.mountOnHost(["--make-shared", "-t", "tmpfs", "none"], source);
    for (const name of ["mine", "theirs"]) mkdirSync(join(source, name));
    const box = await running(lab, mayMount);
    mustSucceed(await mounts("add", box, [bind(source, "/data"), bind(source, "/private", "rprivate")]));
    await inside(box, "mount -t tmpfs none /data/theirs && touch /data/theirs/x");
    t.equal(await inside(box, "ls /data/theirs"), "x");
    t.strictSame(readdirSync(join(source, "theirs")), []);
    const unmount = lab.mountOnHost(["-t", "tmpfs", "none"], join(source, "mine"));
    writeFileSync(join(source, "mine", "x"), "");
    t.equal(await inside(box, "ls /data/mine; ls /private/mine"), "x");
    unmount();
  },
  tsrunOnly("crun makes it private"),
  api,
);

behaviour(
  "in a user namespace sources may lie below private directories, and keep what the host has locked",
  async (t, lab) => {
    const secret = join(lab.folder, "secret");
    mkdirSync(join(secret, "source"), { recursive: true });
    writeFileSync(join(secret, "source", "f"), "of the host\n");
    chmodSync(secret, 0o700);
    const locked = join(lab.folder, "locked");
    mkdirSync(locked);
    lab.mountOnHost(["-t", "tmpfs", "-o", "ro,nosuid,nodev", "none"], locked);
    const box = await runningFor(lab, FIRST);
    mustSucceed(
      await mounts("add", box, [
        bind(join(secret, "source"), "/data"),
        bind(locked, "/locked", "noexec"),
        { destination: "/t", source: "tmpfs", type: "tmpfs", options: ["uid=7"] },
      ]),
    );
    t.equal(await inside(box, "cat /data/f; stat -c %u /t"), "of the host\n7");
    t.match((await mountsInside(box)).get("/locked"), /^ro,nosuid,nodev,noexec/);
    t.match(await inside(box, "mount -o remount,bind,rw /locked 2>&1; echo $?"), /[^0]$/);
    t.match((await mountsInside(box)).get("/locked"), /^ro/, "its root cannot take it back");
    refused(t, await mounts("add", box, [bind(locked, "/again", "rw", "suid")]), /EPERM/);
    mustSucceed(await mounts("remove", box, at("/t", "/locked", "/data")));
  },
  tsrunOnly("in crun's the container's root makes a read-only mount of the host writable"),
  api,
);

behaviour(
  "ids are mapped, by maps of the mount's own and by those of the container",
  async (t, lab) => {
    const source = hostDirectory(lab);
    chownSync(join(source, "f"), 1000, 1000);
    const box = await runningFor(lab, FIRST);
    const map = [{ containerID: 1000, hostID: FIRST + 5, size: 1 }];
    mustSucceed(
      await mounts("add", box, [
        bind(source, "/theirs", "idmap"),
        { ...bind(source, "/own"), uidMappings: map, gidMappings: map },
      ]),
    );
    t.equal(await inside(box, "stat -c %u /theirs/f /own/f"), "1000\n5");
  },
  crunFrom("1.28", LACKS),
  api,
);

behaviour(
  "the ids of a file system that cannot map any are refused, and nothing is mounted",
  async (t, lab) => {
    const box = await running(lab);
    const map = [{ containerID: 1000, hostID: 2000, size: 1 }];
    const list = [
      bind(hostDirectory(lab), "/data"),
      { ...bind("/sys", "/x"), uidMappings: map, gidMappings: map },
    ];
    const line =
      /cannot map the ids of the mount of "\/sys" on "\/x": .*EINVAL.*does not support idmap.*entry 1/;
    refused(t, await mounts("add", box, list), line);
    t.strictSame([...(await mountsInside(box))], []);
  },
  crunFrom("1.28", LACKS),
  api,
);

behaviour(
  "mount points are taken away again from a directory of the host that the container's root may not read",
  async (t, lab) => {
    const source = hostDirectory(lab);
    const box = await runningFor(lab, FIRST);
    const unreadable = join(box.rootfs, "unreadable");
    mkdirSync(unreadable);
    chmodSync(unreadable, 0o733);
    const list = [bind(source, "/unreadable/made"), bind(join(source, "f"), "/bin")];
    refused(t, await mounts("add", box, list), /the source is not a directory/);
    t.strictSame([...(await mountsInside(box))], []);
    t.strictSame(readdirSync(unreadable), []);
  },
  tsrunOnly("crun leaves the mounts before the one that fails"),
  api,
);

behaviour(
  "a mount that the container has unmounted itself is forgotten, one that it has covered is not taken for it",
  async (t, lab) => {
    const source = hostDirectory(lab);
    const box = await running(lab, mayMount);
    mustSucceed(await mounts("add", box, [bind(source, "/data"), bind(source, "/other")]));
    await inside(box, "umount /data");
    const removed = mustSucceed(await mounts("remove", box, at("/data")));
    t.match(removed.stderr, /the container had unmounted .*\/data.* already/);
    await inside(box, "umount /other && mount -t tmpfs none /tmp");
    mustSucceed(await mounts("add", box, [bind(source, "/other")]));
    await inside(box, "mount -t tmpfs none /other");
    refused(t, await mounts("remove", box, at("/other")), /something else is mounted over it/);
    await inside(box, "umount /other");
    mustSucceed(await mounts("remove", box, at("/other")));
    t.strictSame([...(await mountsInside(box)).keys()], ["/tmp"]);
  },
  tsrunOnly("crun unmounts whatever is there"),
  api,
);

behaviour(
  "another mount of the container, to which the kernel gave the same id, is not taken for one that was added",
  async (t, lab) => {
    const source = hostDirectory(lab);
    const box = await running(lab, mayMount);
    mustSucceed(await mounts("add", box, [bind(source, "/data")]));
    const id = await inside(box, "grep ' /data ' /proc/self/mountinfo | cut -d' ' -f1");
    // The next mount id is the lowest free one: this one, unless another process is faster.
    const script = [
      "umount /data",
      "i=0",
      `while [ $i -lt 300 ] && ! grep -q '^${id} ' /proc/self/mountinfo`,
      "do i=$((i+1)); mkdir -p /tmp/$i; mount -t tmpfs none /tmp/$i; done",
      `grep -c '^${id} ' /proc/self/mountinfo`,
    ].join("; ");
    t.comment(`mounts that have the id by now: ${await inside(box, script)}`);
    mustSucceed(await mounts("add", box, [bind(source, "/data")]));
    t.equal(await inside(box, "cat /data/f"), "of the host");
    mustSucceed(await mounts("remove", box, at("/data")));
    t.equal(await inside(box, "ls /data"), "");
  },
  tsrunOnly("crun goes by paths"),
  api,
);

behaviour(
  "an ordinary user's container is given what its user may see",
  async (t, lab) => {
    const source = hostDirectory(lab);
    const secret = hostDirectory(lab, "secret");
    chmodSync(secret, 0o700);
    const box = userContainer(lab, Container.script("sleep 1000"));
    const user = { wrapper: asUser(lab), cwd: "/" };
    mustSucceed(await box.create(user));
    mustSucceed(await box.start(user));
    const list = async (action: string, ...entries: Entry[]) => {
      const file = join(lab.folder, "list.json");
      writeFileSync(file, JSON.stringify(entries));
      return lab.invoke(["mounts", action, box.id, file], user);
    };
    mustSucceed(
      await list("add", bind(source, "/data", "ro"), { destination: "/t", source: "t", type: "tmpfs" }),
    );
    const { pid } = JSON.parse((await lab.invoke(["state", box.id], user)).stdout);
    t.equal(readFileSync(`/proc/${pid}/root/data/f`, "utf8"), "of the host\n");
    refused(t, await list("add", bind(join(secret, "f"), "/secret")), /EACCES/);
    const maps = [{ containerID: 0, hostID: 0, size: 1 }];
    const mapped = { ...bind(source, "/mapped"), uidMappings: maps, gidMappings: maps };
    refused(t, await list("add", mapped), /not supported for rootless containers/);
    mustSucceed(await list("remove", ...at("/data", "/t")));
    mustSucceed(await box.delete({ ...user, flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  tsrunOnly("crun was not tried as an ordinary user"),
  api,
  needsOwnSystemd,
);
