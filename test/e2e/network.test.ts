// Network namespaces: the loopback device, and devices of the host that become the container's. In each case
// a new network namespace represents the host's, so that nothing of the machine is touched. CONTRACT:
// runtime-spec config-linux.md#network-devices.

import { spawnSync } from "node:child_process";
import { behaviour, nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import { type Config, mapIds } from "../support/config.ts";
import { Container, mustSucceed } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { needsProgram } from "../support/program.ts";

const NEEDS_IP = needsProgram("ip", "iproute2");
const SINCE_1_4 = tsrunOnly("netDevices came with runc 1.4");

interface Device {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly addr_info: readonly {
    readonly local: string;
    readonly prefixlen: number;
    readonly label?: string;
  }[];
}

function run(...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(words[0] ?? "", words.slice(1), { encoding: "utf8" });
  if (status !== 0) throw new Error(`${words.join(" ")}: ${stderr}`);
  return stdout;
}

let hosts = 0;

/** A network namespace that represents the host's. Its name does not look like a container's leftover. */
class Host {
  readonly #name: string;

  constructor(lab: Lab) {
    hosts += 1;
    const name = `network-test-${process.pid}-${hosts}`;
    this.#name = name;
    run("ip", "netns", "add", name);
    lab.atClose(() => run("ip", "netns", "delete", name));
  }

  /** Two devices, `one0` and `two0`. */
  withPair(): this {
    this.ip("link", "add", "one0", "type", "veth", "peer", "name", "two0");
    return this;
  }

  get path(): string {
    return `/run/netns/${this.#name}`;
  }

  get wrapper(): string[] {
    return ["nsenter", `--net=${this.path}`];
  }

  ip(...words: readonly string[]): string {
    return run("ip", "-n", this.#name, ...words);
  }

  devices(): Map<string, Device> {
    return devicesOf(this.ip("-j", "address"));
  }
}

function devicesOf(json: string): Map<string, Device> {
  return new Map((JSON.parse(json) as Device[]).map((device) => [device.ifname, device]));
}

function addresses(device: Device | undefined): string[] {
  const all = device?.addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`) ?? [];
  // Leave out the address that the kernel gives a device by itself.
  return all.filter((address) => !address.startsWith("fe80")).sort();
}

/** The devices that a container's process sees, by its pid. */
function inside(pid: number): Map<string, Device> {
  return devicesOf(run("nsenter", `--net=/proc/${pid}/ns/net`, "ip", "-j", "address"));
}

function waiting(netDevices: Record<string, { name?: string }>): (config: Config) => void {
  return (config) => {
    config.process.args = ["/bin/sleep", "1000"];
    config.linux.netDevices = netDevices;
  };
}

behaviour("the loopback device of a new network namespace is up", async (t, lab) => {
  const box = lab.container(Container.script("cat /sys/class/net/lo/flags"));
  t.equal(await box.live(), "0x9\n");
  const mapped = lab.container((config) => {
    Container.script("cat /sys/class/net/lo/flags")(config);
    mapIds(config, 100_000, 65_536);
  });
  t.equal(await mapped.live(), "0x9\n");
});

behaviour(
  "that of one that is joined is left alone",
  async (t, lab) => {
    const other = new Host(lab);
    const box = lab.container((config) => {
      Container.script("cat /sys/class/net/lo/flags")(config);
      const network = config.linux.namespaces.find(({ type }) => type === "network");
      if (network !== undefined) network.path = other.path;
    });
    t.equal(await box.live(), "0x8\n");
  },
  NEEDS_IP,
);

behaviour(
  "a device moves into the container, up, with its lasting addresses",
  async (t, lab) => {
    const host = new Host(lab).withPair();
    host.ip("address", "add", "192.0.2.7/24", "dev", "one0");
    host.ip("address", "add", "192.0.2.8/32", "dev", "one0", "label", "one0:b");
    host.ip("address", "add", "2001:db8::7/64", "dev", "one0", "nodad");
    host.ip("address", "add", "198.51.100.1/24", "dev", "one0", "scope", "link");
    host.ip("address", "add", "203.0.113.1/24", "dev", "one0", "valid_lft", "1000", "preferred_lft", "900");
    host.ip("link", "set", "one0", "up");
    const box = lab.container(waiting({ one0: {} }));
    mustSucceed(await box.create({ wrapper: host.wrapper }));
    const { pid } = await box.stateDocument();
    const device = inside(pid).get("one0");
    t.strictSame(addresses(device), ["192.0.2.7/24", "192.0.2.8/32", "2001:db8::7/64"]);
    t.equal(device?.addr_info.find(({ local }) => local === "192.0.2.8")?.label, "one0:b");
    t.ok(device?.flags.includes("UP"));
    t.strictSame([...host.devices().keys()].sort(), ["lo", "two0"], "and is the host's no more");
  },
  NEEDS_IP,
  SINCE_1_4,
);

behaviour(
  "it gets the name asked for, and another label with it",
  async (t, lab) => {
    const host = new Host(lab).withPair();
    host.ip("address", "add", "192.0.2.8/32", "dev", "one0", "label", "one0:b");
    const box = lab.container(waiting({ one0: { name: "net0" }, two0: { name: "net%d" } }));
    mustSucceed(await box.create({ wrapper: host.wrapper }));
    const devices = inside((await box.stateDocument()).pid);
    t.strictSame([...devices.keys()].sort(), ["lo", "net0", "net1"], "a template is filled in by the kernel");
    t.equal(devices.get("net0")?.addr_info[0]?.label, "net0:b");
    t.strictSame([...host.devices().keys()], ["lo"]);
  },
  NEEDS_IP,
  SINCE_1_4,
);

behaviour(
  "also into a namespace that is joined, and one of a user namespace",
  async (t, lab) => {
    const host = new Host(lab).withPair();
    const other = new Host(lab);
    host.ip("address", "add", "192.0.2.7/24", "dev", "one0");
    const joining = lab.container((config) => {
      waiting({ one0: {} })(config);
      mapIds(config, 100_000, 65_536);
      // sysfs can be mounted only by the owner of the network namespace.
      config.mounts = config.mounts.filter(({ type }) => type !== "sysfs");
      const network = config.linux.namespaces.find(({ type }) => type === "network");
      if (network !== undefined) network.path = other.path;
    });
    mustSucceed(await joining.create({ wrapper: host.wrapper }));
    t.strictSame(addresses(other.devices().get("one0")), ["192.0.2.7/24"]);
    const mapped = lab.container((config) => {
      waiting({ two0: {} })(config);
      mapIds(config, 100_000, 65_536);
    });
    mustSucceed(await mapped.create({ wrapper: host.wrapper }));
    t.ok(
      inside((await mapped.stateDocument()).pid)
        .get("two0")
        ?.flags.includes("UP"),
    );
  },
  NEEDS_IP,
  SINCE_1_4,
);

behaviour(
  "what hooks and sysctls are about is there already",
  async (t, lab) => {
    const host = new Host(lab).withPair();
    const box = lab.container((config) => {
      waiting({ one0: { name: "net0" } })(config);
      config.process.args = ["/bin/cat", "/proc/sys/net/ipv4/conf/net0/forwarding", "/seen"];
      config.linux.sysctl = { "net.ipv4.conf.net0.forwarding": "1" };
      config.hooks = {
        createContainer: [{ path: "/bin/sh", args: ["sh", "-c", "cat /proc/net/dev > seen"] }],
      };
    });
    const output = await box.live({ wrapper: host.wrapper });
    t.match(output, /^1\n/);
    t.match(output, /net0:/);
  },
  NEEDS_IP,
  SINCE_1_4,
);

behaviour(
  "a container that cannot be created gives its devices back as they were",
  async (t, lab) => {
    const host = new Host(lab).withPair();
    host.ip("address", "add", "192.0.2.7/24", "dev", "one0");
    host.ip("address", "add", "2001:db8::7/64", "dev", "one0", "nodad");
    host.ip("link", "set", "one0", "up");
    const box = lab.container((config) => {
      waiting({ one0: { name: "net0" }, two0: {} })(config);
      config.hooks = { createContainer: [{ path: "/bin/false" }] };
    });
    refused(t, await box.create({ wrapper: host.wrapper }), /error running createContainer hook #0/);
    const devices = host.devices();
    t.strictSame([...devices.keys()].sort(), ["lo", "one0", "two0"]);
    t.strictSame(addresses(devices.get("one0")), ["192.0.2.7/24", "2001:db8::7/64"]);
    t.ok(devices.get("one0")?.flags.includes("UP"));
    t.notOk(devices.get("two0")?.flags.includes("UP"), "down, as before");
    await nothingLeft(t, lab, "after create");
  },
  NEEDS_IP,
  SINCE_1_4,
);

behaviour(
  "what cannot be moved is refused by name, and nothing else has moved",
  async (t, lab) => {
    const host = new Host(lab).withPair();
    const gone = lab.container(waiting({ one0: {}, none0: {} }));
    const words = /cannot move network device "none0" into the container: no such device/;
    refused(t, await gone.create({ wrapper: host.wrapper }), words);
    const other = new Host(lab);
    other.ip("link", "add", "taken0", "type", "veth", "peer", "name", "taken1");
    const taken = lab.container((config) => {
      waiting({ one0: { name: "taken0" } })(config);
      const network = config.linux.namespaces.find(({ type }) => type === "network");
      if (network !== undefined) network.path = other.path;
    });
    refused(t, await taken.create({ wrapper: host.wrapper }), /it has a device "taken0" already/);
    // The kernel keeps this one where it is.
    const loopback = lab.container(waiting({ lo: { name: "lo2" } }));
    refused(t, await loopback.create({ wrapper: host.wrapper }), /network device "lo" .*: invalid argument/);
    t.strictSame([...host.devices().keys()].sort(), ["lo", "one0", "two0"]);
    t.strictSame([...other.devices().keys()].sort(), ["lo", "taken0", "taken1"]);
    await nothingLeft(t, lab, "after three refusals");
  },
  NEEDS_IP,
  SINCE_1_4,
);

behaviour(
  "a container without a network namespace of its own is refused devices",
  async (t, lab) => {
    const box = lab.container((config) => {
      waiting({ lo: {} })(config);
      config.linux.namespaces = config.linux.namespaces.filter(({ type }) => type !== "network");
    });
    refused(t, await box.create(), /unable to move network devices without a NET namespace/);
    await nothingLeft(t, lab, "after a refusal");
  },
  SINCE_1_4,
);
