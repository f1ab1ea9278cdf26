// `linux.intelRdt`: plans a container's resctrl group and what is written to it. Pure. runtime-spec
// config-linux.md#intelrdt; the kernel's Documentation/filesystems/resctrl.rst.

import type { IntelRdt } from "../spec/types.ts";

export interface RdtPlan {
  /** The group's directory below the root of resctrl; "" is the root, which is the default group. */
  readonly group: string;
  /** The group belongs to this container alone and is removed with it. */
  readonly own: boolean;
  /** The group must exist, since the configuration has no schemata for it. */
  readonly mustExist: boolean;
  /** The lines for the group's `schemata`. */
  readonly lines: readonly string[];
  /** The name of the container's own monitoring group. */
  readonly monitor: string | undefined;
  readonly needs: readonly Need[];
}

/** A directory of `info` that shows a feature, and the error if it is missing. */
export interface Need {
  readonly info: string;
  readonly words: string;
  /** The beginning of a line of `mon_features` in that directory. */
  readonly feature?: string;
}

const MONITORING = "L3_MON";

/** @param id the container's, which names its own groups */
export function planRdt(rdt: IntelRdt, id: string): RdtPlan {
  const { closID = "", l3CacheSchema = "", memBwSchema = "" } = rdt;
  const lines = schemataLines(rdt);
  // The other two are older forms, one for each thing that can be monitored.
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

/** A processor may monitor only cache occupancy or only memory bandwidth. */
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

/** The features that an `update` of the schemata needs, with runc's error texts. */
export function needsOfUpdate({ l3CacheSchema = "", memBwSchema = "" }: IntelRdt): Need[] {
  const cache = { info: "L3", words: "Intel RDT/CAT: l3 cache schema is not enabled" };
  const bandwidth = { info: "MB", words: "Intel RDT/MBA: memory bandwidth schema is not enabled" };
  return [...(l3CacheSchema === "" ? [] : [cache]), ...(memBwSchema === "" ? [] : [bandwidth])];
}

/** AS RUNC: runc's text. */
function missing(member: string, feature: string): string {
  const verb = feature.includes(" ") ? "are" : "is";
  return `intelRdt.${member} is specified in config, but Intel RDT/${feature} ${verb} not enabled`;
}

/**
 * One line for each resource. For memory bandwidth `memBwSchema` overrides `l3CacheSchema`.
 */
export function schemataLines({ l3CacheSchema = "", memBwSchema = "", schemata = [] }: IntelRdt): string[] {
  const cache = linesOf(l3CacheSchema).filter((line) => memBwSchema === "" || !line.startsWith("MB:"));
  return [...cache, ...linesOf(memBwSchema), ...schemata.flatMap(linesOf)];
}

/** The first of `lines` that differs from a schemata file; `undefined` if all agree. */
export function differingLine(lines: readonly string[], schemata: string): string | undefined {
  const inForce = new Map(linesOf(schemata).map((line) => [resourceOf(line), domainsOf(line)]));
  return lines.find((line) => {
    const there = inForce.get(resourceOf(line));
    return [...domainsOf(line)].some(([domain, value]) => there?.get(domain) !== value);
  });
}

/** The old lines of a schemata file for the same resources. */
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

/** Without leading zeros, which the kernel does not require but prints. */
function plain(number: string): string {
  return number
    .trim()
    .toLowerCase()
    .replace(/^(0x)?0*(?=.)/, "");
}
