// The functions that commands call. src/main.ts passes them in: the declarations of commands import nothing
// that acts, so that manual pages, completion and tests can read them without the engine.

import { checkHost } from "../check/check.ts";
import { checkpointContainer } from "../container/checkpoint.ts";
import { createContainer } from "../container/create.ts";
import { deleteContainer } from "../container/delete.ts";
import { containerStats, watchContainer } from "../container/events.ts";
import { execContainer } from "../container/exec.ts";
import { killContainer } from "../container/kill.ts";
import { listContainerIds, listContainers } from "../container/list.ts";
import { addMounts, removeMounts } from "../container/mounts.ts";
import { pauseContainer, resumeContainer } from "../container/pause.ts";
import { readProcessFile } from "../container/process-file.ts";
import { containerProcesses, runPs } from "../container/ps.ts";
import { restoreContainer } from "../container/restore.ts";
import { runContainer } from "../container/run.ts";
import { startContainer } from "../container/start.ts";
import { containerState } from "../container/state.ts";
import { listIds } from "../container/store.ts";
import { showUsage, usageOnce, watchUsage } from "../container/top.ts";
import { readResources, updateContainer } from "../container/update.ts";
import { diffContainer } from "../diff/diff.ts";
import { explainBundle, explainContainer, isContainer } from "../explain/explain.ts";
import { validate } from "../explain/validate.ts";
import { collectGarbage } from "../gc/gc.ts";
import { recordContainer } from "../record/record.ts";
import { readTimes } from "../trace/read.ts";
import { whyContainer, whyStuck } from "../why/why.ts";
import { readTraceFile, writePage } from "./write-page.ts";
import { writeSpec } from "./write-spec.ts";

export const actions = {
  addMounts,
  checkHost,
  checkpointContainer,
  collectGarbage,
  containerProcesses,
  containerState,
  containerStats,
  createContainer,
  deleteContainer,
  diffContainer,
  execContainer,
  explainBundle,
  explainContainer,
  isContainer,
  killContainer,
  listContainerIds,
  listContainers,
  listIds,
  pauseContainer,
  readProcessFile,
  readResources,
  readTraceFile,
  recordContainer,
  readTimes,
  removeMounts,
  restoreContainer,
  resumeContainer,
  runContainer,
  runPs,
  showUsage,
  startContainer,
  updateContainer,
  usageOnce,
  validate,
  watchContainer,
  watchUsage,
  whyContainer,
  whyStuck,
  writePage,
  writeSpec,
};

export type Actions = typeof actions;
