// Reads the file of `exec --process`. Called by the command before its story.

import { wrapError } from "../errors.ts";
import { loadProcess } from "../spec/load.ts";
import type { Process } from "../spec/types.ts";
import { readDocument } from "./document.ts";
import type { GlobalOptions } from "./options.ts";

/** Reads and checks a process file. */
export function readProcessFile(path: string, log: GlobalOptions["log"]): Process {
  let text: string;
  try {
    text = readDocument(path);
  } catch (error) {
    throw wrapError("cannot load the process file of --process", error);
  }
  const { document, oddKeys } = loadProcess(text, path);
  for (const warning of oddKeys) log.warning(warning);
  return document;
}
