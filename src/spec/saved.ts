// Reads the configuration that `create` has checked and saved. It is not checked again, since that would cost
// each `exec` a quarter of a millisecond; but the file may have been damaged since. So the types of the parts
// that commands take apart are looked at, and if a command fails with an error of the engine, such as a
// TypeError, the schema tells whether the file is the reason. Called by the state store and by main.ts.

import { isOutOfMemory, TsrunError } from "../errors.ts";
import { configError, syntaxError } from "./faults.ts";
import { normalise, restoreExactNumbers, withoutEmptyWords } from "./normalise.ts";
import { checkSchema } from "./schema-check.ts";
import type { Spec } from "./types.ts";

interface Saved {
  readonly text: string;
  /** Its name for messages. */
  readonly file: string;
}

/** The configuration that this command has read. A command reads that of one container only. */
let last: Saved | undefined;

/** Reads a saved config.json. Throws E_CONFIG if it is damaged, as far as that can be seen at a glance. */
export function reloadConfig(text: string, file: string): Spec {
  const saved = { text, file };
  last = saved;
  const document = withoutEmptyWords(parsed(saved), text);
  if (!hasParts(document, PARTS)) throw damageIn(saved, document) ?? unlike(saved);
  try {
    const spec = document as unknown as Spec;
    restoreExactNumbers(spec, text, "Spec");
    return normalise(spec);
  } catch (error) {
    throw orDamaged(error);
  }
}

/** For an error of the engine that a damaged configuration has led to: the configuration's fault instead. */
export function orDamaged(error: unknown): unknown {
  if (last === undefined || error instanceof TsrunError || isOutOfMemory(error)) return error;
  return damageIn(last, withoutEmptyWords(parsed(last), last.text)) ?? error;
}

function parsed({ text, file }: Saved): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw syntaxError({ file, text }) ?? error;
  }
}

function damageIn({ text, file }: Saved, document: unknown): TsrunError | undefined {
  const { faults, untold } = checkSchema(document, "Spec");
  return faults.length === 0 ? undefined : configError(faults, { file, source: { text }, untold });
}

function unlike({ file }: Saved): TsrunError {
  return new TsrunError("E_CONFIG", `cannot use "${file}": it is no configuration`);
}

type Kind = "number" | "string" | "list" | Parts;

/** Members, and of what kind each is if it is present. */
interface Parts {
  readonly [key: string]: Kind;
}

/** What commands take apart. A number in place of a list would look like an empty list, or make them fail. */
const PARTS: Parts = {
  ociVersion: "string",
  process: {
    user: { uid: "number", gid: "number", additionalGids: "list" },
    args: "list",
    env: "list",
    cwd: "string",
    capabilities: {},
    rlimits: "list",
  },
  root: {},
  mounts: "list",
  hooks: { createContainer: "list", startContainer: "list", poststart: "list", poststop: "list" },
  annotations: {},
  linux: {
    namespaces: "list",
    uidMappings: "list",
    gidMappings: "list",
    cgroupsPath: "string",
    resources: {},
    seccomp: {},
  },
};

function hasParts(value: unknown, parts: Parts): value is object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  for (const key in parts) {
    const member = (value as Readonly<Record<string, unknown>>)[key];
    if (member !== undefined && !isOf(member, parts[key] as Kind)) return false;
  }
  return true;
}

function isOf(value: unknown, kind: Kind): boolean {
  if (kind === "list") return Array.isArray(value);
  return typeof kind === "string" ? typeof value === kind : hasParts(value, kind);
}
