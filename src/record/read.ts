// Reads a document of `record`. Called by record and validate.

import { readDocument } from "../container/document.ts";
import { loadRecording } from "../spec/load.ts";
import type { Recording } from "../spec/types.ts";

/** Throws an error that lists every fault of the document. */
export function readRecording(path: string): Recording {
  return loadRecording(readDocument(path), path);
}
