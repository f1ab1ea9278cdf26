// Compares an explanation with that of the usual configuration, which `spec` writes. Marks each row that
// differs, and says whether it lets the container reach more or less. Pure; called by explain.ts.

import { judge } from "./judge.ts";
import type { Difference, Row, Section } from "./model.ts";

/**
 * For each topic, the column that identifies a row, and the columns that are compared. What differs between
 * any two containers is not compared: names, program, variables, working directory, control group.
 */
const COMPARED: Readonly<Record<string, readonly [key: string, ...compared: string[]]>> = {
  namespaces: ["namespace", "from"],
  clocks: ["clock", "offset"],
  "network-devices": ["device"],
  rdt: ["line"],
  apart: ["step", "effect"],
  mounts: ["destination", "what", "flags", "note"],
  devices: ["path", "device", "mode", "owner"],
  limits: ["limit", "value"],
  "device-access": ["device", "access"],
  rlimits: ["name", "soft", "hard"],
  hooks: ["command", "kind"],
  root: ["name", "value"],
  paths: ["path", "becomes"],
  identity: ["what", "becomes"],
  capabilities: ["name", "sets"],
  "dropped-capabilities": ["name"],
  annotations: ["annotation"],
};

/** Facts and rows that are not compared. */
const OWN = new Set(["root file system", "host name", "domain name", "session", "keyring", "loopback"]);

/** Adds `differs`, `usually` and `lacks` to the sections. */
export function compareSections(sections: readonly Section[], usual: readonly Section[]): Section[] {
  const all: Section[] = [];
  for (const section of sections) {
    const index = usual.findIndex(({ topic }) => topic === section.topic);
    all.push(compared(section, usual[index]));
    for (const next of usual.slice(index + 1)) {
      // A section that only the usual configuration has keeps its place behind the section before it.
      if (index < 0 || sections.some(({ topic }) => topic === next.topic)) break;
      all.push(compared(emptied(next), next));
    }
  }
  return all;
}

function emptied({ topic, title, pointer }: Section): Section {
  return { topic, title, text: ["None are asked for."], ...(pointer === undefined ? {} : { pointer }) };
}

function compared(section: Section, usual: Section | undefined): Section {
  const { topic, facts, table } = section;
  const whole = wholeDiffers(section, usual);
  if (whole !== undefined) return { ...section, differs: whole };
  const columns = COMPARED[topic];
  if (columns === undefined) return section;
  const key = columns[0];
  const before = new Map(
    [...(usual?.facts ?? []), ...(usual?.table?.rows ?? [])].map((row) => [row[key], row]),
  );
  const mark = (row: Row): Row => marked(topic, columns, row, before.get(row[key]));
  const here = new Set((table?.rows ?? []).map((row) => row[key]));
  const missing = (usual?.table?.rows ?? []).filter((row) => !here.has(row[key]) && !OWN.has(row[key] ?? ""));
  // A capability that is missing among those kept is among those dropped, and marked there; and vice versa.
  const lacks = topic.endsWith("capabilities") ? [] : missing.map((row) => absent(topic, row));
  return {
    ...section,
    ...(facts === undefined ? {} : { facts: facts.map(mark) }),
    ...(table === undefined ? {} : { table: { ...table, rows: table.rows.map(mark) } }),
    ...(lacks.length === 0 ? {} : { lacks }),
  };
}

/**
 * Differences of a whole section, such as a filter or a missing control group; its rows are not marked
 * then.
 */
function wholeDiffers({ topic, table }: Section, usual: Section | undefined): Difference | undefined {
  if (topic === "seccomp") return table === undefined ? undefined : "narrower";
  // Without a table, a mount puts another directory on /dev.
  if (topic === "devices" && table === undefined) return "wider";
  if (topic === "cgroup") return table === undefined ? "wider" : undefined;
  if (topic !== "device-access" || usual?.table === undefined) return undefined;
  // Otherwise all devices are allowed except some, or only file permissions decide.
  return table?.columns[1]?.[1] === usual.table.columns[1]?.[1] ? undefined : "wider";
}

function marked(
  topic: string,
  [key, ...columns]: readonly [string, ...string[]],
  row: Row,
  usual: Row | undefined,
): Row {
  if (OWN.has(row[key] ?? "")) return row;
  if (usual !== undefined && columns.every((column) => (row[column] ?? "") === (usual[column] ?? "")))
    return row;
  const differs = judge(topic, row, usual);
  if (differs === undefined) return row;
  return { ...row, differs, usually: usual === undefined ? "" : words(usual, columns) };
}

function absent(topic: string, usual: Row): Row {
  const { pointer = "", ...cells } = usual;
  // The index belongs to the usual configuration, so point to the list.
  const list = /\/\d+$/.test(pointer) ? pointer.slice(0, pointer.lastIndexOf("/")) : pointer;
  const differs = judge(topic, undefined, usual) ?? "other";
  return { ...cells, ...(list === "" ? {} : { pointer: list }), differs };
}

function words(row: Row, columns: readonly string[]): string {
  return columns
    .map((column) => row[column] ?? "")
    .filter((cell) => cell !== "")
    .join(", ");
}
