// A namespace that the configuration joins by its path is the caller's own: what the container gets in it,
// the host would get. In each case new namespaces represent the host's, so that nothing of the machine is
// touched.

import { behaviour, nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import type { Config } from "../support/config.ts";
import { Container } from "../support/container.ts";
import { holdNamespaces } from "../support/hold.ts";

const ONLY_TSRUN = tsrunOnly("it changes the host's");

const CHANGED = 98;

/**
 * Runs the runtime where everything is of its own, beside a process that the configuration may name. Fails
 * with `CHANGED` if what the command tells of this host is not the same afterwards.
 */
function onHost(box: Container, told: string): { wrapper: string[] } {
  const script = `hostname its-host && echo its-domain >/proc/sys/kernel/domainname || exit 99
    before="$(${told})" && sed -i "s/BESIDE/$$/" "$0/config.json" || exit 99
    "$@"; code=$?; test "$before" = "$(${told})" || exit ${CHANGED}; exit $code`;
  const apart = ["unshare", "--mount", "--uts", "--ipc", "--net", "--propagation", "private"];
  return { wrapper: [...apart, "sh", "-c", script, box.bundle] };
}

const NAMES = "cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname";

function joining(type: string, path: string, change: (config: Config) => void): (config: Config) => void {
  return (config) => {
    Container.script("echo ran")(config);
    config.linux.namespaces = [
      ...config.linux.namespaces.filter((namespace) => namespace.type !== type),
      { type, path },
    ];
    if (type === "uts") delete config.hostname;
    change(config);
  };
}

function nothing(): void {
  // Only joins.
}

behaviour(
  "a container does not join the mount namespace of the caller, which would get its root",
  async (t, lab) => {
    for (const path of ["/proc/self/ns/mnt", "/proc/BESIDE/ns/mnt", "/proc/thread-self/ns/mnt"]) {
      for (const flags of [[], ["--no-pivot"]]) {
        const box = lab.container(joining("mount", path, nothing));
        const { wrapper } = onHost(box, "cat /proc/self/mountinfo && ls -di /");
        const where = `${path} ${flags}`;
        const line =
          /the mount namespace of \/linux\/namespaces\/\d: "\/proc\/[^"]*" is tsrun's own.*leave the/;
        refused(t, await box.run({ wrapper, flags }), line);
        await nothingLeft(t, lab, `after ${where}`);
        box.writeConfig();
        const restored = ["restore", "--bundle", box.bundle, "--image-path", lab.folder, ...flags, box.id];
        refused(t, await lab.invoke(restored, { wrapper }), line);
        await nothingLeft(t, lab, `after a restore, ${where}`);
      }
    }
  },
  ONLY_TSRUN,
);

/** What a configuration may set, the namespace in which it does, and how the host tells of it. */
const SETTINGS: readonly (readonly [
  type: string,
  proc: string,
  set: (config: Config) => void,
  told: string,
  line: RegExp,
])[] = [
  ["uts", "uts", (config) => Object.assign(config, { hostname: "box" }), NAMES, /unable to set hostname/],
  ["uts", "uts", (config) => Object.assign(config, { domainname: "box" }), NAMES, /unable to set domainname/],
  ["uts", "uts", sysctl("kernel.domainname", "box"), NAMES, /sysctl "kernel\.domainname" is not in a sep/],
  ["ipc", "ipc", sysctl("kernel.msgmax", "9999"), "cat /proc/sys/kernel/msgmax", /"kernel\.msgmax" is not/],
  [
    "ipc",
    "ipc",
    sysctl("fs/mqueue/msg_max", "11"),
    "cat /proc/sys/fs/mqueue/msg_max",
    /"fs\/mqueue\/msg_max" is not allowed in the hosts ipc namespace/,
  ],
  [
    "network",
    "net",
    (config) => Object.assign(config.linux, { netDevices: { lo: { name: "box" } } }),
    "cat /proc/net/dev",
    /unable to move network devices/,
  ],
];

function sysctl(name: string, value: string): (config: Config) => void {
  return ({ linux }) => {
    linux.sysctl = { [name]: value };
  };
}

behaviour(
  "what a container may set in namespaces of its own is refused in those of the caller",
  async (t, lab) => {
    for (const [type, proc, change, told, line] of SETTINGS) {
      for (const of of ["self", "BESIDE"]) {
        const box = lab.container(joining(type, `/proc/${of}/ns/${proc}`, change));
        const result = await box.run(onHost(box, told));
        refused(t, result, line);
        refused(
          t,
          result,
          /\/linux\/namespaces\/\d joins "\/proc.*", which is tsrun's own: leave its path out/,
        );
        await nothingLeft(t, lab, `after the refusal, ${line}`);
      }
    }
  },
  ONLY_TSRUN,
);

behaviour("in namespaces of somebody else all of it is set", async (t, lab) => {
  const pid = await holdNamespaces(lab, ["--uts", "--ipc"]);
  const box = lab.container((config) => {
    const shown = "hostname; cat /proc/sys/kernel/domainname /proc/sys/kernel/msgmax";
    joining("uts", `/proc/${pid}/ns/uts`, nothing)(config);
    joining("ipc", `/proc/${pid}/ns/ipc`, Container.script(shown))(config);
    Object.assign(config, { hostname: "box", domainname: "its-domain" });
    config.linux.sysctl = { "kernel.msgmax": "9999" };
  });
  const { code, stdout, stderr } = await box.run(onHost(box, `${NAMES} /proc/sys/kernel/msgmax`));
  t.strictSame([code, stdout], [0, "box\nits-domain\n9999\n"], stderr);
  await nothingLeft(t, lab, "after run");
});

behaviour("those of the caller may be joined if nothing of them changes", async (t, lab) => {
  for (const [type, proc] of [
    ["uts", "uts"],
    ["ipc", "ipc"],
    ["network", "net"],
    ["cgroup", "cgroup"],
  ] as const) {
    const box = lab.container(joining(type, `/proc/self/ns/${proc}`, nothing));
    const { code, stdout, stderr } = await box.run(onHost(box, NAMES));
    t.strictSame([code, stdout], [0, "ran\n"], stderr);
  }
  const box = lab.container(
    joining("uts", "/proc/self/ns/uts", (config) =>
      Object.assign(config, { hostname: "its-host", domainname: "its-domain" }),
    ),
  );
  const { code, stdout, stderr } = await box.run(onHost(box, NAMES));
  t.strictSame([code, stdout], [0, "ran\n"], `with the host's names: ${stderr}`);
  await nothingLeft(t, lab, "after run");
});

behaviour(
  "validate reports each of them, in its place",
  async (t, lab) => {
    const box = lab.container(({ linux }) => {
      linux.namespaces = ["mnt", "uts", "ipc"].map((proc) => ({
        type: proc === "mnt" ? "mount" : proc,
        path: `/proc/self/ns/${proc}`,
      }));
      linux.sysctl = { "kernel.msgmax": "9999", "kernel.domainname": "box" };
    });
    const { code, stdout } = await lab.invoke(["validate", "--json", box.bundle]);
    t.equal(code, 1);
    const { faults } = JSON.parse(stdout) as { faults: { pointer: string }[] };
    t.strictSame(faults.map(({ pointer }) => pointer).sort(), [
      "/hostname",
      "/linux/namespaces/0/path",
      "/linux/sysctl/kernel.domainname",
      "/linux/sysctl/kernel.msgmax",
    ]);
    await nothingLeft(t, lab, "after looking");
  },
  ONLY_TSRUN,
);
