// Credentials of a process: no inheritable capabilities unless requested (CVE-2022-29162), no dropping of
// groups where that would widen access (CVE-2014-8989, CVE-2022-2990), a separate keyring, users by number
// only (CVE-2026-30892), and no process of the caller that looks like the container's.

import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { attack } from "../support/attack.ts";
import { notOfCrun, refused, tsrunOnly } from "../support/behaviour.ts";
import { mapIds } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { capabilityBits, parseStatus } from "../support/proc.ts";
import { asUser, NOBODY } from "../support/user.ts";
import { until } from "../support/wait.ts";

const CAP_KILL = 5;
const CAP_NET_RAW = 13;

attack(
  "CVE-2022-29162",
  "no capability is inheritable or ambient unless the configuration says so",
  async (t, lab) => {
    const box = lab.container(Container.script("cat /proc/self/status; exec sleep 1000"));
    mustSucceed(await box.run({ flags: ["--detach"] }));
    for (const flags of [[], ["--cap", "CAP_NET_RAW"], ["--cap", "CAP_NET_RAW", "--user", "1000"]]) {
      const args = ["exec", ...flags, box.id, "cat", "/proc/self/status"];
      const status = parseStatus(mustSucceed(await lab.invoke(args)).stdout);
      t.strictSame(capabilityBits(status.get("CapInh")?.[0]), [], `inheritable with ${flags.join(" ")}`);
      t.strictSame(capabilityBits(status.get("CapAmb")?.[0]), [], `ambient with ${flags.join(" ")}`);
      t.equal(capabilityBits(status.get("CapBnd")?.[0]).includes(CAP_NET_RAW), flags.length > 0);
    }
    await until("its status", () => box.output().includes("ctxt_switches"));
    const first = parseStatus(box.output());
    t.strictSame(capabilityBits(first.get("CapInh")?.[0]), []);
    t.strictSame(capabilityBits(first.get("CapAmb")?.[0]), []);
  },
);

attack(
  "CVE-2022-29162",
  "what the caller has as inheritable and ambient stays with the caller",
  async (t, lab) => {
    const box = lab.container(Container.script("cat /proc/self/status"));
    const wrapper = ["setpriv", "--inh-caps=+kill,+net_raw", "--ambient-caps=+kill,+net_raw"];
    const status = parseStatus(await box.live({ wrapper }));
    for (const set of ["CapInh", "CapAmb"]) t.strictSame(capabilityBits(status.get(set)?.[0]), [], set);
    t.ok(capabilityBits(status.get("CapBnd")?.[0]).includes(CAP_KILL));
  },
);

attack(
  "CVE-2022-2990",
  "of the caller's groups none reaches a container, of the configured ones no other",
  async (t, lab) => {
    const wrapper = ["setpriv", "--groups=4,24,27,1000"];
    const box = lab.container(Container.script("cat /proc/self/status"));
    box.config.process.user = { uid: 1000, gid: 1000, additionalGids: [7] };
    box.writeConfig();
    t.strictSame(parseStatus(await box.live({ wrapper })).get("Groups"), ["7"]);
    const mapped = lab.container((config) => {
      Container.script("cat /proc/self/status")(config);
      mapIds(config, 100_000, 65_536);
    });
    t.strictSame(parseStatus(await mapped.live({ wrapper })).get("Groups"), []);
  },
);

attack(
  "CVE-2014-8989",
  "where setgroups is denied, groups are not dropped and asking for some is refused",
  async (t, lab) => {
    const box = lab.container((config) => {
      Container.script("cat /proc/self/setgroups")(config);
      config.linux.namespaces = ["pid", "ipc", "uts", "mount", "user"].map((type) => ({ type }));
      config.linux.uidMappings = [{ containerID: 0, hostID: 65_534, size: 1 }];
      config.linux.gidMappings = [{ containerID: 0, hostID: 65_534, size: 1 }];
      delete config.linux.cgroupsPath;
      config.mounts = config.mounts.filter(({ type }) => type !== "sysfs");
    });
    mkdirSync(lab.stateRoot, { mode: 0o700 });
    for (const path of [lab.stateRoot, box.bundle, box.rootfs]) chownSync(path, NOBODY, NOBODY);
    const wrapper = asUser(lab);
    t.equal(await box.live({ wrapper }), "deny\n");
    box.config.process.user = { uid: 0, gid: 0, additionalGids: [0] };
    box.writeConfig();
    const result = await box.create({ wrapper });
    t.equal(result.code, 1);
    t.match(result.stderr, /additional ?gids|groups/i);
  },
  notOfCrun("it leaves them out in silence"),
);

attack(
  "CVE-2026-30892",
  "exec --user never takes a word for a number",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    writeFileSync(join(box.rootfs, "etc/passwd"), "1000:x:0:0::/:/bin/sh\nuser:x:0:0::/:/bin/sh\n");
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const number = mustSucceed(await lab.invoke(["exec", "--user", "1000", box.id, "id", "-u"]));
    t.equal(number.stdout, "1000\n", "not what the container's passwd makes of it");
    for (const word of [
      "user",
      "1000x",
      "0x0",
      "1e3",
      " 0",
      "+0",
      "4294967295",
      "4294967296",
      "0:4294967296",
    ]) {
      const result = await lab.invoke(["exec", "--user", word, box.id, "id", "-u"]);
      t.equal(result.code, 255, JSON.stringify(word));
      t.equal(result.stdout, "");
    }
  },
  tsrunOnly("it accepts some of them"),
);

attack(
  "session keyring",
  "a container has one of its own, unless it is to keep the caller's",
  async (t, lab) => {
    for (const [flags, keyrings] of [
      [[], "1\n"],
      [["--no-new-keyring"], "0\n"],
    ] as const) {
      const box = lab.container();
      box.config.process.args = ["grep", "-c", `_ses.${box.id}:`, "/proc/keys"];
      box.writeConfig();
      t.equal(await box.live({ flags }), keyrings);
    }
  },
  existsSync("/proc/keys") ? undefined : "the kernel has no /proc/keys",
  notOfCrun("its keyrings have other names"),
);

attack(
  "reused process id",
  "a process id that has come to mean somebody else gets no signal",
  async (t, lab) => {
    const box = lab.container(Container.script("exec sleep 1000"));
    mustSucceed(await box.run({ flags: ["--detach"] }));
    const file = join(lab.stateRoot, box.id, "state.json");
    const state = JSON.parse(readFileSync(file, "utf8")) as Record<
      "init_process_pid" | "init_process_start",
      number
    >;
    writeFileSync(file, JSON.stringify({ ...state, init_process_start: state.init_process_start + 1 }));
    refused(t, await box.kill("KILL"), /container not running/);
    const { pid } = { pid: (state as unknown as { init_process_pid: number }).init_process_pid };
    t.ok(existsSync(`/proc/${pid}`), "the stranger lives");
    t.equal(JSON.parse((await box.state()).stdout).status, "stopped");
    writeFileSync(file, JSON.stringify(state));
    mustSucceed(await box.delete({ flags: ["--force"] }));
  },
  notOfCrun("its state has another form"),
);
