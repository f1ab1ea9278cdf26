// The block device controller: blkio on v1 (cgroup-v1/blkio-controller.rst), io on v2 (cgroup-v2.rst "IO").
// Pure.

import type { BlockIOResources, ThrottleDevice } from "../../spec/types.ts";
import { type CgroupWrite, decimal, deviceNumber, isSet } from "../writes.ts";

/** v1. The weights are those of the CFQ scheduler up to Linux 4.20 and of BFQ since. */
export function blkioV1(io: BlockIOResources): CgroupWrite[] {
  const writes: CgroupWrite[] = [];
  if (isSet(io.weight)) writes.push(cfqOrBfq("weight", decimal(io.weight)));
  if (isSet(io.leafWeight)) writes.push({ file: "blkio.leaf_weight", value: decimal(io.leafWeight) });
  for (const device of io.weightDevice ?? []) {
    const name = deviceNumber(device);
    if (isSet(device.weight)) writes.push(cfqOrBfq("weight_device", `${name} ${device.weight}`));
    if (isSet(device.leafWeight)) {
      writes.push({ file: "blkio.leaf_weight_device", value: `${name} ${device.leafWeight}` });
    }
  }
  const throttle = (file: string, devices: readonly ThrottleDevice[] = []): void => {
    for (const device of devices) {
      const value = `${deviceNumber(device)} ${decimal(device.rate, "unsigned")}`;
      writes.push({ file: `blkio.throttle.${file}`, value });
    }
  };
  throttle("read_bps_device", io.throttleReadBpsDevice);
  throttle("write_bps_device", io.throttleWriteBpsDevice);
  throttle("read_iops_device", io.throttleReadIOPSDevice);
  throttle("write_iops_device", io.throttleWriteIOPSDevice);
  return writes;
}

function cfqOrBfq(name: string, value: string): CgroupWrite {
  return { file: `blkio.${name}`, value, otherwise: { file: `blkio.bfq.${name}`, value } };
}

/**
 * v2. BFQ takes the weight unchanged; the kernel's own io.weight has another scale. There are no leaf
 * weights.
 * DIFFERS: without BFQ the write of a weight for one device fails; runc ignores it, crun fails.
 */
export function ioV2(io: BlockIOResources): CgroupWrite[] {
  const writes: CgroupWrite[] = [];
  if (isSet(io.weight)) {
    const otherwise = { file: "io.weight", value: decimal(blkioToIoWeight(io.weight)) };
    writes.push({ file: "io.bfq.weight", value: decimal(io.weight), otherwise });
  }
  for (const device of io.weightDevice ?? []) {
    if (!isSet(device.weight)) continue;
    writes.push({ file: "io.bfq.weight", value: `${deviceNumber(device)} ${device.weight}` });
  }
  const throttle = (key: string, devices: readonly ThrottleDevice[] = []): void => {
    for (const device of devices) {
      const value = `${deviceNumber(device)} ${key}=${decimal(device.rate, "unsigned")}`;
      writes.push({ file: "io.max", value });
    }
  };
  throttle("rbps", io.throttleReadBpsDevice);
  throttle("wbps", io.throttleWriteBpsDevice);
  throttle("riops", io.throttleReadIOPSDevice);
  throttle("wiops", io.throttleWriteIOPSDevice);
  return writes;
}

/** v1 weight (10…1000) as v2 weight (1…10000): linear, rounded down. */
export function blkioToIoWeight(weight: number): number {
  return weight === 0 ? 0 : 1 + Math.floor(((weight - 10) * 9999) / 990);
}
