// Puts the seccomp filter into the last batches of a process and, if it notifies an agent, hands its listener
// over in between. Called by create and exec.

import { PR_SET_DUMPABLE } from "../linux/numbers/sched.ts";
import { type FilterPlaces, placeFilter } from "../process/identity.ts";
import type { ProcessPlan } from "../process/plan.ts";
import { prctl } from "../proxy/calls/calls.ts";
import { orGoOn } from "../proxy/calls/operation.ts";
import type { Conversation } from "../proxy/conversation.ts";
import { type HandOver, handOver, type Keeper } from "../seccomp/agent.ts";
import { type CompileOptions, compileSeccomp } from "../seccomp/compile.ts";
import type { CompiledFilter } from "../seccomp/filter.ts";
import { installFilter } from "../seccomp/install.ts";
import type { Listener } from "../seccomp/notify.ts";
import { rawFilter } from "../seccomp/raw.ts";
import { readAnnotations } from "../spec/annotations.ts";
import type { Seccomp, Spec } from "../spec/types.ts";
import type { GlobalOptions } from "./options.ts";

export interface FilterRequest {
  readonly process: ProcessPlan;
  readonly seccomp: CompiledFilter | undefined;
  readonly rootless: boolean;
}

/** The filter's operations, by place. */
export interface LastFilter extends FilterPlaces {
  /**
   * To be called when `beforeWaiting` has been carried out: hands the listener over, and carries out
   * `afterHandOver`.
   */
  handOver(to: Recipient | undefined): void;
}

/** The process that has the listener, and who gets it. */
export interface Recipient extends Pick<HandOver, "to" | "pid"> {
  readonly proxy: Conversation;
}

/** Is told of each system call of a container, and answers it as the container's own filter would. */
export interface Watch extends Keeper {
  /** The filter that tells, made from the container's own. */
  filterFor(own: CompiledFilter | undefined): CompiledFilter;
}

export type { Listener };

/** The container's filter, compiled, or from the cache below the state root if it was compiled before. */
export function seccompOf(spec: Spec, { root, trace }: GlobalOptions): CompiledFilter | undefined {
  return filterOf(spec, {
    cacheDirectory: `${root}/.cache/seccomp`,
    debug: trace && ((line) => trace.debug(line)),
  });
}

/** Like `seccompOf`, with a cache of the caller's choice. */
export function filterOf(spec: Spec, options: CompileOptions): CompiledFilter | undefined {
  const { seccompProgram, refusesUnknownCalls } = readAnnotations(spec);
  const profile = spec.linux?.seccomp;
  if (seccompProgram !== undefined) return rawFilter(seccompProgram, listenerOf(spec), profile);
  if (!refusesUnknownCalls) return compileSeccomp(profile, options);
  // A filter in the cache may have skipped an unknown name.
  return compileSeccomp(profile, { ...options, cacheDirectory: undefined, refusesUnknownCalls });
}

/** The profile; `undefined` if a ready-made program takes its place, since nobody knows what that allows. */
export function profileOf(spec: Spec): Seccomp | undefined {
  return readAnnotations(spec).seccompProgram === undefined ? spec.linux?.seccomp : undefined;
}

/** The agent that the filter notifies, if it notifies one. */
export function listenerOf(spec: Spec): Listener {
  const { listenerPath = "", listenerMetadata } = spec.linux?.seccomp ?? {};
  const path = listenerPath === "" ? readAnnotations(spec).seccompReceiver : listenerPath;
  return {
    ...(path === undefined ? {} : { listenerPath: path }),
    ...(listenerMetadata === undefined ? {} : { listenerMetadata }),
  };
}

/** Spreads the filter over the last batches; for `late` see `placeFilter`. */
export function placeSeccomp(
  { process, seccomp, rootless }: FilterRequest,
  { late = false }: { readonly late?: boolean } = {},
): LastFilter {
  if (seccomp === undefined) return { ...placeFilter(process, []), handOver: () => {} };
  const filter = installFilter(seccomp);
  const places = placeFilter(process, [filter], { notifies: seccomp.notify, late });
  if (!seccomp.notify) return { ...places, handOver: () => {} };
  // An ordinary user may fetch a descriptor only from a process that is dumpable.
  const setDumpable = (to: number) =>
    prctl(PR_SET_DUMPABLE, [to], "PR_SET_DUMPABLE", "open a process to its owner");
  const afterwards = rootless ? [orGoOn(setDumpable(0)), ...places.afterHandOver] : places.afterHandOver;
  return {
    ...places,
    beforeWaiting: rootless ? [setDumpable(1), ...places.beforeWaiting] : places.beforeWaiting,
    handOver: (recipient) => recipient && handOver(recipient.proxy, { ...recipient, filter, afterwards }),
  };
}
