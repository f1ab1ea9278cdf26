// gRPC's status codes, and the status for a failure (containerd's errdefs turns the codes into its errors).

import { TsrunError } from "../../errors.ts";

/** google.golang.org/grpc/codes */
export const CODES = {
  unknown: 2,
  "invalid argument": 3,
  "deadline exceeded": 4,
  "not found": 5,
  "already exists": 6,
  "resource exhausted": 8,
  "failed precondition": 9,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
} as const;

export type Code = keyof typeof CODES;

/** A request that cannot be answered, with the code that containerd makes its own errors from. */
export class RequestError extends Error {
  readonly code: Code;

  constructor(code: Code, message: string) {
    super(message);
    this.code = code;
  }
}

/** The status that reports a failure to the other side. */
export function statusOf(error: unknown): { code: number; message: string } {
  const message = error instanceof Error ? error.message : String(error);
  return { code: CODES[codeOf(error)], message };
}

/** The code of an error. */
export function codeOf(error: unknown): Code {
  if (error instanceof RequestError) return error.code;
  if (!(error instanceof TsrunError)) return "unknown";
  switch (error.code) {
    case "E_NOT_FOUND":
      return "not found";
    case "E_EXISTS":
      return "already exists";
    case "E_CONFIG":
    case "E_BAD_ID":
      return "invalid argument";
    default:
      return "unknown";
  }
}
