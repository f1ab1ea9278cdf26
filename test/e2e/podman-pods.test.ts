// The runtime under Podman and Buildah, as root and as an ordinary user: pods, consoles, toolboxes,
// checkpoints, builds.

import { readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { notOfCrun } from "../support/behaviour.ts";
import { needsCriu } from "../support/criu.ts";
import { needsBuildah, needsCatatonit } from "../support/podman.ts";
import { BOTH, FINDS_SLEEP, ROOT, SLEEP, under, words } from "../support/podman-cases.ts";

under(
  "containers of a pod share its namespaces",
  BOTH,
  (t, podman) => {
    podman.must("pod", "create", "--name", "pod", "--share", "pid,ipc,uts");
    podman.must("run", "--detach", "--pod", "pod", "box", ...SLEEP);
    t.equal(podman.run(["--pod", "pod"], "sh", "-c", FINDS_SLEEP), "found");
    podman.remove("pod", "rm", "--force", "--time", "0", "pod");
  },
  needsCatatonit(),
);

under(
  "kube play runs a pod with hostUsers: false",
  BOTH,
  (t, podman) => {
    const file = join(podman.data("data"), "pod.yaml");
    const volumeMounts = [{ name: "data", mountPath: "/data" }];
    const image = "localhost/box:latest";
    const init = { name: "init", image, command: ["/bin/sh", "-c", "echo made >>/data/file"], volumeMounts };
    const ends = ["/bin/sh", "-c", "trap 'exit 0' TERM; sleep 1000 & wait"];
    const main = { name: "main", image, command: ends, volumeMounts };
    const volumes = [{ name: "data", emptyDir: {} }];
    // Podman before 4.6 applies the pod's policy, which is "Always" by default, to init containers too: it
    // then runs this one some hundred times, also beside the other, and each time the file is empty for a
    // moment.
    const restartPolicy = "Never";
    const spec = { hostUsers: false, restartPolicy, initContainers: [init], containers: [main], volumes };
    writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name: "pod" }, spec }));
    podman.must("kube", "play", "--network", "none", file);
    t.equal(podman.must("exec", "pod-main", "cat", "/data/file"), "made");
    t.not(words(podman.must("exec", "pod-main", "cat", "/proc/self/uid_map"))[1], "0");
    podman.remove("kube", "down", file);
  },
  needsCatatonit(),
);

under("exec with a console enters a user namespace", BOTH, (t, podman) => {
  podman.must("run", "--detach", "--name", "box", "--userns=auto", "box", ...SLEEP);
  const said = podman.must("exec", "--tty", "box", "sh", "-c", "readlink /proc/self/fd/0; id -u");
  t.strictSame(words(said), ["/dev/pts/0", "0"]);
});

under("a toolbox has the host's namespaces but its own mounts and its user's own id", BOTH, (t, podman) => {
  const namespaces = ["pid", "ipc", "network", "uts", "cgroupns"].map((name) => `--${name}=host`);
  const users = podman.uid === 0 ? "--userns=host" : "--userns=keep-id";
  const mounts = ["--volume", "/:/run/host:rslave", "--volume", "/dev:/dev:rslave"];
  const terminals = ["--mount", "type=devpts,destination=/dev/pts"];
  const flags = [
    "--privileged",
    ...namespaces,
    users,
    "--ulimit=host",
    "--no-hosts",
    ...mounts,
    ...terminals,
  ];
  podman.must("run", "--detach", "--name", "toolbox", ...flags, "--user", "root:root", "box", ...SLEEP);
  const kinds = ["pid", "ipc", "net", "uts", "cgroup", ...(podman.uid === 0 ? ["user"] : []), "mnt"];
  const links = kinds.map((kind) => `/proc/self/ns/${kind}`);
  const read = `for link in ${links.join(" ")}; do readlink $link; done`;
  const inside = words(podman.must("exec", "toolbox", "sh", "-c", read));
  const outside = links.map((link) => readlinkSync(link));
  t.strictSame(inside.slice(0, -1), outside.slice(0, -1));
  t.not(inside.at(-1), outside.at(-1));
  const said = podman.must(
    "exec",
    "--user",
    String(podman.uid),
    "toolbox",
    "sh",
    "-c",
    "id -u; ls /run/host",
  );
  t.equal(words(said)[0], String(podman.uid));
  t.match(said, /^proc$/m);
});

// Podman refuses a checkpoint to a user before it asks the runtime, since criu needs root's capabilities.
under(
  "a checkpoint ends a container, and restore lets it go on",
  ROOT,
  (t, podman) => {
    const script = "i=0; while :; do i=$((i + 1)); echo $i >/new; mv /new /count; sleep 0.1; done";
    podman.must("run", "--detach", "--name", "box", "box", "sh", "-c", script);
    const count = () => Number(podman.must("exec", "box", "sh", "-c", "until cat /count; do :; done"));
    const status = () => podman.must("inspect", "--format", "{{.State.Status}}", "box");
    const before = count();
    podman.must("container", "checkpoint", "box");
    t.equal(status(), "exited");
    podman.must("container", "restore", "box");
    t.equal(status(), "running");
    t.ok(before > 0 && count() >= before, "and not from its beginning");
  },
  needsCriu(),
  notOfCrun("it leaves the cgroup of a container that was restored"),
);

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
