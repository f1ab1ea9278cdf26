// The error of a command line that cannot be parsed. Thrown by the parser, formatted by src/cli/report.ts.
// Pure.

import { TsrunError } from "../errors.ts";

export interface UsageDetails {
  /** The line above the help on stdout, in one of runc's two forms. If absent, no help is printed. */
  readonly heading?: string;
  readonly exitStatus?: number;
  readonly hint?: string | undefined;
}

export class UsageError extends TsrunError {
  readonly heading: string | undefined;
  readonly exitStatus: number;

  constructor(message: string, { heading, exitStatus = 1, hint }: UsageDetails = {}) {
    super("E_USAGE", message, { hint });
    this.heading = heading;
    this.exitStatus = exitStatus;
  }
}
