// Weights of block devices in systemd's range, 1 to 10000, from which it computes BFQ's 1 to 1000. Pure.

import type { BlockIOResources } from "../../spec/types.ts";
import { blkioToIoWeight } from "../controllers/blkio.ts";
import { deviceNumber, isSet } from "../writes.ts";
import { number, type Property, property } from "./property.ts";

const USUAL_WEIGHT = 100n;
/** Above the default weight, this many units of systemd's weight are one of BFQ's. */
const STEP = 11n;

/** The weight that systemd converts to this weight of BFQ (core/cgroup.c, BFQ_WEIGHT). */
export function ioWeightOfBfq(weight: bigint): bigint {
  return weight <= USUAL_WEIGHT ? weight : USUAL_WEIGHT + (weight - USUAL_WEIGHT) * STEP;
}

/**
 * Sets the default weight before those of single devices, as systemd does, since it removes them. If `bfq` is
 * set, the kernel has BFQ's files, and those are written.
 */
export function ioProperties({ weight, weightDevice }: BlockIOResources, bfq: boolean): Property[] {
  const properties: Property[] = [];
  if (isSet(weight)) properties.push(weightProperty(BigInt(weight), bfq ? "bfq" : "blkio"));
  const devices: [string, bigint][] = [];
  for (const device of bfq ? (weightDevice ?? []) : []) {
    if (isSet(device.weight)) devices.push(deviceWeight(deviceNumber(device), BigInt(device.weight)));
  }
  if (devices.length > 0) properties.push(deviceWeights(devices));
  return properties;
}

/** `io.weight` and `io.bfq.weight` of `unified`: one line for all devices, and lines for single ones. */
export function unifiedIoProperties(file: "io.weight" | "io.bfq.weight", value: string): Property[] {
  const properties: Property[] = [];
  const devices: [string, bigint][] = [];
  for (const line of value.split("\n")) {
    const [, device, weight] = /^\s*(?:default\s+|(\d+:\d+)\s+)?(\d+)\s*$/.exec(line) ?? [];
    if (weight === undefined) continue;
    if (device === undefined)
      properties.push(weightProperty(BigInt(weight), file === "io.weight" ? "io" : "bfq"));
    // systemd does not touch a device's line in io.weight.
    else if (file === "io.bfq.weight") devices.push(deviceWeight(device, BigInt(weight)));
  }
  return devices.length === 0 ? properties : [...properties, deviceWeights(devices)];
}

function weightProperty(weight: bigint, scale: "io" | "bfq" | "blkio"): Property {
  if (scale === "blkio") return number("IOWeight", blkioToIoWeight(Number(weight)));
  return number("IOWeight", scale === "io" ? weight : ioWeightOfBfq(weight));
}

/** udev names every block device by its number. */
function deviceWeight(device: string, weight: bigint): [string, bigint] {
  return [`/dev/block/${device}`, ioWeightOfBfq(weight)];
}

function deviceWeights(devices: readonly (readonly [string, bigint])[]): Property {
  return property("IODeviceWeight", "a(st)", devices);
}
