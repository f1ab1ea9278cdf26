// The runtime under Podman and Buildah, as root and as an ordinary user: what their flags ask of a runtime,
// and Docker's do not.

import { readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import { behaviour, type Condition } from "../support/behaviour.ts";
import {
  needsBuildah,
  needsPodman,
  needsUserOfAutomaticIds,
  needsVersion2Alone,
  Podman,
  type Who,
} from "../support/podman.ts";

type Body = (t: Test, podman: Podman) => void;

const BOTH: readonly Who[] = ["root", "rootless"];
const ROOT: readonly Who[] = ["root"];
const SLEEP = ["sleep", "1000"];

/** A case for each of them. */
function under(sentence: string, users: readonly Who[], body: Body, ...conditions: Condition[]): void {
  for (const who of users) {
    behaviour(
      `${sentence}, ${who}`,
      async (t, lab) => body(t, new Podman(lab, who)),
      needsPodman(who),
      ...conditions,
    );
  }
}

function words(text: string): string[] {
  return text.split(/\s+/);
}

under(
  "--userns=auto gives a container ids of its own",
  BOTH,
  (t, podman) => {
    const script = "cat /proc/self/uid_map; touch /mine; stat -c %u /mine; ls /run/.containerenv";
    const [first, start, , ...rest] = words(podman.run(["--userns=auto"], "sh", "-c", script));
    t.equal(first, "0");
    t.not(start, "0");
    t.strictSame(rest, ["0", "/run/.containerenv"]);
  },
  needsUserOfAutomaticIds(),
);

under("--uidmap and --gidmap are the container's maps", ROOT, (t, podman) => {
  const flags = ["--uidmap", "0:100000:5000", "--gidmap", "0:200000:5000"];
  const maps = podman.run(flags, "cat", "/proc/self/uid_map", "/proc/self/gid_map");
  t.strictSame(words(maps), ["0", "100000", "5000", "0", "200000", "5000"]);
});

under("--userns=keep-id runs as the caller", BOTH, (t, podman) => {
  t.equal(podman.run(["--userns=keep-id"], "id", "-u"), String(podman.uid));
  t.equal(podman.run(["--userns=keep-id:uid=1234,gid=1235"], "id", "-u"), "1234");
});

under("--cgroups=disabled makes no cgroup", BOTH, (t, podman) => {
  const theirs = podman.run(["--cgroups=disabled"], "cat", "/proc/self/cgroup");
  t.notMatch(theirs, /libpod/);
  podman.must("run", "--detach", "--name", "box", "--cgroups=disabled", "box", ...SLEEP);
  t.equal(podman.must("exec", "box", "echo", "hi"), "hi");
  podman.must("stop", "--time", "0", "box");
});

under(
  "--cgroups=split runs in the caller's cgroup",
  ROOT,
  (t, podman) => t.equal(podman.run(["--cgroups=split"], "echo", "hi"), "hi"),
  needsVersion2Alone(),
);

for (const flag of ["debug", "log-level=debug"]) {
  under(`--runtime-flag ${flag} holds nothing up`, BOTH, (t, podman) => {
    const { code, out, err } = podman.call("--runtime-flag", flag, "run", "--rm", "box", "echo", "hi");
    t.equal(code, 0, err);
    t.match(out, /^hi$/m);
  });
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

under("--security-opt unmask=ALL leaves nothing over /proc", BOTH, (t, podman) => {
  const count = ["sh", "-c", "grep -c ' /proc/' /proc/self/mounts; true"];
  t.not(podman.run([], ...count), "0");
  t.equal(podman.run(["--security-opt", "unmask=ALL"], ...count), "0");
});

under("--pid=container: joins another's namespace", BOTH, (t, podman) => {
  podman.must("run", "--detach", "--name", "first", "box", ...SLEEP);
  t.match(podman.run(["--pid=container:first"], "ps", "-o", "args"), /^sleep 1000$/m);
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

under("--init runs Podman's init first", BOTH, (t, podman) => {
  t.match(podman.run(["--init"], "ps", "-o", "args"), /podman-init -- ps/);
});

under("containers of a pod share its namespaces", BOTH, (t, podman) => {
  podman.must("pod", "create", "--name", "pod", "--share", "pid,ipc,uts");
  podman.must("run", "--detach", "--pod", "pod", "box", ...SLEEP);
  t.match(podman.run(["--pod", "pod"], "ps", "-o", "args"), /^sleep 1000$/m);
  podman.must("pod", "rm", "--force", "--time", "0", "pod");
});

under(
  "kube play runs a pod with hostUsers: false",
  BOTH,
  (t, podman) => {
    const file = join(podman.data("data"), "pod.yaml");
    const volumeMounts = [{ name: "data", mountPath: "/data" }];
    const image = "localhost/box:latest";
    const init = { name: "init", image, command: ["sh", "-c", "echo made >/data/file"], volumeMounts };
    const main = { name: "main", image, command: SLEEP, volumeMounts };
    const volumes = [{ name: "data", emptyDir: {} }];
    const spec = {
      hostUsers: false,
      terminationGracePeriodSeconds: 0,
      initContainers: [init],
      containers: [main],
      volumes,
    };
    writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name: "pod" }, spec }));
    podman.must("kube", "play", "--network", "none", file);
    t.equal(podman.must("exec", "pod-main", "cat", "/data/file"), "made");
    t.not(words(podman.must("exec", "pod-main", "cat", "/proc/self/uid_map"))[2], "0");
    podman.must("kube", "down", file);
  },
  needsUserOfAutomaticIds(),
);

under(
  "exec with a console enters a user namespace",
  BOTH,
  (t, podman) => {
    podman.must("run", "--detach", "--name", "box", "--userns=auto", "box", ...SLEEP);
    const said = podman.must("exec", "--tty", "box", "sh", "-c", "readlink /proc/self/fd/0; id -u");
    t.strictSame(words(said), ["/dev/pts/0", "0"]);
  },
  needsUserOfAutomaticIds(),
);

under("a toolbox has the host's namespaces but its own mounts", ROOT, (t, podman) => {
  const namespaces = ["pid", "ipc", "net", "uts"].map((name) => `--${name}=host`.replace("net", "network"));
  const volumes = ["/:/run/host:rslave", "/dev:/dev:rslave"].flatMap((volume) => ["--volume", volume]);
  const flags = ["--privileged", ...namespaces, "--userns=host", "--ulimit=host", ...volumes];
  const names = ["pid", "ipc", "net", "uts", "user", "mnt"];
  const links = names.map((name) => `/proc/self/ns/${name}`);
  const inside = podman
    .run(flags, "sh", "-c", `for n in ${links.join(" ")}; do readlink $n; done`)
    .split("\n");
  const outside = links.map((link) => readlinkSync(link));
  t.strictSame(inside.slice(0, -1), outside.slice(0, -1));
  t.not(inside.at(-1), outside.at(-1));
});

under(
  "buildah run runs a command in a working container",
  BOTH,
  (t, podman) => {
    const limits = ["--ulimit", "nofile=1000:1000", "--ulimit", "nproc=1000:1000"];
    t.equal(podman.buildah("from", ...limits, "--name", "work", "box").out, "work");
    const { code, out, err } = podman.buildah(
      ...["run", "--runtime", podman.runtime, "--network", "none", "work", "sh", "-c", "id -u; echo built"],
    );
    t.equal(code, 0, err);
    t.equal(out, "0\nbuilt");
    podman.buildah("rm", "work");
  },
  needsBuildah(),
);
