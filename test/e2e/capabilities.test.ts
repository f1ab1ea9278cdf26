// The five capability sets, read back from /proc/self/status inside the container.

import t from "tap";
import { behaviour, nothingLeft, runcBefore, tsrunOnly } from "../support/behaviour.ts";
import type { Config } from "../support/config.ts";
import { Container } from "../support/container.ts";
import { findProgram } from "../support/host.ts";
import type { Lab } from "../support/lab.ts";
import { capabilityBits, parseStatus } from "../support/proc.ts";

const CAP_KILL = 5;
const CAP_SETUID = 7;
const CAP_NET_BIND_SERVICE = 10;
const SETS = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"];

async function capabilitySets(lab: Lab, edit: (config: Config) => void): Promise<Record<string, number[]>> {
  const box = lab.container((config) => {
    config.process.args = ["/bin/cat", "/proc/self/status"];
    edit(config);
  });
  const status = parseStatus(await box.live());
  return Object.fromEntries(SETS.map((name) => [name, capabilityBits(status.get(name)?.[0])]));
}

behaviour("root gets the bounding, permitted and effective sets as configured", async (t, lab) => {
  const sets = await capabilitySets(lab, (config) => {
    config.process.capabilities = {
      bounding: ["CAP_KILL", "CAP_SETUID"],
      permitted: ["CAP_KILL", "CAP_SETUID"],
      effective: ["CAP_KILL", "CAP_SETUID"],
    };
  });
  const both = [CAP_KILL, CAP_SETUID];
  t.strictSame(sets, { CapInh: [], CapPrm: both, CapEff: both, CapBnd: both, CapAmb: [] });
});

behaviour("an ordinary user keeps only the ambient ones", async (t, lab) => {
  const sets = await capabilitySets(lab, (config) => {
    config.process.user = { uid: 1000, gid: 1000 };
    config.process.capabilities = {
      bounding: ["CAP_KILL", "CAP_NET_BIND_SERVICE"],
      permitted: ["CAP_KILL", "CAP_NET_BIND_SERVICE"],
      effective: ["CAP_KILL", "CAP_NET_BIND_SERVICE"],
      inheritable: ["CAP_NET_BIND_SERVICE"],
      ambient: ["CAP_NET_BIND_SERVICE"],
    };
  });
  const bind = [CAP_NET_BIND_SERVICE];
  t.strictSame(sets, {
    CapInh: bind,
    CapPrm: bind,
    CapEff: bind,
    CapBnd: [CAP_KILL, CAP_NET_BIND_SERVICE],
    CapAmb: bind,
  });
});

behaviour("an ordinary user without ambient ones has none", async (t, lab) => {
  const sets = await capabilitySets(lab, (config) => {
    config.process.user = { uid: 1000, gid: 1000 };
  });
  t.strictSame([sets.CapPrm, sets.CapEff, sets.CapAmb], [[], [], []]);
});

behaviour(
  "without a capabilities object root has none at all",
  async (t, lab) => {
    const sets = await capabilitySets(lab, (config) => {
      delete config.process.capabilities;
    });
    t.strictSame(sets, { CapInh: [], CapPrm: [], CapEff: [], CapBnd: [], CapAmb: [] });
  },
  runcBefore("1.3.0", "it keeps all of them"),
);

behaviour("an effective capability is really there, and another is really gone", async (t, lab) => {
  const attempt = Container.script(
    "chown 1000 /tmp/f 2>/dev/null && echo chown; hostname x 2>/dev/null && echo name; echo end",
  );
  const box = lab.container((config) => {
    attempt(config);
    config.process.args = ["/bin/sh", "-c", `touch /tmp/f; ${config.process.args[2]}`];
    const names = ["CAP_CHOWN"];
    config.process.capabilities = { bounding: names, permitted: names, effective: names };
  });
  t.equal(await box.live(), "chown\nend\n");
});

behaviour(
  "a capability that tsrun itself needs for every container is named",
  async (t, lab) => {
    const box = lab.container();
    for (const [name, line] of [
      ["setgid", /^cannot leave tsrun's groups: .*EPERM/],
      ["setpcap", /^cannot drop CAP_\w+ from the bounding set: .*EPERM/],
      ["net_admin", /^cannot set the loopback device up: .*EPERM/],
    ] as const) {
      const wrapper = ["setpriv", `--bounding-set=-${name}`];
      const { code, stderr } = await box.create({ wrapper, globals: ["--log", `${lab.folder}/log`] });
      t.equal(code, 1);
      t.match(stderr, line);
      t.match(stderr, `: tsrun itself has no CAP_${name.toUpperCase()}; give it to tsrun's caller`);
      await nothingLeft(t, lab, `after the refusal without ${name}`);
    }
  },
  tsrunOnly("it names no cause"),
  findProgram("setpriv") === undefined ? "needs setpriv" : undefined,
);

t.comment("capability numbers are those of linux/capability.h");
