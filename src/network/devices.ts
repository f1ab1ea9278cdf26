// `linux.netDevices`: devices of the host that become the container's, with their addresses. Called by
// create. runtime-spec config-linux.md#network-devices.

import { TsrunError } from "../errors.ts";
import { ENODEV, errnoName, errnoWords } from "../linux/numbers/errno.ts";
import type { NetDevice } from "../spec/types.ts";
import {
  type Address,
  addAddress,
  findLink,
  type Link,
  labelAfter,
  listAddresses,
  listLinks,
  moveLink,
  setUp,
  staysWithDevice,
} from "./messages.ts";
import { NetworkNamespace } from "./socket.ts";

/** A device, and the settings that it loses when it moves to another namespace. */
interface Device {
  readonly link: Link;
  readonly addresses: readonly Address[];
}

interface Moved {
  readonly before: Device;
  /** As the container sees it. */
  readonly inside: Link;
}

/**
 * Moves devices, and can take them back: if the creation fails, the kernel would return only hardware to the
 * host.
 */
export class DeviceMove implements Disposable {
  readonly #host = new NetworkNamespace("/proc/thread-self/ns/net");
  #container: NetworkNamespace | undefined;
  readonly #moved: Moved[] = [];

  /** Moves all devices to the network namespace of a process, renames them and sets them up. */
  moveTo(pid: number, devices: Readonly<Record<string, NetDevice>>): void {
    const container = new NetworkNamespace(`/proc/${pid}/ns/net`);
    this.#container = container;
    for (const [name, { name: inside = "" }] of Object.entries(devices)) {
      this.#move(container, name, inside === "" ? name : inside);
    }
  }

  /** Moves all devices back and restores their settings. A device that fails does not stop the others. */
  takeBack(): void {
    if (this.#container === undefined) return;
    for (const { before, inside } of this.#moved.splice(0).reverse()) {
      const { name, up } = before.link;
      const attempt = `take network device "${name}" back`;
      try {
        const link = transfer({ from: this.#container, to: this.#host, link: inside, name, attempt });
        configure(this.#host, { ...before, link: { ...link, up } }, { from: name, attempt });
      } catch {
        // The error that led here is the one to report.
      }
    }
  }

  [Symbol.dispose](): void {
    this.#container?.[Symbol.dispose]();
    this.#host[Symbol.dispose]();
  }

  #move(container: NetworkNamespace, name: string, inside: string): void {
    const attempt = `move network device "${name}" into the container`;
    const before = this.#look(name, attempt);
    if (container.ask(listLinks(), attempt).links.some((link) => link.name === inside)) {
      throw new TsrunError("E_CONFIG", `cannot ${attempt}: it has a device "${inside}" already`, {
        hint: 'give it another name in /linux/netDevices, or one such as "eth%d"',
      });
    }
    let link: Link;
    try {
      link = transfer({ from: this.#host, to: container, link: before.link, name: inside, attempt });
    } catch (error) {
      // Setting it down has removed some of its addresses.
      configure(this.#host, before, { from: name, attempt });
      throw error;
    }
    this.#moved.push({ before, inside: link });
    configure(container, { ...before, link: { ...link, up: true } }, { from: name, attempt });
  }

  #look(name: string, attempt: string): Device {
    const { links, errno } = this.#host.attempt(findLink(name), attempt);
    const [link] = links;
    if (link === undefined) {
      const cause = errno === 0 ? ENODEV : errno;
      throw new TsrunError("E_CONFIG", `cannot ${attempt}: ${errnoWords(cause)}`, {
        errno: errnoName(cause),
        hint: "the keys of /linux/netDevices name devices of the network namespace that tsrun is called in",
      });
    }
    // Read them before it is set down, which removes those of IPv6.
    const { addresses } = this.#host.ask(listAddresses(), attempt);
    return { link, addresses: addresses.filter((one) => one.index === link.index && staysWithDevice(one)) };
  }
}

interface Transfer {
  readonly from: NetworkNamespace;
  readonly to: NetworkNamespace;
  readonly link: Link;
  /** The name in the other namespace; with `eth%d` the kernel chooses the number. */
  readonly name: string;
  readonly attempt: string;
}

/** Moves and renames the device, and finds it again: its index and its name may have changed. */
function transfer({ from, to, link, name, attempt }: Transfer): Link {
  const known = new Set(to.ask(listLinks(), attempt).links.map(({ index }) => index));
  if (link.up) from.ask(setUp(link.index, false), attempt);
  from.ask(moveLink(link.index, to.descriptor, name), attempt);
  const found = to.ask(listLinks(), attempt).links.find(({ index }) => !known.has(index));
  if (found === undefined) throw new TsrunError("E_INTERNAL", `cannot ${attempt}: it has disappeared`);
  return found;
}

/** Restores the addresses that the device has lost, and sets it up if it was up. */
function configure(
  namespace: NetworkNamespace,
  { link, addresses }: Device,
  { from, attempt }: { readonly from: string; readonly attempt: string },
): void {
  const kept = namespace.ask(listAddresses(), attempt).addresses.filter(({ index }) => index === link.index);
  for (const address of addresses) {
    if (kept.some((one) => isSame(one, address))) continue;
    namespace.ask(addAddress(address, link.index, labelAfter(address, from, link.name)), attempt);
  }
  if (link.up) namespace.ask(setUp(link.index, true), attempt);
}

function isSame(one: Address, other: Address): boolean {
  return (
    one.family === other.family &&
    one.prefix === other.prefix &&
    [...other.attributes].every(([type, value]) => String(one.attributes.get(type)) === String(value))
  );
}
