// `check`: what it says of this host, of hosts that lack something, and of bundles.

import { chownSync, existsSync, mkdirSync } from "node:fs";
import { behaviour, nothingLeft, tsrunOnly } from "../support/behaviour.ts";
import { isUnified } from "../support/cgroup.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import { type Config, mapIds } from "../support/config.ts";
import { controllerHierarchy, findProgram, kernelAtLeast } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { atTerminal, needsTerminal, seen } from "../support/terminal.ts";
import { asUser, NOBODY } from "../support/user.ts";
import { missingCalls, REPLACEABLE, without } from "../support/without.ts";

const ONLY_TSRUN = tsrunOnly("has no check command");

interface Line {
  readonly id: string;
  readonly health: "well" | "lesser" | "lacking";
  readonly found: string;
  readonly costs?: string;
  readonly mend?: string;
}

interface Report {
  readonly code: number;
  readonly passes: boolean;
  readonly lacking: readonly string[];
  readonly lines: readonly Line[];
  line(id: string): Line | undefined;
}

async function check(lab: Lab, words: readonly string[], wrapper?: readonly string[]): Promise<Report> {
  const { code, stdout, stderr } = await lab.invoke(["check", "--json", ...words], {
    cwd: "/",
    ...(wrapper === undefined ? {} : { wrapper }),
  });
  if (stderr !== "") throw new Error(stderr);
  const report = JSON.parse(stdout) as Omit<Report, "code" | "line">;
  return { ...report, code, line: (wanted) => report.lines.find(({ id }) => id === wanted) };
}

behaviour(
  "a host on which the other cases run does for root, and nothing is made",
  async (t, lab) => {
    const report = await check(lab, []);
    t.match(report, { code: 0, passes: true, lacking: [] });
    for (const { id, health, costs, mend } of report.lines) {
      if (health !== "well") t.ok(costs !== undefined && mend !== undefined, `${id} says costs and mend`);
    }
    t.match(report.line("files.proc"), { health: "well" });
    t.match(report.line("namespaces.mount"), { health: "well" });
    const ids = report.lines.map(({ id }) => id);
    t.equal(new Set(ids).size, ids.length, "no id twice");
    await nothingLeft(t, lab, "after check");
  },
  ONLY_TSRUN,
);

behaviour(
  "a kernel before Linux 5.8 can run containers, and its user may write",
  async (t, lab) => {
    const report = await check(lab, [], without("faccessat2").wrapper);
    t.match(report, { code: 0, passes: true, lacking: [] });
    t.match(report.line("kernel.faccessat2"), { health: "lesser" });
  },
  ONLY_TSRUN,
);

behaviour(
  "each call that is hidden from the run is told with its substitute, and no other",
  async (t, lab) => {
    const report = await check(lab, []);
    for (const call of REPLACEABLE) {
      const isHidden = missingCalls.some((one) => one === call);
      t.match(
        report.line(`kernel.${call}`),
        isHidden ? { health: "lesser", costs: /./ } : { health: "well" },
      );
    }
  },
  ONLY_TSRUN,
  kernelAtLeast(5, 12) ? undefined : "needs Linux 5.12",
);

behaviour(
  "a sysctl that allows no namespace is named, and how it is raised",
  async (t, lab) => {
    const script = 'echo 0 >/proc/sys/user/max_net_namespaces; exec "$@"';
    const wrapper = ["unshare", "--user", "--map-root-user", "sh", "-c", script, "sh"];
    const box = lab.container();
    const report = await check(lab, [box.bundle], wrapper);
    t.match(report, { code: 1, passes: false, lacking: ["namespaces.network"] });
    t.match(report.line("namespaces.network"), {
      found: "user.max_net_namespaces is 0",
      mend: "sysctl user.max_net_namespaces=10000",
    });
    box.config.linux.namespaces = box.config.linux.namespaces.filter(({ type }) => type !== "network");
    box.writeConfig();
    t.match(await check(lab, [box.bundle], wrapper), { code: 0 }, "a bundle that needs none");
  },
  ONLY_TSRUN,
  systemdDriver ? "in a user namespace, the systemd of an ordinary user would be asked" : undefined,
);

behaviour(
  "a bundle is asked only for what it needs",
  async (t, lab) => {
    const box = lab.container((config) => {
      config.linux.resources = { pids: { limit: 10 } };
    });
    const { lines, passes } = await check(lab, [box.bundle]);
    const ids = lines.map(({ id }) => id);
    t.ok(passes);
    t.ok(ids.includes("cgroups.pids") && !ids.includes("cgroups.memory") && !ids.includes("programs.criu"));
  },
  ONLY_TSRUN,
);

/** What `create` refuses on this host, and the line about it. */
const REFUSED: readonly {
  readonly edit: (config: Config) => void;
  readonly id: string;
  readonly says: object;
}[] = [
  {
    edit: ({ linux }) => {
      linux.resources = isUnified()
        ? { memory: { swappiness: 60 } }
        : { unified: { "memory.high": "67108864" } };
    },
    id: "cgroups.version",
    says: { found: /cgroup v[12]/, mend: /^leave (it )?out/ },
  },
  {
    edit: ({ linux }) => {
      linux.intelRdt = { closID: "none" };
    },
    id: "files.resctrl",
    says: { found: /no resctrl file system is mounted$/, mend: /^mount -t resctrl/ },
  },
  {
    edit: ({ linux }) => {
      linux.resources = { network: { classID: 5 } };
    },
    id: isUnified() ? "cgroups.version" : "cgroups.net_cls",
    says: { found: /no controller|no such limit/ },
  },
];

behaviour(
  "the verdict on a bundle is that of create: what the host cannot give is named",
  async (t, lab) => {
    for (const { edit, id, says } of REFUSED) {
      const box = lab.container(edit);
      t.equal((await box.create()).code, 1, id);
      const report = await check(lab, [box.bundle]);
      t.match(report, { code: 1, passes: false, lacking: [id] });
      t.match(report.line(id), { health: "lacking", costs: /./, ...says });
    }
    const box = lab.container((config) => {
      config.mounts.push({ destination: "/data", type: "nosuchfs", source: "none" });
    });
    const { code, line } = await check(lab, [box.bundle]);
    t.equal(code, 0, "the kernel may find a module");
    t.match(line("files.type-nosuchfs"), { health: "lesser", costs: /./, mend: /modprobe nosuchfs/ });
    t.notOk(line("files.type-tmpfs") ?? line("files.type-proc") ?? line("files.type-bind"));
    await nothingLeft(t, lab, "after check");
  },
  ONLY_TSRUN,
  existsSync("/sys/fs/resctrl/schemata") ? "this host has resctrl" : undefined,
  controllerHierarchy("net_cls") === undefined ? undefined : "this host has net_cls",
  systemdDriver ? "the cgroups are systemd's" : undefined,
);

behaviour(
  "an ordinary user without subordinate ids is told so for a bundle with many ids",
  async (t, lab) => {
    const box = lab.container((config) => mapIds(config, 100_000, 65_536));
    mkdirSync(lab.stateRoot, { mode: 0o700 });
    chownSync(lab.stateRoot, NOBODY, NOBODY);
    const report = await check(lab, [box.bundle], asUser(lab));
    t.equal(report.code, 1);
    t.ok(report.lacking.includes("ids.subuid") && report.lacking.includes("ids.subgid"));
    t.match(report.line("ids.subuid"), { found: "no range", mend: /usermod --add-subuids/ });
    t.ok((await check(lab, ["--rootless"])).line("ids.newuidmap"), "root may ask for users");
  },
  ONLY_TSRUN,
  findProgram("setpriv") === undefined ? "needs setpriv" : undefined,
);

/** What hosts lack for an ordinary user, and how a mount namespace is made into such a host. */
const LACKS: readonly {
  readonly id: string;
  readonly script: string;
  readonly says: { readonly found: RegExp; readonly mend: RegExp; readonly health?: string };
}[] = [
  {
    id: "ids.newuidmap",
    script: 'cp /usr/bin/newuidmap "$copy"; chmod 755 "$copy"; mount --bind "$copy" /usr/bin/newuidmap',
    says: { found: /neither set-user-ID nor has a capability$/, mend: /chmod u\+s \/usr\/bin\/newuidmap$/ },
  },
  {
    id: "ids.newgidmap",
    script: 'mkdir "$copy"; ln -s "$(command -v sh)" "$(command -v setpriv)" "$copy"; PATH=$copy',
    says: { found: /^missing$/, mend: /package uidmap/ },
  },
  {
    id: "ids.subuid",
    script: 'echo 65534:100000:1000 >"$copy"; mount --bind "$copy" /etc/subuid',
    says: { health: "lesser", found: /^1000 ids$/, mend: /usermod --add-subuids/ },
  },
  ...["kernel.unprivileged_userns_clone=0", "kernel.apparmor_restrict_unprivileged_userns=1"].map(
    (setting) => {
      const [name = "", value = ""] = setting.split("=");
      const file = name.replace("kernel.", "/proc/sys/kernel/");
      return {
        id: `namespaces.${name}`,
        script: `mount -t tmpfs none /proc/sys/kernel; echo ${value} >${file}`,
        says: { found: new RegExp(`^${value}$`), mend: new RegExp(`sysctl ${name}=${1 - Number(value)}$`) },
      };
    },
  ),
  {
    id: "cgroups.layout",
    script: "mount -t tmpfs none /sys/fs/cgroup; umount -l /sys/fs/cgroup/unified 2>/dev/null",
    says: { found: /./, mend: /mount -t cgroup2 cgroup2 \/sys\/fs\/cgroup/ },
  },
  {
    id: "files.state",
    script: ":",
    says: { found: /^this user may not write to \//, mend: /--root/ },
  },
];

behaviour(
  "what a host lacks for an ordinary user is named, with what mends it",
  async (t, lab) => {
    lab.container();
    for (const [number, { id, script, says }] of LACKS.entries()) {
      const setUp = `copy=${lab.folder}/lack-${number}; ${script}; exec "$@"`;
      const wrapper = ["unshare", "--mount", "sh", "-c", setUp, "sh", ...asUser(lab)];
      const line = (await check(lab, [], wrapper)).line(id);
      t.match(line, { health: "lacking", costs: /./, ...says }, id);
    }
  },
  ONLY_TSRUN,
  findProgram("newuidmap") === undefined ? "needs newuidmap (package uidmap)" : undefined,
);

behaviour(
  "at a terminal it is a table within the terminal's columns",
  async (t, lab) => {
    for (const columns of [60, 80, 200]) {
      const wrapper = [...atTerminal(), "sh", "-c", `stty cols ${columns}; exec "$@"`, "sh"];
      const { shown, code } = seen(await lab.invoke(["check"], { wrapper }));
      t.equal(code, 0);
      t.match(shown, /^Kernel\r?\n {2}ok {4}Linux: /);
      t.match(shown, /This host can run containers as root/);
      const longest = Math.max(...shown.split(/\r?\n/).map((line) => line.length));
      t.ok(longest <= Math.max(columns, 75), `${columns} columns: ${longest}`);
    }
  },
  needsTerminal(),
  ONLY_TSRUN,
);

behaviour(
  "without /proc it says so, and nothing else; create says what to do",
  async (t, lab) => {
    const wrapper = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /proc; exec "$@"', "sh"];
    const report = await check(lab, [], wrapper);
    t.match(report, { code: 1, passes: false, lacking: ["files.proc"] });
    t.equal(report.lines.length, 1);
    const box = lab.container();
    const log = `${lab.folder}/log`;
    const created = await box.create({ wrapper, globals: ["--log", log] });
    t.equal(created.code, 1);
    t.match(created.stderr, /mount -t proc proc \/proc\n$/);
    await nothingLeft(t, lab, "after the refusal");
  },
  ONLY_TSRUN,
);

behaviour(
  "a bundle that cannot be read is an error of its own",
  async (t, lab) => {
    const { code, stderr } = await lab.invoke(["check", "/nowhere"]);
    t.equal(code, 1);
    t.match(stderr, /config\.json not found in \\?"\/nowhere/);
  },
  ONLY_TSRUN,
);
