// What is wrong with the events of containers and execs that containerd has taken: one that is missing, comes
// twice or at the wrong place.

import type { EventName } from "../../src/shim/messages/events.ts";
import type { ShimEvent } from "../support/shim-events.ts";

const LETTERS: Readonly<Partial<Record<EventName, string>>> = {
  TaskCreate: "C",
  TaskStart: "S",
  TaskExecAdded: "a",
  TaskExecStarted: "s",
  TaskExit: "E",
  TaskDelete: "D",
};
/** An id is used again if containerd has taken back a creation. Execs come while the container runs. */
const LIVES = /^(C(S[ase]*)?ED)+$/;
const EXEC = /^a(se)?$/;

/** What happened to a container, or to an exec: one letter for each event. */
export type Story = ReadonlyMap<string, string>;

export function storiesOf(events: readonly ShimEvent[]): { containers: Story; execs: Story } {
  const containers = new Map<string, string>();
  const execs = new Map<string, string>();
  for (const { name, values } of events) {
    const { containerId, execId, id } = values as { containerId: string; execId?: string; id?: string };
    const exec = execId ?? (id === containerId ? undefined : id);
    const letter = LETTERS[name] ?? "";
    const one = exec === undefined ? letter : letter.toLowerCase();
    containers.set(containerId, (containers.get(containerId) ?? "") + one);
    if (exec === undefined) continue;
    const key = `${containerId} ${exec}`;
    execs.set(key, (execs.get(key) ?? "") + one);
  }
  return { containers, execs };
}

/** The stories that cannot be. Every container must have been deleted by now. */
export function faultsIn(events: readonly ShimEvent[]): string[] {
  const { containers, execs } = storiesOf(events);
  return [...faulty("container", containers, LIVES), ...faulty("exec", execs, EXEC)];
}

function faulty(what: string, stories: Story, expected: RegExp): string[] {
  return [...stories]
    .filter(([, letters]) => !expected.test(letters))
    .map(([key, letters]) => `${what} ${key.slice(0, 12)}: ${letters}`);
}
