// C headers with constants that TypeScript defines, so that they are defined once. Called by link.ts. Pure.

import { CAPACITY, FIRST_FUNCTIONS, SOCKET } from "../../src/linux/libraries/library-protocol.ts";
import {
  ARGUMENTS_OFFSET,
  BUFFER,
  CHILD_ONLY,
  CLONES,
  DATA_LIMIT,
  GO_ON,
  HEADER_SIZE,
  MESSAGE_LIMIT,
  NOT_DONE_HIGH,
  OPERATION_SIZE,
  PARENT_ONLY,
  RESULT_OFFSET,
  RETRIES,
  RETRIES_SHIFT,
} from "../../src/proxy/wire/protocol.ts";

/** `message-protocol.h`, for operations.c and trace.c in src/engine/native/. */
export function messageProtocolHeader(): string {
  const numbers = {
    ...{
      BUFFER,
      MESSAGE_LIMIT,
      DATA_LIMIT,
      HEADER_SIZE,
      OPERATION_SIZE,
      ARGUMENTS_OFFSET,
      RESULT_OFFSET,
      NOT_DONE_HIGH,
    },
    ...{ CHILD_ONLY, PARENT_ONLY, CLONES, GO_ON, RETRIES, RETRIES_SHIFT },
  };
  const lines = Object.entries(numbers).map(([name, value]) => `#define ${name} ${value}\n`);
  return `// Made of src/proxy/wire/protocol.ts by the build.\n${lines.join("")}`;
}

/** `library-protocol.h`, for src/engine/native/libraries.c. */
export function libraryProtocolHeader(): string {
  return `// Made of src/linux/libraries/library-protocol.ts by the build.
#define CAPACITY ${CAPACITY}
#define SOCKET ${SOCKET}
#define FIRST_FUNCTIONS ${FIRST_FUNCTIONS.join(", ")}
`;
}
