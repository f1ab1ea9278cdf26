// The network devices that a container gets, in words. Pure.

import { childPointer } from "../spec/json-positions.ts";
import type { ExplainedPlan, Section } from "./model.ts";

export function describeNetDevices({ bundle }: ExplainedPlan): Section[] {
  const devices = Object.entries(bundle.spec.linux?.netDevices ?? {});
  if (devices.length === 0) return [];
  return [
    {
      topic: "network-devices",
      pointer: "/linux/netDevices",
      title: "Network devices: taken from the host",
      text: [
        "Moved by netlink from the host's network into the container's, with their addresses. When the " +
          "container is gone, hardware returns to the host; virtual devices are gone too.",
      ],
      table: {
        columns: [
          ["device", "DEVICE"],
          ["name", "NAME INSIDE"],
        ],
        rows: devices.map(([device, { name = "" }]) => ({
          device,
          name: name === "" ? device : name,
          pointer: childPointer("/linux/netDevices", device),
        })),
      },
    },
  ];
}
