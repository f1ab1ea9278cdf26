// What cases about tsrun as containerd's shim have in common: the case itself, containers that sleep, states,
// documents, and the other ends of streams.

import { closeSync, constants, openSync, readFileSync, readSync } from "node:fs";
import { type Body, behaviour, type Condition, tsrunOnly } from "./behaviour.ts";
import type { Config } from "./config.ts";
import { Container } from "./container.ts";
import { hostMounts, type MountLine } from "./host.ts";
import type { Lab } from "./lab.ts";
import { Shim } from "./shim.ts";
import { until } from "./wait.ts";

/** How long the output of a container may take until its end. */
const READS_MS = 60_000;

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

/**
 * Everything that comes out of a FIFO. It is open when this returns, as containerd has it open before it asks
 * for anything: a reader that opens it later may find that the writer has gone.
 */
export function readFifo(path: string): Promise<string> {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const chunks: Buffer[] = [];
  // Without a writer there is no data and no wait: that is its end once there has been one.
  let wasWritten = false;
  const isOver = () => {
    for (;;) {
      const chunk = readPiece(fd);
      if (chunk === "later") wasWritten = true;
      if (typeof chunk === "string") return chunk === "end" && wasWritten;
      wasWritten = true;
      chunks.push(chunk);
    }
  };
  return until(`the end of ${path}`, isOver, READS_MS)
    .then(() => Buffer.concat(chunks).toString())
    .finally(() => closeSync(fd));
}

/** What is there; `end` if nobody has it open for writing, `later` if nothing has been written yet. */
function readPiece(fd: number): Buffer | "end" | "later" {
  const piece = Buffer.alloc(1 << 16);
  try {
    const length = readSync(fd, piece);
    return length === 0 ? "end" : piece.subarray(0, length);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EAGAIN") return "later";
    throw error;
  }
}

/**
 * The memory that is a process's own. Not `Private_Dirty`: where the executable lies on a tmpfs, that counts
 * its pages, too, as long as no other process uses them.
 */
export function privateKib(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Anonymous:\s+(\d+)/m.exec(rollup)?.[1]);
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
