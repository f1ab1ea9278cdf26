// `linux.intelRdt`: which group of resctrl a container is in, and what is written there. Pure. runtime-spec
// config-linux.md#intelrdt; the kernel's Documentation/filesystems/resctrl.rst.

import type { IntelRdt } from "../spec/types.ts";

export interface RdtPlan {
  /** The group's directory below the root of resctrl; "" is the root, the group of everybody else. */
  readonly group: string;
  /** The group is this container's alone: it goes with the container. */
  readonly own: boolean;
  /** The group is to be there already, since nothing says what would be in it. */
  readonly mustExist: boolean;
  /** What is written to the group's `schemata`. */
  readonly lines: readonly string[];
  /** The name of a monitoring group of the container's own. */
  readonly monitor: string | undefined;
  readonly needs: readonly Need[];
}

/** A directory of `info` that tells of a feature, and the error where it is missing. */
export interface Need {
  readonly info: string;
  readonly words: string;
  /** How a line of `mon_features` in that directory begins. */
  readonly feature?: string;
}

const MONITORING = "L3_MON";

/** @param id the container's, which names what is its own */
export function planRdt(rdt: IntelRdt, id: string): RdtPlan {
  const { closID = "", l3CacheSchema = "", memBwSchema = "" } = rdt;
  const lines = schemataLines(rdt);
  // The two others are older forms, one for each thing that can be monitored.
  const monitored = rdt.enableMonitoring === true || rdt.enableCMT === true || rdt.enableMBM === true;
  return {
    group: closID === "" ? id : closID.replace(/^\/$/, ""),
    own: closID === "",
    mustExist: closID !== "" && lines.length === 0,
    lines,
    monitor: monitored ? id : undefined,
    needs: [
      ...(l3CacheSchema === "" ? [] : [{ info: "L3", words: missing("l3CacheSchema", "CAT") }]),
      ...(memBwSchema === "" ? [] : [{ info: "MB", words: missing("memBwSchema", "MBA") }]),
      ...monitoringNeeds(rdt),
    ],
  };
}

/** A processor may count the use of the cache and not that of memory bandwidth, or the other way round. */
function monitoringNeeds({ enableMonitoring, enableCMT, enableMBM }: IntelRdt): Need[] {
  const needs: Need[] = [];
  const add = (member: string, of: string, feature?: string): void => {
    const need = { info: MONITORING, words: missing(member, of) };
    needs.push(feature === undefined ? need : { ...need, feature });
  };
  if (enableMonitoring === true) add("enableMonitoring", "CMT and MBM");
  if (enableCMT === true) add("enableCMT", "CMT", "llc_occupancy");
  if (enableMBM === true) add("enableMBM", "MBM", "mbm_");
  return needs;
}

/** What `update` needs for the schemata it is given, in runc's words. */
export function needsOfUpdate({ l3CacheSchema = "", memBwSchema = "" }: IntelRdt): Need[] {
  const cache = { info: "L3", words: "Intel RDT/CAT: l3 cache schema is not enabled" };
  const bandwidth = { info: "MB", words: "Intel RDT/MBA: memory bandwidth schema is not enabled" };
  return [...(l3CacheSchema === "" ? [] : [cache]), ...(memBwSchema === "" ? [] : [bandwidth])];
}

/** AS RUNC: its words. */
function missing(member: string, feature: string): string {
  const verb = feature.includes(" ") ? "are" : "is";
  return `intelRdt.${member} is specified in config, but Intel RDT/${feature} ${verb} not enabled`;
}

/**
 * One line for each resource. What `memBwSchema` says of memory bandwidth replaces what `l3CacheSchema` does.
 */
export function schemataLines({ l3CacheSchema = "", memBwSchema = "", schemata = [] }: IntelRdt): string[] {
  const cache = linesOf(l3CacheSchema).filter((line) => memBwSchema === "" || !line.startsWith("MB:"));
  return [...cache, ...linesOf(memBwSchema), ...schemata.flatMap(linesOf)];
}

/** The first of `lines` that says something else than a schemata file does; `undefined` when all hold. */
export function differingLine(lines: readonly string[], schemata: string): string | undefined {
  const inForce = new Map(linesOf(schemata).map((line) => [resourceOf(line), domainsOf(line)]));
  return lines.find((line) => {
    const there = inForce.get(resourceOf(line));
    return [...domainsOf(line)].some(([domain, value]) => there?.get(domain) !== value);
  });
}

/** The lines of a schemata file that say of the same resources what was said before. */
export function linesBefore(lines: readonly string[], schemata: string): string[] {
  const resources = new Set(lines.map(resourceOf));
  return linesOf(schemata).filter((line) => resources.has(resourceOf(line)));
}

function linesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

function resourceOf(line: string): string {
  return line.slice(0, line.indexOf(":")).trim();
}

/** `L3:0=0ff;1=f` as domains with values in one form. */
function domainsOf(line: string): Map<string, string> {
  const entries = line.slice(line.indexOf(":") + 1).split(";");
  return new Map(
    entries.map((entry) => {
      const [domain = "", value = ""] = entry.split("=");
      return [plain(domain), plain(value)];
    }),
  );
}

/** Without the zeros in front, which the kernel neither asks for nor leaves out. */
function plain(number: string): string {
  return number
    .trim()
    .toLowerCase()
    .replace(/^(0x)?0*(?=.)/, "");
}
