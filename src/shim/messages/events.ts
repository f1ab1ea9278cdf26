// What a shim tells containerd of (api/events/task.proto), by topic, and how it is sent
// (api/services/ttrpc/events/v1). Pure.

import type { Message } from "../../protobuf/protobuf.ts";
import { ANY, MOUNT, TIMESTAMP } from "./well-known.ts";

const CONTAINER = { containerId: { number: 1, type: "string" } } as const satisfies Message;
const EXEC = { ...CONTAINER, execId: { number: 2, type: "string" } } as const satisfies Message;

const IO = {
  stdin: { number: 1, type: "string" },
  stdout: { number: 2, type: "string" },
  stderr: { number: 3, type: "string" },
  terminal: { number: 4, type: "bool" },
} as const satisfies Message;

/** The message, and the topic under which it is published. */
export const EVENTS = {
  TaskCreate: [
    "/tasks/create",
    {
      ...CONTAINER,
      bundle: { number: 2, type: "string" },
      rootfs: { number: 3, type: MOUNT, repeated: true },
      io: { number: 4, type: IO },
      checkpoint: { number: 5, type: "string" },
      pid: { number: 6, type: "int" },
    },
  ],
  TaskStart: ["/tasks/start", { ...CONTAINER, pid: { number: 2, type: "int" } }],
  TaskDelete: [
    "/tasks/delete",
    {
      ...CONTAINER,
      pid: { number: 2, type: "int" },
      exitStatus: { number: 3, type: "int" },
      exitedAt: { number: 4, type: TIMESTAMP },
      id: { number: 5, type: "string" },
    },
  ],
  TaskExit: [
    "/tasks/exit",
    {
      ...CONTAINER,
      id: { number: 2, type: "string" },
      pid: { number: 3, type: "int" },
      exitStatus: { number: 4, type: "int" },
      exitedAt: { number: 5, type: TIMESTAMP },
    },
  ],
  TaskOOM: ["/tasks/oom", CONTAINER],
  TaskExecAdded: ["/tasks/exec-added", EXEC],
  TaskExecStarted: ["/tasks/exec-started", { ...EXEC, pid: { number: 3, type: "int" } }],
  TaskPaused: ["/tasks/paused", CONTAINER],
  TaskResumed: ["/tasks/resumed", CONTAINER],
  TaskCheckpointed: ["/tasks/checkpointed", { ...CONTAINER, checkpoint: { number: 2, type: "string" } }],
} as const satisfies Record<string, readonly [string, Message]>;

export type EventName = keyof typeof EVENTS;

const ENVELOPE = {
  timestamp: { number: 1, type: TIMESTAMP },
  namespace: { number: 2, type: "string" },
  topic: { number: 3, type: "string" },
  event: { number: 4, type: ANY },
} as const satisfies Message;

export const FORWARD_REQUEST = { envelope: { number: 1, type: ENVELOPE } } as const satisfies Message;
