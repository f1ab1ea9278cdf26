// The eight kinds of namespace: made, joined by path, or left as the caller's; alone and together.

import { existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import {
  behaviour,
  type Condition,
  nothingLeft,
  notOfCrun,
  refused,
  runcFrom,
  tsrunOnly,
} from "../support/behaviour.ts";
import { isUnified } from "../support/cgroup.ts";
import { type Config, mapIds } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { holdNamespaces, namespaceOf } from "../support/hold.ts";
import { cgroupHierarchies } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { findLeftovers } from "../support/leftovers.ts";
import { isRunc } from "../support/runtime.ts";

interface Kind {
  /** Its name in the specification. */
  readonly type: string;
  /** Its name in /proc/PID/ns. */
  readonly name: string;
  /** The flags of unshare(1). */
  readonly flags: readonly string[];
  readonly condition?: Condition;
}

const KINDS: readonly Kind[] = [
  { type: "pid", name: "pid", flags: ["--pid"] },
  { type: "network", name: "net", flags: ["--net"] },
  { type: "ipc", name: "ipc", flags: ["--ipc"] },
  { type: "uts", name: "uts", flags: ["--uts"] },
  { type: "cgroup", name: "cgroup", flags: ["--cgroup"] },
  { type: "user", name: "user", flags: ["--user", "--map-root-user"] },
  { type: "time", name: "time", flags: ["--time"], condition: tsrunOnly("time namespaces came with 1.2") },
];

const SHOW = Container.script(
  "for n in pid net ipc uts cgroup user time mnt; do readlink /proc/self/ns/$n; done",
);

/** The base configuration with only a mount namespace, and without members that need others. */
function bare(config: Config): void {
  SHOW(config);
  config.linux.namespaces = [{ type: "mount" }];
  config.mounts = config.mounts.filter(({ type }) => type === "proc" || type === "tmpfs");
  delete config.hostname;
}

/**
 * A user namespace may mount procfs only for its own pid namespace, so this binds the caller's.
 */
function bindProc(config: Config): void {
  const rest = config.mounts.filter(({ type }) => type !== "proc");
  config.mounts = [{ destination: "/proc", type: "bind", source: "/proc", options: ["rbind"] }, ...rest];
}

async function namespacesIn(lab: Lab, edit: (config: Config) => void): Promise<Map<string, string>> {
  const box = lab.container((config) => {
    bare(config);
    edit(config);
  });
  const output = await box.live();
  const lines = output.trimEnd().split("\n");
  return new Map(lines.map((line) => [line.split(":")[0] ?? "", line]));
}

for (const { type, name, condition } of KINDS) {
  const makeOne = (config: Config) => {
    if (type === "user") {
      mapIds(config, 0, 65_536);
      bindProc(config);
    } else config.linux.namespaces.push({ type });
  };
  behaviour(
    `a ${type} namespace is made when asked for, and no other with it`,
    async (t, lab) => {
      const inside = await namespacesIn(lab, makeOne);
      for (const { name: other } of KINDS) {
        const host = namespaceOf("self", other);
        if (other === name) t.not(inside.get(other), host, `${other} is new`);
        else t.equal(inside.get(other), host, `${other} is the caller's`);
      }
    },
    condition,
  );
}

for (const { type, name, flags, condition } of KINDS) {
  behaviour(
    `a ${type} namespace is joined when a path is given`,
    async (t, lab) => {
      const pid = await holdNamespaces(lab, flags);
      const inside = await namespacesIn(lab, (config) => {
        // runc 1.1 requires the mapping even for a joined namespace.
        if (type === "user" && isRunc) mapIds(config, 0, 1);
        config.linux.namespaces = config.linux.namespaces.filter((namespace) => namespace.type !== type);
        config.linux.namespaces.push({ type, path: `/proc/${pid}/ns/${name}` });
        if (type === "user") bindProc(config);
      });
      t.equal(inside.get(name), namespaceOf(pid, name));
    },
    condition,
  );
}

/** Where the unified hierarchy of a hybrid host is mounted: without it, the host has cgroup v1 alone. */
const unified = isUnified()
  ? undefined
  : cgroupHierarchies().find(({ version }) => version === 2)?.mountpoint;

behaviour(
  "a pid namespace is joined on a host with cgroup v1 alone",
  async (t, lab) => {
    const pid = await holdNamespaces(lab, ["--pid"]);
    const box = lab.container((config) => {
      bare(config);
      config.linux.namespaces.push({ type: "pid", path: `/proc/${pid}/ns/pid` });
    });
    const hide = 'umount -l "$0" && exec "$@"';
    const wrapper = ["unshare", "--mount", "--propagation", "private", "sh", "-c", hide, unified ?? ""];
    const { stdout } = mustSucceed(await box.run({ wrapper }));
    t.ok(stdout.includes(namespaceOf(pid, "pid")), stdout);
    mustSucceed(await box.delete({ flags: ["--force"], wrapper }));
    await nothingLeft(t, lab, "after delete");
  },
  unified === undefined ? "this host has no cgroup v1, or that alone" : undefined,
);

behaviour("all kinds at once, some joined and some made", async (t, lab) => {
  const pid = await holdNamespaces(lab, ["--net", "--ipc"]);
  const inside = await namespacesIn(lab, (config) => {
    config.linux.namespaces.push({ type: "pid" }, { type: "uts" }, { type: "cgroup" });
    config.linux.namespaces.push({ type: "network", path: `/proc/${pid}/ns/net` });
    config.linux.namespaces.unshift({ type: "ipc", path: `/proc/${pid}/ns/ipc` });
  });
  for (const name of ["net", "ipc"]) t.equal(inside.get(name), namespaceOf(pid, name), `${name} is joined`);
  for (const name of ["pid", "uts", "cgroup", "mnt"]) {
    t.not(inside.get(name), namespaceOf("self", name), `${name} is new`);
  }
});

behaviour("a container joins the namespaces of another container", async (t, lab) => {
  const first = lab.container(Container.script("exec sleep 1000"));
  mustSucceed(await first.create());
  mustSucceed(await first.start());
  const { pid } = await first.stateDocument();
  const inside = await namespacesIn(lab, (config) => {
    for (const { type, name } of KINDS.slice(0, 4)) {
      config.linux.namespaces.push({ type, path: `/proc/${pid}/ns/${name}` });
    }
  });
  for (const { name } of KINDS.slice(0, 4)) t.equal(inside.get(name), namespaceOf(pid, name));
});

behaviour("a user namespace maps root to an unprivileged id of the host", async (t, lab) => {
  const script = "cat /proc/self/uid_map /proc/self/gid_map; id -u; touch /tmp/mine; stat -c %u:%g /tmp/mine";
  const box = lab.container(Container.script(script));
  mapIds(box.config, 100_000, 65_536);
  box.writeConfig();
  mustSucceed(await box.create());
  const { pid } = await box.stateDocument();
  t.equal(statSync(`/proc/${pid}`).uid, 100_000, "on the host it is an ordinary process");
  mustSucceed(await box.start());
  await box.waitForStatus("stopped");
  const map = ["0", "100000", "65536"];
  const [uidMap = "", gidMap = "", ...rest] = box.output().trimEnd().split("\n");
  t.strictSame(
    [uidMap, gidMap].map((line) => line.trim().split(/ +/)),
    [map, map],
  );
  t.strictSame(rest, ["0", "0:0"]);
  const file = statSync(join(box.rootfs, "tmp/mine"));
  t.strictSame([file.uid, file.gid], [100_000, 100_000]);
  mustSucceed(await box.delete());
  await nothingLeft(t, lab, "after delete");
});

behaviour("a user other than root runs in a mapped container", async (t, lab) => {
  const box = lab.container(Container.script("id -u; id -g; cat /proc/self/setgroups"));
  mapIds(box.config, 100_000, 65_536);
  box.config.process.user = { uid: 1000, gid: 1000, additionalGids: [10] };
  box.writeConfig();
  t.equal(await box.live(), "1000\n1000\nallow\n");
});

behaviour("a mapped container has its default devices and its own mounts", async (t, lab) => {
  const box = lab.container(
    Container.script("echo x > /dev/null && head -c 4 /dev/zero | wc -c; ls /proc/1/ns | wc -l"),
  );
  mapIds(box.config, 100_000, 65_536);
  box.writeConfig();
  t.match(await box.live(), /^4\n\d+\n$/);
});

behaviour("ids that are not mapped are refused", async (t, lab) => {
  const box = lab.container();
  mapIds(box.config, 100_000, 10);
  box.config.process.user = { uid: 1000, gid: 0 };
  box.writeConfig();
  refused(t, await box.create(), /1000/);
  await nothingLeft(t, lab, "after the failure");
});

behaviour(
  "time offsets set the clocks of the container",
  async (t, lab) => {
    const box = lab.container(Container.script("cat /proc/self/timens_offsets; cat /proc/uptime"));
    box.config.linux.namespaces.push({ type: "time" });
    box.config.linux.timeOffsets = { monotonic: { secs: 7200, nanosecs: 5 }, boottime: { secs: 864_000 } };
    box.writeConfig();
    const [monotonic = "", boottime = "", uptime = ""] = (await box.live()).split("\n");
    t.strictSame(monotonic.split(/ +/), ["monotonic", "7200", "5"]);
    t.strictSame(boottime.split(/ +/), ["boottime", "864000", "0"]);
    t.ok(Number.parseFloat(uptime) > 864_000, "the uptime is ten days more");
  },
  tsrunOnly("time namespaces came with 1.2"),
);

behaviour("sysctl values are set in the namespace that holds them", async (t, lab) => {
  const files =
    "net/ipv4/ip_forward net/core/somaxconn kernel/msgmax fs/mqueue/msg_max kernel/shm_rmid_forced";
  const box = lab.container(Container.script(`cd /proc/sys; cat ${files}`));
  box.config.linux.sysctl = {
    "net.ipv4.ip_forward": "1",
    "net/core/somaxconn": "999",
    "kernel.msgmax": "4242",
    "fs.mqueue.msg_max": "17",
    "kernel.shm_rmid_forced": "1",
  };
  box.writeConfig();
  t.equal(await box.live(), "1\n999\n4242\n17\n1\n");
});

behaviour(
  "user.* sysctls are those of the container's user namespace",
  async (t, lab) => {
    const file = "/proc/sys/user/max_net_namespaces";
    const before = readFileSync(file, "utf8");
    const box = lab.container(Container.script(`cat ${file}`));
    mapIds(box.config, 100_000, 65_536);
    box.config.linux.sysctl = { "user.max_net_namespaces": "7" };
    box.writeConfig();
    t.equal(await box.live(), "7\n");
    t.equal(readFileSync(file, "utf8"), before, "the host has what it had");
    await nothingLeft(t, lab, "after delete");
  },
  runcFrom("1.4.0", "it refuses them"),
  notOfCrun("it refuses them"),
);

behaviour("a sysctl without the namespace that would hold it is refused", async (t, lab) => {
  for (const [key, type] of [
    ["net.ipv4.ip_forward", "network"],
    ["kernel.msgmax", "ipc"],
    ["kernel.domainname", "uts"],
    ["user.max_net_namespaces", "none"],
    ["vm.swappiness", "none"],
  ] as const) {
    const box = lab.container();
    box.config.linux.namespaces = box.config.linux.namespaces.filter((namespace) => namespace.type !== type);
    if (type === "uts") delete box.config.hostname;
    box.config.linux.sysctl = { [key]: "1" };
    box.writeConfig();
    refused(t, await box.create(), new RegExp(`sysctl "?${key.replaceAll(".", "\\.")}"?`));
    await nothingLeft(t, lab, `after the refusal of ${key}`);
  }
});

behaviour(
  "a network sysctl is refused where the path of the namespace leads to the caller's own",
  async (t, lab) => {
    const file = "/proc/sys/net/ipv4/ip_default_ttl";
    const before = readFileSync(file, "utf8");
    const box = lab.container();
    box.config.linux.namespaces = box.config.linux.namespaces.filter(({ type }) => type !== "network");
    box.config.linux.namespaces.push({ type: "network", path: "/proc/self/ns/net" });
    box.config.linux.sysctl = { "net.ipv4.ip_default_ttl": "63" };
    box.writeConfig();
    refused(
      t,
      await box.create(),
      /sysctl "?net\.ipv4\.ip_default_ttl"? not allowed in host network namespace/,
    );
    t.equal(readFileSync(file, "utf8"), before, "the host has what it had");
    await nothingLeft(t, lab, "after the refusal");
  },
  notOfCrun("it changes the host's"),
);

behaviour("a namespace path that is missing, or of another kind, is refused", async (t, lab) => {
  for (const path of ["/nowhere/net", "/proc/self/ns/uts", "/etc/passwd"]) {
    const box = lab.container();
    box.config.linux.namespaces = [{ type: "mount" }, { type: "network", path }];
    delete box.config.hostname;
    box.config.mounts = [];
    box.writeConfig();
    refused(t, await box.create(), new RegExp(path));
    await nothingLeft(t, lab, `after the refusal of ${path}`);
  }
});

behaviour("mounts of the container are not seen on the host", async (t, lab) => {
  const box = lab.container(Container.script("mkdir /tmp/m; exec sleep 1000"));
  box.config.mounts.push({ destination: "/run", type: "tmpfs", source: "tmpfs" });
  box.writeConfig();
  mustSucceed(await box.create());
  mkdirSync(join(box.rootfs, "run/host"));
  const { pid } = await box.stateDocument();
  t.notOk(existsSync(`/proc/${pid}/root/run/host`), "the tmpfs covers the folder inside only");
  t.notOk(
    findLeftovers(lab.traces).some((line) => line.startsWith("mount")),
    "no mount on the host",
  );
});

behaviour("id maps without a user namespace are ignored", async (t, lab) => {
  const box = lab.container((config) => {
    Container.script("cat /proc/self/uid_map")(config);
    config.linux.uidMappings = [{ containerID: 0, hostID: 0, size: 1 }];
    config.linux.gidMappings = [{ containerID: 0, hostID: 0, size: 1 }];
  });
  t.match(await box.live(), /^ +0 +0 +4294967295\n$/);
  await nothingLeft(t, lab, "after delete");
});

behaviour(
  "the sysctl kernel.domainname wins over the domain name",
  async (t, lab) => {
    const box = lab.container((config) => {
      Container.script("cat /proc/sys/kernel/domainname")(config);
      config.domainname = "a.example";
      config.linux.sysctl = { "kernel.domainname": "b.example" };
    });
    t.equal(await box.live(), "b.example\n");
    await nothingLeft(t, lab, "after delete");
  },
  notOfCrun("it refuses both together"),
);

behaviour(
  "state tells the path of the root without dots",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.root.path = "x/.././rootfs/";
    });
    mustSucceed(await box.create());
    t.equal((await box.stateDocument()).rootfs, box.rootfs);
    mustSucceed(await box.delete());
    await nothingLeft(t, lab, "after delete");
  },
  notOfCrun("it tells the path as written, and finds no missing directory before dots"),
);
