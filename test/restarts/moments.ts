// The moments at which containerd is killed: in the life of a container that is created, started, prints, is
// exec'd into, ends and is deleted.

import type { ShimEvent } from "../support/shim-events.ts";
import type { Point } from "./relay.ts";

/** What the client, as a kubelet, has begun. */
export type Step = "start" | "exec" | "exit" | "stop" | "remove";

export interface Moment {
  readonly name: string;
  /** Whether this event of the container's is where it happens. */
  readonly at?: (point: Point, event: ShimEvent) => boolean;
  /** Or: so many milliseconds after a step has begun. */
  readonly after?: { readonly step: Step; readonly ms: number };
  /** The container is stopped, and does not end by itself. */
  readonly stops?: boolean;
}

const POINTS = {
  sent: "containerd has not got it",
  answered: "the shim has not got the answer",
} as const satisfies Record<Point, string>;

const isInit = ({ values }: ShimEvent): boolean =>
  values.id === undefined || values.id === values.containerId;

const EVENTS: Readonly<Record<string, (event: ShimEvent) => boolean>> = {
  TaskCreate: ({ name }) => name === "TaskCreate",
  TaskStart: ({ name }) => name === "TaskStart",
  TaskExecAdded: ({ name }) => name === "TaskExecAdded",
  TaskExecStarted: ({ name }) => name === "TaskExecStarted",
  "TaskExit of the exec": (event) => event.name === "TaskExit" && !isInit(event),
  "TaskExit of the container": (event) => event.name === "TaskExit" && isInit(event),
  TaskDelete: ({ name }) => name === "TaskDelete",
};

const atEvents = Object.entries(EVENTS).flatMap(([name, is]) =>
  (["sent", "answered"] as const).map(
    (point): Moment => ({
      name: `${name}, and ${POINTS[point]}`,
      at: (where, event) => where === point && is(event),
    }),
  ),
);

const after = (step: Step, ms: number, name: string, more: Partial<Moment> = {}): Moment => {
  return { name: `${name}, ${ms} ms`, after: { step, ms }, ...more };
};

export const MOMENTS: readonly Moment[] = [
  ...atEvents,
  after("start", 10, "in the creation"),
  after("start", 40, "in the creation"),
  after("start", 150, "in much output"),
  after("exec", 300, "in an exec that prints"),
  after("stop", 300, "in a stop that waits", { stops: true }),
  after("remove", 10, "in a removal"),
];
