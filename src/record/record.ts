// `record`: runs a container and reports what it used.

import { loadBundle } from "../container/bundle.ts";
import { profileOf } from "../container/filter.ts";
import { isId } from "../container/id.ts";
import type { CreateOptions, GlobalOptions } from "../container/options.ts";
import { runContainer } from "../container/run.ts";
import { findStateDirectory } from "../container/store.ts";
import { TsrunError } from "../errors.ts";
import { replaceFile, status } from "../linux/files/files.ts";
import { checkWritableLater } from "../linux/files/replaceable.ts";
import { namedCall, ownCalls } from "../seccomp/names.ts";
import { prettyJson } from "../spec/exact-json.ts";
import { restoreExactNumbers } from "../spec/normalise.ts";
import type { RecordedCall, Recording, Spec } from "../spec/types.ts";
import { applied, merged, type Observation, recordingOf } from "./document.ts";
import { writablePlaces } from "./places.ts";
import { readRecording } from "./read.ts";
import { Recorder, type Seen } from "./recorder.ts";
import type { CountedCall } from "./tally.ts";

export interface RecordOptions {
  /** The bundle, as given on the command line. */
  readonly word: string | undefined;
  /** What to run; `undefined` to only merge recordings. */
  readonly create: CreateOptions | undefined;
  /** Absolute paths of earlier recordings. */
  readonly merge: readonly string[];
  /** Absolute paths to write the document and the configuration to. */
  readonly output: string | undefined;
  readonly writeConfig: string | undefined;
  /** When to end the program, in milliseconds after its start. */
  readonly endAfterMs: number | undefined;
}

export interface Recorded {
  readonly recording: Recording;
  /** The exit status of the container's process; 0 if nothing ran. */
  readonly status: number;
}

/** Runs the container, if there is one to run, merges and writes the recording. */
export function recordContainer(globals: GlobalOptions, options: RecordOptions): Recorded {
  // Before anything runs: a damaged document is refused, and what could not be written at the end.
  const earlier = options.merge.map(readRecording);
  if (options.output !== undefined) checkWritableLater(options.output, "the recording");
  if (options.writeConfig !== undefined) checkWritableLater(options.writeConfig, "the configuration");
  const known = ownCalls();
  const { create } = options;
  if (create === undefined) return { recording: mergeOnly(earlier, options, known), status: 0 };
  refuseContainer(globals, options.word, create.bundle);
  const bundle = loadBundle(create.bundle, create.config);
  const { spec, path, rootfs } = bundle;
  using recorder = new Recorder(writablePlaces({ spec, bundle: path, rootfs }), options.endAfterMs);
  const exitStatus = runContainer(
    globals,
    { ...create, bundle: path, detach: false, keep: false, noSubreaper: false },
    recorder,
  );
  const own = recordingOf(observation(spec, known, recorder.end()));
  const recording = merged(own, earlier, known.names);
  save(recording, options, bundle.text);
  return { recording, status: exitStatus };
}

/** Refuses the id of an existing container: the filter of a running program cannot be changed. */
function refuseContainer({ root }: GlobalOptions, word: string | undefined, path: string): void {
  if (word === undefined || status(path) !== undefined || !isId(word)) return;
  using directory = findStateDirectory(root, word);
  if (directory === undefined) return;
  const { bundle } = directory.load();
  const reason = "the system calls of a running program can no longer be watched";
  throw new TsrunError("E_USAGE", `cannot record the container "${word}": ${reason}`, {
    hint: `"record ${bundle}" runs a new container of its bundle and records that`,
  });
}

function mergeOnly(
  [first, ...others]: readonly Recording[],
  options: RecordOptions,
  known: OwnCalls,
): Recording {
  if (first === undefined) throw new TsrunError("E_USAGE", "nothing to record: name a bundle");
  const recording = merged(first, others, known.names);
  save(recording, options, undefined);
  return recording;
}

type OwnCalls = ReturnType<typeof ownCalls>;

function observation(spec: Spec, known: OwnCalls, seen: Seen): Observation {
  return {
    spec,
    own: profileOf(spec),
    calls: seen.calls.map(named),
    known: known.names,
    architecture: known.architecture,
    capabilities: seen.capabilities,
    lostChecks: seen.lostChecks,
    written: seen.written ?? { paths: [], mounts: [], limits: [] },
    seconds: seen.seconds,
    notified: seen.notified,
    answering: seen.answeringSeconds,
  };
}

function named({ architecture, number, errno, times }: CountedCall): RecordedCall {
  const call = namedCall(architecture, number);
  return errno === undefined ? { ...call, times } : { ...call, times, errno };
}

/** @param text the bundle's config.json */
function save(recording: Recording, { output, writeConfig }: RecordOptions, text: string | undefined): void {
  if (output !== undefined) replaceFile(output, `${prettyJson(recording)}\n`, { mode: 0o644 });
  if (writeConfig === undefined || text === undefined) return;
  const config = JSON.parse(text) as Spec;
  restoreExactNumbers(config, text, "Spec");
  replaceFile(writeConfig, `${prettyJson(applied(config, recording))}\n`, { mode: 0o644 });
}
