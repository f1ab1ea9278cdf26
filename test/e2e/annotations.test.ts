// crun's annotations, `run.oci.*`, which Podman and CRI-O send: the effect of each, refusals and warnings.
// Those of hooks and of seccomp have their own files. CONTRACT: crun(1), "Extensions to OCI"; the cases pass
// on crun 1.28 where that sees cgroup v1 or v2 alone.

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import {
  behaviour,
  crunFrom,
  needsKernel,
  nothingLeft,
  notOfRunc,
  refused,
  tsrunOnly,
} from "../support/behaviour.ts";
import { systemdDriver } from "../support/cgroup-driver.ts";
import { annotated, type Config, mapIds } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { needsCall } from "../support/without.ts";

const ANNOTATIONS = notOfRunc("has no annotations of crun's");

/** A program for seccomp(2) of one instruction, `BPF_RET | BPF_K` with SECCOMP_RET_ALLOW. */
const LETS_ALL_THROUGH = "BgAAAAAA/38=";

const GROUPS = Container.script("grep Groups: /proc/self/status");

function withGroups(groups: string): { wrapper: readonly string[] } {
  return { wrapper: ["setpriv", `--groups=${groups}`] };
}

/** `Groups:` of a status file, as numbers. */
function groupsIn(text: string): number[] {
  const [, listed = ""] = /^Groups:\s*(.*)$/m.exec(text) ?? [];
  return listed.split(" ").filter(Boolean).map(Number);
}

behaviour(
  "keep_original_groups leaves the caller's groups alone, in exec too",
  async (t, lab) => {
    const kept = lab.container(annotated({ "run.oci.keep_original_groups": "1" }, GROUPS));
    kept.config.process.user.additionalGids = [55];
    kept.writeConfig();
    t.strictSame(groupsIn(await kept.live(withGroups("7,8"))), [7, 8]);

    const box = lab.container(annotated({ "run.oci.keep_original_groups": "1" }));
    box.config.process.args = ["sleep", "1000"];
    box.writeConfig();
    mustSucceed(await box.run({ flags: ["--detach"], ...withGroups("7,8") }));
    const status = await lab.invoke(["exec", box.id, "cat", "/proc/self/status"], withGroups("9"));
    t.strictSame(groupsIn(mustSucceed(status).stdout), [9]);
  },
  ANNOTATIONS,
);

behaviour(
  'without it, or with "0", the groups are those of the configuration',
  async (t, lab) => {
    for (const annotations of [{}, { "run.oci.keep_original_groups": "0" }]) {
      const box = lab.container(annotated(annotations, GROUPS));
      box.config.process.user.additionalGids = [55];
      box.writeConfig();
      t.strictSame(groupsIn(await box.live(withGroups("7,8"))), [55]);
    }
  },
  crunFrom("1.9", 'takes "0" for a yes'),
);

behaviour(
  "keep_original_groups in a user namespace: those that are mapped have their number there",
  async (t, lab) => {
    const box = lab.container(
      annotated({ "run.oci.keep_original_groups": "1" }, (config) => {
        GROUPS(config);
        mapIds(config, 100_000, 1000);
      }),
    );
    t.strictSame(
      groupsIn(await box.live(withGroups("100005,7"))).sort((a, b) => a - b),
      [5, 65_534],
    );
  },
  ANNOTATIONS,
);

const V2 = existsSync("/sys/fs/cgroup/cgroup.controllers");

/** A call that sees a host with only cgroup v2; the controllers may be in v1. */
const ON_V2 = {
  wrapper: [
    "unshare",
    "--mount",
    "sh",
    "-c",
    'umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$@"',
    "sh",
  ],
};

function divided(annotations: Record<string, string>): (config: Config) => void {
  return annotated(annotations, (config) => {
    config.process.args = ["sleep", "1000"];
    config.linux.namespaces.push({ type: "cgroup" });
    mapIds(config, 100_000, 1000);
    config.mounts = config.mounts.filter(({ type }) => type !== "cgroup");
    // None has a controller here.
    delete config.linux.resources;
  });
}

for (const [given, inside] of [
  ["payload", "/payload"],
  ["/a/b", "/a/b"],
] as const) {
  behaviour(
    `delegate-cgroup ${given}: the container begins below its cgroup, and exec goes there`,
    async (t, lab) => {
      const box = lab.container(divided({ "run.oci.delegate-cgroup": given }));
      mustSucceed(await box.run({ flags: ["--detach"], ...ON_V2 }));
      const own = async (pid: string): Promise<string> => {
        const seen = await lab.invoke(["exec", box.id, "cat", `/proc/${pid}/cgroup`], ON_V2);
        return (
          mustSucceed(seen)
            .stdout.trim()
            .split("\n")
            .find((line) => line.startsWith("0::")) ?? ""
        );
      };
      t.equal(await own("1"), `0::${inside}`, "of the first process");
      t.equal(await own("self"), `0::${inside}`, "of one of exec");
      const { pid } = JSON.parse(mustSucceed(await box.state(ON_V2)).stdout) as { pid: number };
      const host = /^0::(.*)$/m.exec(readFileSync(`/proc/${pid}/cgroup`, "utf8"))?.[1] ?? "";
      const unit = systemdDriver ? ".scope" : "";
      t.ok(host.endsWith(`${box.id}${unit}${inside}`), host);
      const files = ["", "/cgroup.procs", "/cgroup.subtree_control"].map(
        (file) => `/sys/fs/cgroup${host}${file}`,
      );
      const [command, ...words] = [...ON_V2.wrapper, "stat", "--format=%u", ...files];
      const owners = execFileSync(command ?? "", words, { encoding: "utf8" });
      t.equal(owners, "100000\n".repeat(files.length), "whose the directory and its files are");
      mustSucceed(await box.delete({ flags: ["--force"], ...ON_V2 }));
      await nothingLeft(t, lab, "after delete");
    },
    ANNOTATIONS,
    crunFrom("1.9", "exec goes to the cgroup above"),
    needsKernel(5, 7, "a process that is born into a cgroup"),
  );
}

behaviour(
  "delegate-cgroup on cgroup v1 is refused",
  async (t, lab) => {
    const box = lab.container(annotated({ "run.oci.delegate-cgroup": "payload" }));
    const line = /cannot do what \/annotations\/run\.oci\.delegate-cgroup asks for: it needs cgroup v2/;
    refused(t, await box.create(), line);
    await nothingLeft(t, lab, "after create");
  },
  ANNOTATIONS,
  V2 ? "this host has cgroup v2" : undefined,
);

behaviour(
  "a subgroup of systemd's unit is none where no systemd makes the cgroup",
  async (t, lab) => {
    const box = lab.container(
      annotated({ "run.oci.systemd.subgroup": "part" }, Container.script("cat /proc/self/cgroup")),
    );
    t.notMatch(await box.live(), /\/part$/m);
  },
  ANNOTATIONS,
  systemdDriver ? "systemd makes it" : undefined,
);

behaviour(
  "in a subgroup of systemd's unit are the container, what is executed in it, and its limits",
  async (t, lab) => {
    const box = lab.container(annotated({ "run.oci.systemd.subgroup": "part/of" }));
    box.config.process.args = ["sleep", "1000"];
    box.config.linux.resources = { ...box.config.linux.resources, pids: { limit: 77 } };
    box.writeConfig();
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const { pid } = await box.stateDocument();
    const cgroupOf = (process: number | string): string =>
      /^0::(.*)$/m.exec(readFileSync(`/proc/${process}/cgroup`, "utf8"))?.[1] ?? "";
    const group = cgroupOf(pid);
    t.ok(group.endsWith(`-${box.id}.scope/part/of`), group);
    t.equal(readFileSync(`/sys/fs/cgroup${group}/pids.max`, "utf8"), "77\n");
    const seen = await lab.invoke([
      "exec",
      "--detach",
      "--pid-file",
      join(lab.folder, "pid"),
      box.id,
      "sleep",
      "1000",
    ]);
    mustSucceed(seen);
    t.equal(cgroupOf(readFileSync(join(lab.folder, "pid"), "utf8")), group);
    const listed = JSON.parse(mustSucceed(await lab.invoke(["ps", "--format", "json", box.id])).stdout);
    t.equal(listed.length, 2);
    mustSucceed(await lab.invoke(["update", "--pids-limit", "78", box.id]));
    t.equal(readFileSync(`/sys/fs/cgroup${group}/pids.max`, "utf8"), "78\n");
    mustSucceed(await lab.invoke(["pause", box.id]));
    mustSucceed(await lab.invoke(["resume", box.id]));
    mustSucceed(await box.delete({ flags: ["--force"] }));
    await nothingLeft(t, lab, "after delete");
  },
  ANNOTATIONS,
  systemdDriver && V2 ? undefined : "needs systemd as the cgroup driver, on cgroup v2: make test-vm",
);

behaviour(
  "pidfd_receiver gets a descriptor of the first process",
  async (t, lab) => {
    const path = join(lab.folder, "pidfd.sock");
    let words = "";
    // Node drops the descriptor; the byte that came with it is crun's.
    const server = createServer((peer) => peer.setEncoding("utf8").on("data", (text) => (words += text)));
    await once(server.listen(path), "listening");
    const box = lab.container(annotated({ "run.oci.pidfd_receiver": path }));
    mustSucceed(await box.create());
    await new Promise((closed) => server.close(closed));
    t.equal(words, " ");
  },
  ANNOTATIONS,
  crunFrom("1.9", "does not know it"),
  needsCall("pidfd_open", "a pidfd"),
);

behaviour(
  "pidfd_receiver where nobody listens ends the creation",
  async (t, lab) => {
    const box = lab.container(annotated({ "run.oci.pidfd_receiver": join(lab.folder, "nobody") }));
    const line = /cannot connect to ".*\/nobody" of \/annotations\/run\.oci\.pidfd_receiver: no such file/;
    refused(t, await box.create(), line);
    await nothingLeft(t, lab, "after create");
  },
  ANNOTATIONS,
  crunFrom("1.9", "does not know it"),
);

const WRONG: readonly (readonly [name: string, value: string, reason: RegExp])[] = [
  ["keep_original_groups", "false", /must be "1" or "0", is "false"/],
  ["seccomp_fail_unknown_syscall", "", /must be "1" or "0", is ""/],
  ["hooks.stdout", "log", /must be an absolute path, is "log"/],
  ["hooks.stderr", "/a\0b", /must not contain a NUL character/],
  ["seccomp.receiver", "agent.sock", /must be an absolute path, is "agent.sock"/],
  ["pidfd_receiver", "", /must be an absolute path, is ""/],
  [
    "mount_context_type",
    "fscontxt",
    /must be one of context, fscontext, defcontext, rootcontext, is "fscontxt"/,
  ],
  ["systemd.subgroup", "../up", /must not hold "\." or "\.\.", is "\.\.\/up"/],
  ["delegate-cgroup", "a/../b", /must not hold "\." or "\.\.", is "a\/\.\.\/b"/],
  ["delegate-cgroup", `a/${"x".repeat(256)}`, /must have names of up to 255 bytes/],
  ["seccomp_bpf_data", "@@@@", /must be a program for seccomp\(2\), as base64/],
  ["seccomp_bpf_data", "", /must be a program for seccomp\(2\), as base64/],
  ["seccomp_bpf_data", "AAAA", /must consist of whole instructions of 8 bytes, has 3 bytes/],
  ["seccomp_bpf_data", "A".repeat(44_000), /must have at most 4096 instructions/],
  ["systemd.force_cgroup_v1", "/sys/fs/cgroup", /mounts no hierarchy of cgroup v1/],
  ["seccomp.plugins", "/lib/x.so", /loads no plugins/],
  ["handler", "krun", /has no handlers/],
];

behaviour(
  "a value that means nothing is one line with its pointer, and nothing is made",
  async (t, lab) => {
    for (const [name, value, reason] of WRONG) {
      const box = lab.container(annotated({ [`run.oci.${name}`]: value }));
      const result = await box.create();
      refused(t, result, reason);
      t.match(result.stderr, `/annotations/run.oci.${name}`, "the pointer");
      const verdict = await lab.invoke(["validate", "--json", "--bundle", box.bundle]);
      t.equal(verdict.code, 1);
      t.match(JSON.parse(verdict.stdout), { faults: [{ pointer: `/annotations/run.oci.${name}`, reason }] });
    }
    await nothingLeft(t, lab, "after all of them");
  },
  tsrunOnly("takes some of these, and has other words for the rest"),
);

behaviour(
  "an annotation that crun does not have is told, and does nothing",
  async (t, lab) => {
    const unknown = "run.oci.keep_orignal_groups";
    const box = lab.container(
      annotated({ [unknown]: "1", "org.example": "x" }, Container.script("echo ran")),
    );
    const result = mustSucceed(await box.create());
    t.match(
      result.stderr,
      new RegExp(`level=warning .*/annotations/${unknown}: .*did you mean .*keep_original`),
    );
    t.equal(result.stderr.trim().split("\n").length, 1, "one line");
    const verdict = mustSucceed(await lab.invoke(["validate", "--json", "--bundle", box.bundle]));
    t.match(JSON.parse(verdict.stdout), { faults: [], warnings: [{ pointer: `/annotations/${unknown}` }] });
    const explained = mustSucceed(await lab.invoke(["explain", "--bundle", box.bundle]));
    t.match(explained.stdout, `/annotations/${unknown}`);
  },
  tsrunOnly("ignores it in silence"),
);

behaviour(
  "a handler of a pod's sandbox is nobody's: that runs as a process",
  async (t, lab) => {
    const sandbox = { "run.oci.handler": "krun", "io.kubernetes.cri.container-type": "sandbox" };
    t.equal(await lab.container(annotated(sandbox, Container.script("echo ran"))).live(), "ran\n");
  },
  ANNOTATIONS,
);

behaviour(
  "explain tells what annotations change",
  async (t, lab) => {
    const box = lab.container(
      annotated({
        "run.oci.keep_original_groups": "1",
        "run.oci.hooks.stdout": "/var/log/hooks",
        "run.oci.pidfd_receiver": "/run/pidfd.sock",
        "run.oci.systemd.subgroup": "part",
        "run.oci.seccomp_bpf_data": LETS_ALL_THROUGH,
      }),
    );
    const { stdout } = mustSucceed(await lab.invoke(["explain", "--bundle", box.bundle]));
    for (const words of [
      /further groups\s+those of the caller/,
      /appended to "\/var\/log\/hooks"/,
      /"\/run\/pidfd.sock" gets a pidfd/,
      systemdDriver ? /is in "part" below the unit/ : /nothing: the control group is not made by/,
      /has a ready-made filter/,
    ]) {
      t.match(stdout, words);
    }
  },
  tsrunOnly("has no explain"),
);

behaviour(
  "features names what reaches beyond the container",
  async (t, lab) => {
    const { stdout } = mustSucceed(await lab.invoke(["features"]));
    const features = JSON.parse(stdout) as { potentiallyUnsafeConfigAnnotations: string[] };
    t.ok(features.potentiallyUnsafeConfigAnnotations.includes("run.oci."));
  },
  ANNOTATIONS,
  crunFrom("1.9", "has no features"),
);
