// The error of a command line that cannot be understood. Thrown by the parser, told by src/cli/report.ts.
// Pure.

import { TsrunError } from "../errors.ts";

export interface UsageDetails {
  /** What stands above the help on stdout: runc's two forms. Without it no help is printed. */
  readonly heading?: string;
  readonly exitStatus?: number;
}

export class UsageError extends TsrunError {
  readonly heading: string | undefined;
  readonly exitStatus: number;

  constructor(message: string, { heading, exitStatus = 1 }: UsageDetails = {}) {
    super("E_USAGE", message);
    this.heading = heading;
    this.exitStatus = exitStatus;
  }
}
