// Compares an explanation with that of the usual configuration, which is what `spec` writes: each row that
// differs is marked, with whether the container can reach more by it, or less. Pure; called by explain.ts.

import { judge } from "./judge.ts";
import type { Difference, Row, Section } from "./model.ts";

/**
 * Which column names a row, and which are compared. Not compared is what is each container's own: its names,
 * its program with variables and directory, its control group.
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

/** Facts and rows that are compared with nothing. */
const OWN = new Set(["root file system", "host name", "domain name", "session", "keyring", "loopback"]);

/** The sections with `differs`, `usually` and `lacks`. */
export function compareSections(sections: readonly Section[], usual: readonly Section[]): Section[] {
  const all: Section[] = [];
  for (const section of sections) {
    const index = usual.findIndex(({ topic }) => topic === section.topic);
    all.push(compared(section, usual[index]));
    for (const next of usual.slice(index + 1)) {
      // What only the usual configuration has follows what it follows there.
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
  // What is no longer kept is marked among what is dropped, and the other way round.
  const lacks = topic.endsWith("capabilities") ? [] : missing.map((row) => absent(topic, row));
  return {
    ...section,
    ...(facts === undefined ? {} : { facts: facts.map(mark) }),
    ...(table === undefined ? {} : { table: { ...table, rows: table.rows.map(mark) } }),
    ...(lacks.length === 0 ? {} : { lacks }),
  };
}

/** A filter, or no control group, is one difference, and not one of each row. */
function wholeDiffers({ topic, table }: Section, usual: Section | undefined): Difference | undefined {
  if (topic === "seccomp") return table === undefined ? undefined : "narrower";
  // The host's directory of devices takes the place of its own.
  if (topic === "devices" && table === undefined) return "wider";
  if (topic === "cgroup") return table === undefined ? "wider" : undefined;
  if (topic !== "device-access" || usual?.table === undefined) return undefined;
  // All are allowed but some, or only permissions decide.
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
  // The entry of a list has another number here, or none.
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
