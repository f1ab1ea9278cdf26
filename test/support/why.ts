// What `why` says of a lab's containers, as JSON.

import type { CallOptions } from "./container.ts";
import type { Lab } from "./lab.ts";

interface Finding {
  readonly kind: string;
  readonly weight: "note" | "waits" | "wrong";
  readonly words: string;
  readonly details?: readonly string[];
  readonly next?: string;
}

export interface Report {
  readonly id: string;
  readonly state: string;
  readonly words: string;
  readonly wrong: boolean;
  readonly findings: readonly Finding[];
  readonly pid?: number;
  readonly end?: { readonly status?: number; readonly signal?: number };
}

export interface Why extends Report {
  /** The exit status of the command. */
  readonly code: number;
  /** The finding of this kind. */
  about(kind: string): Finding | undefined;
}

export async function why(lab: Lab, id: string, { flags = [], ...options }: CallOptions = {}): Promise<Why> {
  const { code, stdout, stderr } = await lab.invoke(["why", "--json", ...flags, id], options);
  if (stderr !== "" || stdout === "") throw new Error(`why ${id}: ${code} ${stderr}`);
  const report = JSON.parse(stdout) as Report;
  return { ...report, code, about: (kind) => report.findings.find((finding) => finding.kind === kind) };
}

export interface Stuck {
  readonly code: number;
  readonly looked: number;
  readonly reports: readonly Report[];
}

export async function stuck(lab: Lab, flags: readonly string[] = []): Promise<Stuck> {
  const { code, stdout, stderr } = await lab.invoke(["why", "--stuck", "--json", ...flags]);
  if (stderr !== "" || stdout === "") throw new Error(`why --stuck: ${code} ${stderr}`);
  return { code, ...(JSON.parse(stdout) as Omit<Stuck, "code">) };
}
