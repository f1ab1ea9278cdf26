// Requests and answers of containerd's task service (api/runtime/task/v2 and v3, which have the same fields).
// Pure.

import type { Message } from "../../protobuf/protobuf.ts";
import { ANY, EMPTY, MOUNT, TIMESTAMP } from "./well-known.ts";

const ID = { id: { number: 1, type: "string" } } as const satisfies Message;
/** A process: the container's first one where there is no `execId`. */
const PROCESS = { ...ID, execId: { number: 2, type: "string" } } as const satisfies Message;
const PID = { pid: { number: 1, type: "int" } } as const satisfies Message;

const CREATE = {
  ...ID,
  bundle: { number: 2, type: "string" },
  rootfs: { number: 3, type: MOUNT, repeated: true },
  terminal: { number: 4, type: "bool" },
  stdin: { number: 5, type: "string" },
  stdout: { number: 6, type: "string" },
  stderr: { number: 7, type: "string" },
  checkpoint: { number: 8, type: "string" },
  parentCheckpoint: { number: 9, type: "string" },
  options: { number: 10, type: ANY },
} as const satisfies Message;

const EXEC = {
  ...PROCESS,
  terminal: { number: 3, type: "bool" },
  stdin: { number: 4, type: "string" },
  stdout: { number: 5, type: "string" },
  stderr: { number: 6, type: "string" },
  spec: { number: 7, type: ANY },
} as const satisfies Message;

const STATE = {
  ...ID,
  bundle: { number: 2, type: "string" },
  pid: { number: 3, type: "int" },
  status: { number: 4, type: "int" },
  stdin: { number: 5, type: "string" },
  stdout: { number: 6, type: "string" },
  stderr: { number: 7, type: "string" },
  terminal: { number: 8, type: "bool" },
  exitStatus: { number: 9, type: "int" },
  exitedAt: { number: 10, type: TIMESTAMP },
  execId: { number: 11, type: "string" },
} as const satisfies Message;

/** The shim's command `delete` prints this message, too. */
export const DELETE_RESPONSE = {
  ...PID,
  exitStatus: { number: 2, type: "int" },
  exitedAt: { number: 3, type: TIMESTAMP },
} as const satisfies Message;

const PROCESS_INFO = { ...PID, info: { number: 2, type: ANY } } as const satisfies Message;

/** containerd.runc.v1.ProcessDetails, in a PROCESS_INFO. */
export const PROCESS_DETAILS = { execId: { number: 1, type: "string" } } as const satisfies Message;

/** The methods, each with its request and its response. */
export const TASK_METHODS = {
  State: [PROCESS, STATE],
  Create: [CREATE, PID],
  Start: [PROCESS, PID],
  Delete: [PROCESS, DELETE_RESPONSE],
  Pids: [ID, { processes: { number: 1, type: PROCESS_INFO, repeated: true } }],
  Pause: [ID, EMPTY],
  Resume: [ID, EMPTY],
  Checkpoint: [{ ...ID, path: { number: 2, type: "string" }, options: { number: 3, type: ANY } }, EMPTY],
  Kill: [{ ...PROCESS, signal: { number: 3, type: "int" }, all: { number: 4, type: "bool" } }, EMPTY],
  Exec: [EXEC, EMPTY],
  ResizePty: [{ ...PROCESS, width: { number: 3, type: "int" }, height: { number: 4, type: "int" } }, EMPTY],
  CloseIO: [{ ...PROCESS, stdin: { number: 3, type: "bool" } }, EMPTY],
  Update: [{ ...ID, resources: { number: 2, type: ANY } }, EMPTY],
  Wait: [PROCESS, { exitStatus: { number: 1, type: "int" }, exitedAt: { number: 2, type: TIMESTAMP } }],
  Stats: [ID, { stats: { number: 1, type: ANY } }],
  Connect: [
    ID,
    {
      shimPid: { number: 1, type: "int" },
      taskPid: { number: 2, type: "int" },
      version: { number: 3, type: "string" },
    },
  ],
  Shutdown: [{ ...ID, now: { number: 2, type: "bool" } }, EMPTY],
} as const satisfies Record<string, readonly [Message, Message]>;

export type TaskMethod = keyof typeof TASK_METHODS;

/** containerd.v1.types.Status */
export const STATUS = { created: 1, running: 2, stopped: 3, paused: 4, pausing: 5 } as const;
