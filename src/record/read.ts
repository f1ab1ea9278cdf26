// Reads a document of `record`. Called by record and validate.

import { readDocument } from "../container/document.ts";
import { loadRecording } from "../spec/load.ts";
import type { Recording } from "../spec/types.ts";

/** Reads and checks it; throws with every fault. */
export function readRecording(path: string): Recording {
  return loadRecording(readDocument(path), path);
}
