// What cases about tsrun as containerd's shim have in common: the case itself, containers that sleep, states,
// documents, and the other ends of streams.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { type Body, behaviour, type Condition, tsrunOnly } from "./behaviour.ts";
import type { Config } from "./config.ts";
import { Container } from "./container.ts";
import { hostMounts, type MountLine } from "./host.ts";
import type { Lab } from "./lab.ts";
import { Shim } from "./shim.ts";

/** A case of tsrun alone: the other runtimes have containerd's own shim. */
export function shimCase(sentence: string, body: Body, ...conditions: Condition[]): void {
  behaviour(sentence, body, tsrunOnly("containerd has a shim of its own for it"), ...conditions);
}

/** A container that sleeps. */
export const sleeping = Container.script("exec sleep 1000");

/** The same in the pod `pod`. */
export function sleepingInPod(config: Config): void {
  sleeping(config);
  config.annotations = { "io.kubernetes.cri.sandbox-id": "pod" };
}

export const STATE_NAMES = ["absent", "created", "running", "paused", "stopped", "deleted"] as const;
export type StateName = (typeof STATE_NAMES)[number];

/** How a shim's container comes into a state. */
export const STATES: Readonly<Record<StateName, (shim: Shim) => Promise<void>>> = {
  absent: async () => {},
  created: async (shim) => void (await shim.create()),
  running: async (shim) => {
    await STATES.created(shim);
    await shim.client.call("Start", { id: shim.box.id });
  },
  paused: async (shim) => {
    await STATES.running(shim);
    await shim.client.call("Pause", { id: shim.box.id });
  },
  stopped: async (shim) => {
    await STATES.running(shim);
    await shim.client.call("Kill", { id: shim.box.id, signal: 9 });
    await shim.client.call("Wait", { id: shim.box.id });
  },
  deleted: async (shim) => {
    await STATES.stopped(shim);
    await shim.client.call("Delete", { id: shim.box.id });
  },
};

/** A shim with a container in this state. */
export async function shimWith(state: StateName, lab: Lab, edit = sleeping): Promise<Shim> {
  const shim = await Shim.start(lab, lab.container(edit));
  await STATES[state](shim);
  return shim;
}

/** A JSON document in a request. */
export function document(value: unknown): { typeUrl: string; value: Uint8Array } {
  return documentOf(JSON.stringify(value));
}

/** Any text in a document's place. */
export function documentOf(text: string): { typeUrl: string; value: Uint8Array } {
  return { typeUrl: "types.containerd.io/x", value: new TextEncoder().encode(text) };
}

/** A process of a container's for `Exec`, which runs this script. */
export function processOf(shim: Shim, script: string): ReturnType<typeof document> {
  return document({ ...shim.box.config.process, args: ["/bin/sh", "-c", script] });
}

/** Everything that comes out of a FIFO, by a reader of its own. */
export function readFifo(path: string): Promise<string> {
  const reader = spawn("cat", [path], { stdio: ["ignore", "pipe", "inherit"] });
  const chunks: Buffer[] = [];
  reader.stdout.on("data", (chunk: Buffer) => void chunks.push(chunk));
  return once(reader, "close").then(() => Buffer.concat(chunks).toString());
}

/** The host's mounts below a folder. */
export function mountsBelow(folder: string): MountLine[] {
  return hostMounts().filter(({ target }) => target.startsWith(`${folder}/`));
}

/** A container in a user namespace whose root is this id on the host. */
export function withRootAs(hostID: number, edit = sleeping): (config: Config) => void {
  const map = [{ containerID: 0, hostID, size: 65_536 }];
  return (config) => {
    edit(config);
    config.linux.namespaces.push({ type: "user" });
    config.linux.uidMappings = map;
    config.linux.gidMappings = map;
  };
}
