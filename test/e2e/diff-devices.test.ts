// `diff` and the eBPF programs that guard devices on cgroup v2: gone, replaced, and joined by another
// manager's, as systemd does at a daemon-reload. Also runs on hosts with v1 hierarchies.

import { execFileSync } from "node:child_process";
import t from "tap";
import { buildDeviceSet } from "../../src/cgroups/devices/device-set.ts";
import { assembleDeviceProgram } from "../../src/cgroups/devices/program.ts";
import { deviceRules } from "../../src/cgroups/devices/rules.ts";
import { behaviour, type Condition, tsrunOnly } from "../support/behaviour.ts";
import { isUnified, needsUnified, onUnified, unifiedFolder } from "../support/cgroup.ts";
import { cgroupOf, systemdDriver } from "../support/cgroup-driver.ts";
import type { Resources } from "../support/config.ts";
import type { Container } from "../support/container.ts";
import { changePrograms, diff, sleeping, told, writeCgroup } from "../support/drift.ts";
import type { Lab } from "../support/lab.ts";
import { needsProgram } from "../support/program.ts";

t.setTimeout(300_000);

type Rules = NonNullable<Resources["devices"]>;

const CONDITIONS: readonly Condition[] = [
  needsUnified(),
  needsProgram("python3"),
  tsrunOnly("has no diff command"),
];
const NONE = { allow: false, access: "rwm" };
const GPU = { allow: true, type: "c", major: 195, minor: 0, access: "rw" };
const ASKED: Rules = [NONE, GPU];

function programFor(rules: Rules): Uint8Array {
  return assembleDeviceProgram(buildDeviceSet(deviceRules(rules, [])));
}

async function withGpu(lab: Lab): Promise<{ box: Container; folder: string }> {
  const edit = { devices: ASKED };
  const { box } = await sleeping(lab, (config) => (config.linux.resources = edit), onUnified);
  return { box, folder: unifiedFolder(cgroupOf(box.id)) };
}

behaviour(
  "a program that was detached is told, and --fix attaches it again",
  async (t, lab) => {
    const { box, folder } = await withGpu(lab);
    t.strictSame((await diff(box, onUnified)).differences, []);
    changePrograms(folder, "clear");
    t.strictSame(told(await diff(box, onUnified)), [
      "devices device program: guards the devices -> none is attached",
    ]);
    const fixed = await diff(box, { ...onUnified, flags: ["--fix"] });
    t.match(fixed, { code: 0, written: ["device rules"], differences: [] });
    t.match(await diff(box, onUnified), { code: 0, differences: [] });
    await box.delete({ ...onUnified, flags: ["--force"] });
  },
  ...CONDITIONS,
);

behaviour(
  "another manager's program that allows the same is no difference; one that takes a GPU away is told",
  async (t, lab) => {
    const { box, folder } = await withGpu(lab);
    changePrograms(folder, "add", programFor([NONE, GPU, { ...GPU, minor: 1 }]));
    t.match(
      await diff(box, onUnified),
      { code: 0, differences: [] },
      "one that allows more, beside tsrun's own",
    );
    changePrograms(folder, "add", programFor([NONE]));
    const lost = await diff(box, onUnified);
    t.strictSame(told(lost), ["devices c 195:0: rwm -> m"]);
    t.match(lost.differences[0], { costs: /EPERM/, next: /diff --fix/, fixable: true });
    const fixed = await diff(box, { ...onUnified, flags: ["--fix"] });
    t.match(fixed, { code: 0, written: ["device rules"], differences: [] });
    changePrograms(folder, "clear");
    changePrograms(folder, "add", programFor([NONE, GPU, { ...GPU, minor: 1 }]));
    t.strictSame(told(await diff(box, onUnified)), ["devices c 195:1: m -> rwm"], "in place of tsrun's own");
    await box.delete({ ...onUnified, flags: ["--force"] });
  },
  ...CONDITIONS,
);

behaviour(
  "a program that asks the kernel for more than numbers is not understood, and said to be there",
  async (t, lab) => {
    const { box, folder } = await withGpu(lab);
    // bpf_get_smp_processor_id(), then allow everything.
    const call = [0x85, 0, 0, 0, 8, 0, 0, 0, 0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0];
    changePrograms(folder, "add", new Uint8Array(call));
    const [line = ""] = told(await diff(box, onUnified));
    t.match(line, /^devices device program: tsrun's alone -> also another: tag [0-9a-f]{16}$/);
    t.match(await diff(box, { ...onUnified, flags: ["--fix"] }), { code: 0, differences: [] });
    await box.delete({ ...onUnified, flags: ["--force"] });
  },
  ...CONDITIONS,
);

behaviour(
  "after a daemon-reload nothing differs; what systemd is told to change does, and --fix changes it back",
  async (t, lab) => {
    const { box } = await sleeping(lab, (config) => {
      config.linux.resources = { devices: ASKED, memory: { limit: 64 << 20 }, pids: { limit: 50 } };
    });
    const systemctl = (...words: string[]) => execFileSync("systemctl", words);
    systemctl("daemon-reload");
    t.match(await diff(box), { code: 0, differences: [] });
    const unit = `e2e-${box.id}.scope`;
    systemctl("set-property", "--runtime", unit, "MemoryMax=96M", "DeviceAllow=", "DevicePolicy=strict");
    const lost = told(await diff(box));
    t.ok(lost.includes(`limits memory.max: ${64 << 20} (64 MiB) -> ${96 << 20} (96 MiB)`), lost.join("\n"));
    t.ok(
      lost.some((line) => line.startsWith("devices c 195:0")),
      lost.join("\n"),
    );
    t.match(await diff(box, { flags: ["--fix"] }), { code: 0, differences: [] });
    systemctl("daemon-reload");
    t.match(await diff(box), { code: 0, differences: [] }, "and it stays");
    writeCgroup("pids", box, "pids.max", "9");
    t.strictSame(told(await diff(box)), ["limits pids.max: 50 -> 9"]);
  },
  systemdDriver && isUnified() ? undefined : "needs systemd as the cgroup driver, on cgroup v2: make test-vm",
  tsrunOnly("has no diff command"),
);
