// C headers with constants that TypeScript defines, so that they are defined once. Called by link.ts. Pure.

import { CAPACITY, FIRST_FUNCTIONS, SOCKET } from "../../src/linux/libraries/library-protocol.ts";

/** `library-protocol.h`, for src/engine/native/libraries.c. */
export function libraryProtocolHeader(): string {
  return `// Made of src/linux/libraries/library-protocol.ts by the build.
#define CAPACITY ${CAPACITY}
#define SOCKET ${SOCKET}
#define FIRST_FUNCTIONS ${FIRST_FUNCTIONS.join(", ")}
`;
}
