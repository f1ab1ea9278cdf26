// The runtime under Podman, as root and as an ordinary user: features that only Podman's flags need, not
// Docker's.

import { chmodSync, chownSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { notOfRunc } from "../support/behaviour.ts";
import { needsCatatonit, needsVersion2Alone, podmanFrom } from "../support/podman.ts";
import { BOTH, FINDS_SLEEP, ROOT, ROOTLESS, SLEEP, under, words } from "../support/podman-cases.ts";
import { SECOND_GROUP } from "../support/podman-users.ts";

under("--userns=auto gives a container ids of its own", BOTH, (t, podman) => {
  const script = "cat /proc/self/uid_map; touch /mine; stat -c %u /mine; ls /run/.containerenv";
  const [first, start, , ...rest] = words(podman.run(["--userns=auto"], "sh", "-c", script));
  t.equal(first, "0");
  t.not(start, "0");
  t.strictSame(rest, ["0", "/run/.containerenv"]);
});

under("--uidmap and --gidmap are the container's maps", ROOT, (t, podman) => {
  const flags = ["--uidmap", "0:100000:5000", "--gidmap", "0:200000:5000"];
  const maps = podman.run(flags, "cat", "/proc/self/uid_map", "/proc/self/gid_map");
  t.strictSame(words(maps), ["0", "100000", "5000", "0", "200000", "5000"]);
});

under("--uidmap and --gidmap of a user choose among its subordinate ids", ROOTLESS, (t, podman) => {
  const flags = ["--uidmap", "0:1:5000", "--gidmap", "0:3:4000"];
  const maps = podman.run(flags, "cat", "/proc/self/uid_map", "/proc/self/gid_map");
  t.strictSame(words(maps), ["0", "1", "5000", "0", "3", "4000"]);
});

under("--userns=keep-id runs as the caller", ROOTLESS, (t, podman) => {
  t.equal(podman.run(["--userns=keep-id"], "id", "-u"), String(podman.uid));
  t.equal(podman.run(["--userns=keep-id:uid=1234,gid=1235"], "id", "-u"), "1234");
});

under(
  "--userns=keep-id of root has all ids",
  ROOT,
  (t, podman) => t.equal(podman.run(["--userns=keep-id"], "id", "-u"), "0"),
  podmanFrom("4.4", "refuses it to root"),
);

under(
  "--cgroups=disabled makes no cgroup",
  BOTH,
  (t, podman) => {
    const theirs = podman.run(["--cgroups=disabled"], "cat", "/proc/self/cgroup");
    t.notMatch(theirs, /libpod/);
    podman.must("run", "--detach", "--name", "box", "--cgroups=disabled", "box", ...SLEEP);
    t.equal(podman.must("exec", "box", "echo", "hi"), "hi");
    podman.must("stop", "--time", "0", "box");
  },
  notOfRunc("has no --cgroup-manager"),
);

under(
  "--cgroups=split runs in the caller's cgroup",
  ROOT,
  (t, podman) => t.equal(podman.run(["--cgroups=split"], "echo", "hi"), "hi"),
  needsVersion2Alone(),
);

for (const [flag, condition] of [["debug"], ["log-level=debug", notOfRunc("has no --log-level")]] as const) {
  under(
    `--runtime-flag ${flag} holds nothing up`,
    BOTH,
    (t, podman) => {
      const run = ["run", "--name", "box", "--log-driver=k8s-file", "box", "echo", "hi"];
      const { code, err } = podman.call("--runtime-flag", flag, ...run);
      t.equal(code, 0, err);
      t.equal(podman.must("logs", "box"), "hi");
    },
    condition,
  );
}

under("a bind mount with idmap shows the container's ids", ROOT, (t, podman) => {
  const data = podman.data("data");
  writeFileSync(join(data, "old"), "");
  const flags = ["--uidmap", "0:100000:5000", "--gidmap", "0:100000:5000"];
  const mount = ["--mount", `type=bind,src=${data},dst=/data,idmap`];
  const owner = podman.run([...flags, ...mount], "sh", "-c", "stat -c %u:%g /data/old; touch /data/new");
  t.equal(owner, "0:0");
  t.equal(statSync(join(data, "new")).uid, 0);
});

// mount_setattr(2) wants CAP_SYS_ADMIN in the user namespace that has mounted the file system: the host's.
under("a bind mount with idmap is refused to a user, by the kernel", ROOTLESS, (t, podman) => {
  const flags = ["--uidmap", "0:1:5000", "--gidmap", "0:1:5000"];
  const mount = ["--mount", `type=bind,src=${podman.data("data")},dst=/data,idmap`];
  const { code, err } = podman.call("run", "--rm", ...flags, ...mount, "box", "true");
  t.not(code, 0);
  t.match(err, /operation not permitted/i);
});

under("--security-opt unmask=ALL leaves nothing over /proc", BOTH, (t, podman) => {
  const count = ["sh", "-c", "grep -c ' /proc/' /proc/self/mounts; true"];
  t.not(podman.run([], ...count), "0");
  t.equal(podman.run(["--security-opt", "unmask=ALL"], ...count), "0");
});

under("--pid=container: joins another's namespace", BOTH, (t, podman) => {
  podman.must("run", "--detach", "--name", "first", "box", ...SLEEP);
  t.equal(podman.run(["--pid=container:first"], "sh", "-c", FINDS_SLEEP), "found");
});

under("--secret is a file of the container's", BOTH, (t, podman) => {
  const file = join(podman.data("data"), "secret");
  writeFileSync(file, "told to nobody");
  podman.must("secret", "create", "key", file);
  t.equal(podman.run(["--secret", "key"], "cat", "/run/secrets/key"), "told to nobody");
  const owned = ["--secret", "key,target=/etc/key,uid=1000,mode=0400", "--user", "1000"];
  t.equal(podman.run(owned, "sh", "-c", "stat -c %u:%a /etc/key; cat /etc/key"), "1000:400\ntold to nobody");
  podman.must("secret", "rm", "key");
});

under(
  "--init runs Podman's init first",
  BOTH,
  (t, podman) => {
    t.match(podman.run(["--init"], "ps", "-o", "args"), /podman-init -- ps/);
  },
  needsCatatonit(),
);

under(
  "--group-add keep-groups keeps a group that the container has no id for",
  BOTH,
  (t, podman) => {
    const data = podman.data("data");
    writeFileSync(join(data, "file"), "for the group");
    // To root it is a file of another user's.
    chownSync(join(data, "file"), 1, SECOND_GROUP.gid);
    chmodSync(join(data, "file"), 0o640);
    const volume = ["--cap-drop", "DAC_OVERRIDE", "--volume", `${data}:/data`];
    t.not(podman.call("run", "--rm", ...volume, "box", "cat", "/data/file").code, 0);
    const keeping = ["--group-add", "keep-groups", ...volume];
    t.equal(podman.run(keeping, "cat", "/data/file"), "for the group");
    podman.must("run", "--detach", "--name", "box", ...keeping, "box", ...SLEEP);
    t.equal(podman.must("exec", "box", "cat", "/data/file"), "for the group");
  },
  notOfRunc("has no annotation for it"),
);
