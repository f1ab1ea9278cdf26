// Device rules of a container in use: after an update the new ones are in effect, or nothing has changed.

import { mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import {
  behaviour,
  needsController,
  nothingLeft,
  notOfCrun,
  refused,
  tsrunOnly,
} from "../support/behaviour.ts";
import { isUnified, needsUnified, onUnified, readCgroup } from "../support/cgroup.ts";
import { cgroupOf, systemdDriver } from "../support/cgroup-driver.ts";
import type { Resources } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import { controllerHierarchy } from "../support/host.ts";
import { needsStrace, slowWrites } from "../support/injection.ts";
import type { Lab } from "../support/lab.ts";
import type { Result } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

type Rules = NonNullable<Resources["devices"]>;

const IGNORES = tsrunOnly("ignores device rules in an update");
const V1 = needsController("devices", 1);

/** How the calls are made: with the host's cgroups, or with only cgroup v2. */
interface Host {
  readonly cgroups: string;
  readonly calls: typeof onUnified;
  readonly condition: string | undefined;
}

const UNIFIED = { cgroups: "with cgroup v2", calls: onUnified, condition: needsUnified() };
const HOSTS: readonly Host[] = isUnified()
  ? [{ ...UNIFIED, condition: undefined }]
  : [{ cgroups: "with cgroup v1", calls: {}, condition: V1 }, UNIFIED];

const NOTHING = { allow: false, access: "rwm" };
const EVERYTHING = { allow: true, access: "rwm" };
/** /dev/kmsg: a process that may write to it may open it. */
const PROBE = { type: "c", major: 1, minor: 11 };
const ALLOWED = { ...PROBE, allow: true, access: "w" };
const DENIED = { ...PROBE, allow: false, access: "w" };
/** One device is taken out of a wider rule, which no cgroup can do. */
const HOLE: Rules = [
  { allow: true, type: "c", major: 1, access: "rwm" },
  { ...PROBE, minor: 12, allow: false, access: "rwm" },
];
const NO_HOLE =
  /msg="cannot deny "c 1:12 rwm": the device cgroup cannot punch a hole in the wider rule "c 1:\* rwm"/;

async function running(lab: Lab, { calls }: Host, devices: Rules, script = "sleep 1000"): Promise<Container> {
  const box = lab.container(Container.script(script));
  box.config.linux.resources = { devices };
  box.config.linux.devices = [{ ...PROBE, path: "/dev/probe" }];
  box.writeConfig();
  mustSucceed(await box.create(calls));
  mustSucceed(await box.start(calls));
  return box;
}

function updateWith(box: Container, { calls }: Host, resources: object): Promise<Result> {
  const { lab } = box;
  const file = join(lab.folder, "resources.json");
  writeFileSync(file, JSON.stringify(resources));
  return lab.invoke(["update", "-r", file, box.id], calls);
}

/** Whether the container may open the probe. Also checks that the default devices can be opened. */
async function mayProbe(t: Test, box: Container, { calls }: Host): Promise<boolean> {
  const script = ": >/dev/null </dev/zero && echo usual; : 2>&1 >/dev/probe && echo probe";
  const { stdout } = await box.lab.invoke(["exec", box.id, "/bin/sh", "-c", script], calls);
  t.match(stdout, /^usual$/m, "the usual devices stay");
  if (!/^probe$/m.test(stdout)) t.match(stdout, /probe: Operation not permitted/);
  return /^probe$/m.test(stdout);
}

function list(box: Container): string[] {
  return readCgroup("devices", box.id, "devices.list").split("\n").sort();
}

/** Reports each time that a default device is refused: a round is many times shorter than a slow write. */
const WATCH = `while [ ! -e /tmp/end ]; do
  true </dev/zero || echo refused
  [ -e /tmp/begun ] || touch /tmp/begun
done 2>&1
echo end`;

function otherLimit({ cgroups }: Host): Resources {
  return cgroups === UNIFIED.cgroups ? { unified: { "cgroup.max.depth": "5" } } : { pids: { limit: 30 } };
}

async function statusOf({ id, lab }: Container, { calls }: Host): Promise<string> {
  const { stdout } = await lab.invoke(["state", id], calls);
  return (JSON.parse(stdout) as { status: string }).status;
}

/** A limit that is written after the device rules, and refused. */
function refusedLimit({ cgroups }: Host): Resources {
  return cgroups === UNIFIED.cgroups ? { unified: { "cgroup.freeze": "7" } } : { pids: { limit: 2 ** 40 } };
}

const FAILING: readonly [what: string, before: Rules, asked: Rules][] = [
  ["allows a device", [NOTHING], [ALLOWED]],
  ["takes one away", [NOTHING, ALLOWED], [NOTHING]],
  ["allows all", [NOTHING], [EVERYTHING]],
  ["allows few in place of all but one", [EVERYTHING, DENIED], [NOTHING, ALLOWED]],
  ["allows all in place of all but one", [EVERYTHING, DENIED], [EVERYTHING]],
];

for (const host of HOSTS) {
  behaviour(
    `${host.cgroups}, rules with a hole in a wider one are refused by create, in words about the rules`,
    async (t, lab) => {
      const box = lab.container((config) => {
        config.linux.resources = { devices: HOLE };
      });
      refused(t, await box.create(host.calls), NO_HOLE);
      await nothingLeft(t, lab, "after the refusal");
    },
    host.condition,
    notOfCrun("on cgroup v2 it accepts them"),
  );

  behaviour(
    `${host.cgroups}, a device is allowed by update, stays so with further updates, and is taken away`,
    async (t, lab) => {
      const box = await running(lab, host, [NOTHING]);
      t.equal(await mayProbe(t, box, host), false, "before");
      mustSucceed(await updateWith(box, host, { devices: [NOTHING, ALLOWED] }));
      t.equal(await mayProbe(t, box, host), true, "allowed");
      mustSucceed(await updateWith(box, host, otherLimit(host)));
      mustSucceed(await updateWith(box, host, { ...otherLimit(host), devices: [ALLOWED] }));
      t.equal(await mayProbe(t, box, host), true, "after updates of something else");
      mustSucceed(await updateWith(box, host, { devices: [NOTHING] }));
      t.equal(await mayProbe(t, box, host), false, "taken away");
      mustSucceed(await updateWith(box, host, { devices: [ALLOWED] }));
      t.equal(await mayProbe(t, box, host), true, "without a word about all others");
      mustSucceed(await updateWith(box, host, { devices: [] }));
      t.equal(await mayProbe(t, box, host), false, "no rules are those of every container");
      mustSucceed(await box.delete({ ...host.calls, flags: ["--force"] }));
    },
    IGNORES,
    host.condition,
  );

  behaviour(
    `${host.cgroups}, a container may come to have all devices, all but one, and few again`,
    async (t, lab) => {
      const box = await running(lab, host, [NOTHING]);
      mustSucceed(await updateWith(box, host, { devices: [EVERYTHING] }));
      t.equal(await mayProbe(t, box, host), true, "all");
      mustSucceed(await updateWith(box, host, { devices: [EVERYTHING, DENIED] }));
      t.equal(await mayProbe(t, box, host), false, "all but one");
      mustSucceed(await lab.invoke(["pause", box.id], host.calls));
      mustSucceed(await updateWith(box, host, { devices: [NOTHING, ALLOWED] }));
      t.equal(await statusOf(box, host), "paused", "a paused container stays so");
      mustSucceed(await lab.invoke(["resume", box.id], host.calls));
      t.equal(await mayProbe(t, box, host), true, "few, and it");
      t.equal(await statusOf(box, host), "running");
      mustSucceed(await box.delete({ ...host.calls, flags: ["--force"] }));
    },
    IGNORES,
    host.condition,
  );

  behaviour(
    `${host.cgroups}, no update refuses for a moment a device that holds before and after it`,
    async (t, lab) => {
      const box = await running(lab, host, [NOTHING], WATCH);
      const inside = (...words: string[]) => lab.invoke(["exec", box.id, ...words], host.calls);
      const hasBegun = async () => (await inside("test", "-e", "/tmp/begun")).code === 0;
      await until("the program to have begun", async () => (await hasBegun()) || undefined);
      const sets: Rules[] = [[ALLOWED], [], [EVERYTHING], [EVERYTHING, DENIED], [NOTHING]];
      const wrapper = [...(host.calls.wrapper ?? []), ...slowWrites(lab)];
      for (const devices of sets) {
        mustSucceed(await updateWith(box, { ...host, calls: { wrapper } }, { devices }));
      }
      // Its result does not matter: it ends the container, which may kill it.
      await inside("touch", "/tmp/end");
      await box.waitForStatus("stopped");
      t.equal(box.output(), "end\n");
      mustSucceed(await box.delete({ ...host.calls, flags: ["--force"] }));
    },
    IGNORES,
    host.condition,
    needsStrace,
  );

  for (const [what, before, asked] of FAILING) {
    behaviour(
      `${host.cgroups}, an update that ${what} and fails leaves the device rules as they were`,
      async (t, lab) => {
        const box = await running(lab, host, before);
        const could = await mayProbe(t, box, host);
        const listed = host.cgroups === UNIFIED.cgroups ? [] : list(box);
        const result = await updateWith(box, host, { devices: asked, ...refusedLimit(host) });
        refused(t, result, /cannot write .*: /);
        t.equal(await mayProbe(t, box, host), could, "as before");
        t.strictSame(host.cgroups === UNIFIED.cgroups ? [] : list(box), listed);
        // The failed update is not saved: asking for it again is still a change.
        mustSucceed(await updateWith(box, host, { devices: asked }));
        t.equal(await mayProbe(t, box, host), !could);
        mustSucceed(await box.delete({ ...host.calls, flags: ["--force"] }));
      },
      IGNORES,
      host.condition,
    );
  }
}

const [HOST] = HOSTS;

behaviour(
  "rules that are wrong are refused in one line, and change nothing",
  async (t, lab) => {
    const host = HOST as Host;
    const box = await running(lab, host, [NOTHING]);
    const before = readCgroup("pids", box.id, "pids.max");
    const refuses = async (devices: object[], line: RegExp) => {
      refused(t, await updateWith(box, host, { devices, pids: { limit: 33 } }), line);
    };
    await refuses([{ ...ALLOWED, type: "x" }], /\/devices\/0\/type .*must be "a", "b" or "c", is "x"/);
    await refuses([NOTHING, { ...ALLOWED, access: "" }], /\/devices\/1\/access .*must not be empty/);
    await refuses([{ ...ALLOWED, major: 2 ** 33 }], /\/devices\/0\/major .*, is 8589934592/);
    await refuses([{ access: "rwm" }], /\/devices\/0\/allow .*: missing, and required/);
    await refuses(HOLE, NO_HOLE);
    t.equal(readCgroup("pids", box.id, "pids.max"), before);
    t.equal(await mayProbe(t, box, host), false);
  },
  IGNORES,
  needsController("pids"),
);

/** The folder of the container's devices cgroup. */
function devicesFolder(box: Container): string {
  return join(controllerHierarchy("devices")?.mountpoint ?? "", cgroupOf(box.id));
}

behaviour(
  "rules that come to what holds already leave alone what others have added",
  async (t, lab) => {
    const host = HOST as Host;
    const box = await running(lab, host, [NOTHING]);
    writeFileSync(join(devicesFolder(box), "devices.allow"), "c 1:11 rwm");
    mustSucceed(await updateWith(box, host, { devices: [NOTHING], pids: { limit: 30 } }));
    t.equal(await mayProbe(t, box, host), true, "as a GPU's, which are in no configuration");
    mustSucceed(await updateWith(box, host, { devices: [NOTHING, { ...ALLOWED, minor: 12 }] }));
    t.equal(await mayProbe(t, box, host), false, "other rules are all that there is");
  },
  V1,
  IGNORES,
  systemdDriver ? "systemd would take it away" : undefined,
);

behaviour(
  "what cgroups below the container's own forbid is refused with what to do",
  async (t, lab) => {
    const host = HOST as Host;
    const box = await running(lab, host, [NOTHING]);
    const below = join(devicesFolder(box), "below");
    mkdirSync(below);
    const before = list(box);
    try {
      const result = await updateWith(box, host, { devices: [EVERYTHING] });
      refused(t, result, /cannot write "a .*devices.allow": invalid argument.* hint=.*cgroups below/);
      t.strictSame(list(box), before);
      mustSucceed(await updateWith(box, host, { devices: [NOTHING, ALLOWED] }));
      t.equal(await mayProbe(t, box, host), true);
    } finally {
      rmdirSync(below);
    }
  },
  V1,
  IGNORES,
);
