// Compares what a container's device rules allow with what is in fact allowed: for each device, reading,
// writing and making a node. Pure.

import {
  type DeviceException,
  type DeviceRequest,
  type DeviceSet,
  isAllowed,
} from "../cgroups/devices/device-set.ts";
import {
  ACCESS_ALL,
  ACCESS_MKNOD,
  ACCESS_READ,
  ACCESS_WRITE,
  showAccess,
  WILDCARD,
} from "../cgroups/devices/rules.ts";
import { KNOWN_DEVICES } from "../explain/cgroups.ts";
import type { Difference } from "./model.ts";

/** What guards the devices. */
export interface Guard {
  /** `undefined` if that cannot be found out. */
  readonly allows: (request: DeviceRequest) => boolean | undefined;
  /** Major and minor numbers that its rules name. */
  readonly numbers: readonly Numbers[];
}

export interface Numbers {
  readonly major: number;
  readonly minor: number;
}

/** This number stands for all that no rule names. */
const OTHER = 0xffff7;
const BITS = [ACCESS_READ, ACCESS_WRITE, ACCESS_MKNOD];

/** Accesses of one device that differ from what was asked for, as bits. */
interface Found {
  readonly denied: number;
  readonly extra: number;
}

interface Device extends Numbers {
  readonly type: DeviceException["type"];
}

/** `undefined` if it cannot be found out what the guard allows. */
export function compareDevices(asked: DeviceSet, guard: Guard): Difference[] | undefined {
  const numbers = [...asked.exceptions.values(), ...guard.numbers];
  const all = pairsOf(numbers);
  const differences: Difference[] = [];
  for (const type of ["c", "b"] as const) {
    const seen = new Map<string, Found>();
    for (const pair of all) {
      const found = look(asked, guard, { type, ...pair });
      if (found === undefined) return undefined;
      seen.set(`${pair.major}:${pair.minor}`, found);
      if (found.denied === 0 && found.extra === 0) continue;
      // The same difference has been reported for a wider range of devices.
      if (wider(pair).some((key) => same(seen.get(key), found))) continue;
      differences.push(...tell(asked, { type, ...pair }, found));
    }
  }
  return differences;
}

/** Every pair of known numbers. Those that stand for many devices come first. */
function pairsOf(numbers: readonly Numbers[]): Numbers[] {
  const known = (values: readonly number[]) => [OTHER, ...new Set(values.filter((one) => one !== WILDCARD))];
  const majors = known(numbers.map(({ major }) => major));
  const minors = known(numbers.map(({ minor }) => minor));
  return majors.flatMap((major) => minors.map((minor) => ({ major, minor })));
}

/** The pairs that include this one. */
function wider({ major, minor }: Numbers): string[] {
  const keys = [`${OTHER}:${OTHER}`, `${major}:${OTHER}`, `${OTHER}:${minor}`];
  return keys.filter((key) => key !== `${major}:${minor}`);
}

const same = (one: Found | undefined, other: Found): boolean =>
  one?.denied === other.denied && one.extra === other.extra;

function look(asked: DeviceSet, guard: Guard, device: Device): Found | undefined {
  let [denied, extra] = [0, 0];
  for (const access of BITS) {
    const request = { ...device, access };
    const isThere = guard.allows(request);
    if (isThere === undefined) return undefined;
    const isAsked = isAllowed(asked, request);
    if (isAsked && !isThere) denied |= access;
    if (!isAsked && isThere) extra |= access;
  }
  return { denied, extra };
}

function tell(asked: DeviceSet, device: Device, { denied, extra }: Found): Difference[] {
  const wanted = BITS.filter((access) => isAllowed(asked, { ...device, access })).reduce(
    (all, one) => all | one,
    0,
  );
  const there = (wanted & ~denied) | extra;
  return [
    {
      topic: "devices",
      what: nameOf(device),
      asked: letters(wanted),
      found: letters(there),
      costs:
        denied === 0
          ? "it may use a device that it was not given"
          : "the program gets EPERM (operation not permitted) when it opens the device",
      next: denied === 0 ? TAKE_AWAY : '"diff --fix" writes the device rules again',
      fixable: true,
    },
  ];
}

const TAKE_AWAY =
  '"diff --fix" takes it away; if a hook gives it, as for GPUs, name it in linux.resources.devices instead';

const letters = (access: number): string => (access === 0 ? "nothing" : showAccess(access & ACCESS_ALL));

function nameOf({ type, major, minor }: Device): string {
  const shown = (number: number) => (number === OTHER ? "*" : String(number));
  const name = `${type} ${shown(major)}:${shown(minor)}`;
  const known = KNOWN_DEVICES[name] ?? KNOWN_DEVICES[`${type} ${shown(major)}:*`];
  return known === undefined ? name : `${name} (${known})`;
}
