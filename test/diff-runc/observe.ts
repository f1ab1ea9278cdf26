// Turns one side's output into lines under keys, without numbers that differ in each run: process ids, mount
// ids, peer groups, device numbers and inodes of namespaces. Each of these is replaced by the name of its
// equal.

import { parseMountinfo } from "../support/host.ts";
import { STATE_ROOT } from "./draft.ts";

/** Everything that can be compared. */
export type Observed = ReadonlyMap<string, readonly string[]>;

/** The lines of /proc/PID/status that depend on the container. */
const STATUS = new RegExp(
  "^(Umask|State|NSpid|NSpgid|NSsid|Uid|Gid|Groups|Cap\\w+|NoNewPrivs|Seccomp\\w*|Sig(Blk|Ign|Cgt)|Shd\\w+|" +
    "Spec\\w+|Cpus_allowed_list|Mems_allowed_list|Threads|THP_enabled|CoreDumping|TracerPid):",
);

class Names {
  readonly #names = new Map<string, string>();
  readonly #word: string;

  constructor(word: string) {
    this.#word = word;
  }

  set(value: string, name: string): void {
    if (!this.#names.has(value)) this.#names.set(value, name);
  }

  of(value: string): string {
    this.set(value, `${this.#word} ${this.#names.size + 1}`);
    return this.#names.get(value) ?? value;
  }
}

type Report = Map<string, string[]>;

function parseReport(text: string): Report {
  const report: Report = new Map();
  for (const line of text.split("\n")) {
    const tab = line.indexOf("\t");
    if (tab < 0) continue;
    const key = line.slice(0, tab);
    report.set(key, [...(report.get(key) ?? []), line.slice(tab + 1)]);
  }
  return report;
}

/** Sorted by mount point; mounts on the same one keep their order. */
function mountLines(report: Report, host: Report): string[] {
  const text = (of: Report) =>
    (of.get("mountinfo") ?? []).map((line) => line.replaceAll("\\x5c", "\\")).join("\n");
  const raw = text(report).split("\n");
  const mounts = parseMountinfo(text(report)).map((mount, index) => {
    const [, parent = "", device = ""] = raw[index]?.split(" ") ?? [];
    return { ...mount, parent, device, index };
  });
  const peers = new Names("peers");
  for (const { target, optional } of parseMountinfo(text(host))) {
    for (const tag of optional) peers.set(tag.replace(/^\w+:/, ""), `of the host's ${target}`);
  }
  const devices = new Names("device");
  for (const line of host.get("mountinfo") ?? []) {
    const [, , device = "", , target = ""] = line.split(" ");
    devices.set(device, `device of the host's ${target}`);
  }
  const places = new Map(mounts.map(({ id, target }) => [String(id), target]));
  mounts.sort((one, other) =>
    one.target < other.target ? -1 : one.target > other.target ? 1 : one.index - other.index,
  );
  return mounts.map(({ target, root, options, optional, type, source, superOptions, parent, device }) => {
    const tags = optional.map((tag) => {
      const [word, number] = tag.split(":");
      return number === undefined ? tag : `${word} ${peers.of(number)}`;
    });
    const of = devices.of(device);
    const below = places.get(parent) ?? "nothing";
    return [target, `in ${below}`, withoutNumbers(root), options, tags, type, source, superOptions, of]
      .map(String)
      .join(" | ");
  });
}

/** Says for each namespace which other one it equals. */
function namespaceLines(report: Report, host: Report): void {
  for (const [key, values] of report) {
    if (!key.startsWith("ns ")) continue;
    const same = String(values) === String(host.get(key));
    report.set(key, [same ? "the host's" : /\[\d+\]/.test(String(values)) ? "another" : String(values)]);
  }
}

/** Replaces the pids in the enclosing namespaces: only whether they are 1 or 0 is compared. */
function withoutPids(line: string): string {
  return line.startsWith("NS")
    ? line.replace(/x09(\d+)/g, (_, pid) => `x09${Number(pid) > 1 ? "N" : pid}`)
    : line;
}

function withoutNumbers(line: string): string {
  return line
    .replace(/(pipe|socket|anon_inode|mnt|net|uts|ipc|pid|user|cgroup|time):\[\d+\]/g, "$1:[N]")
    .replace(/^(\S+ )?\/proc\/\d+\//, "$1/proc/N/");
}

function reportLines(name: string, text: string, host: Report, into: Map<string, string[]>): void {
  const report = parseReport(text);
  const hasPids = String(report.get("ns pid")) === String(host.get("ns pid"));
  report.set("mountinfo", mountLines(report, host));
  const status = (report.get("status") ?? []).filter((line) => STATUS.test(line)).map(withoutPids);
  report.set("status", hasPids ? status.filter((line) => !line.startsWith("NS")) : status);
  namespaceLines(report, host);
  if (hasPids) report.delete("processes");
  for (const [key, lines] of report) {
    const said = key === "stdin" ? lines.map(documentOf) : lines.map(withoutNumbers);
    into.set(`${name} ${key}`, key === "processes" ? said.sort() : said);
  }
}

/** A state or a list of them. */
function documentOf(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), (key, value: unknown) => {
      if (key === "pid") return typeof value === "number" && value > 0 ? "PID" : value;
      if (key === "created") return /^\d{4}-.*Z$/.test(String(value)) ? "TIME" : value;
      return sorted(value);
    });
  } catch {
    return text;
  }
}

function sorted(value: unknown): unknown {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}

function stdoutLines(name: string, text: string): string[] {
  if (/^ps/.test(name)) {
    return [`${text.replace(/[^,[\]]/g, "").length}`];
  }
  // One document, or the output of a command followed by that of the probe.
  const lines = text.split("\n").filter((line) => line !== "");
  // The kernel lists the rules for devices as they were written.
  if (text.includes("\t")) lines.sort();
  const whole = documentOf(text);
  return whole === text ? lines.map(withoutNumbers) : [whole];
}

/** @param files the files that were written, by name */
export function observe(files: ReadonlyMap<string, string>): Observed {
  const observed = new Map<string, string[]>();
  const host = parseReport(files.get("host") ?? "");
  for (const line of (files.get("steps") ?? "").split("\n")) {
    const [, status = "", name = ""] = /^(\d+) (.*)$/.exec(line) ?? [];
    if (name !== "") observed.set(`${name} answers`, [status]);
  }
  for (const [name, text] of files) {
    if (name === "after") observed.set("left mounts", mountLines(parseReport(text), host));
    else if (name === "main" || /^(exec-\d+|hook-\w+-\d+)$/.test(name))
      reportLines(name, text, host, observed);
    else if (name.startsWith("left.")) observed.set(name.replace(".", " "), leftLines(name, text));
    else if (name.endsWith(".stdout"))
      observed.set(`${name.replace(/\.stdout$/, "")} says`, stdoutLines(name, text));
    else if (name.endsWith(".part")) observed.set(name, ["not complete"]);
  }
  return observed;
}

function leftLines(name: string, text: string): string[] {
  const lines = text.split("\n").filter((line) => line !== "");
  if (name !== "left.processes") return lines.filter((line) => !line.startsWith(`tree ${STATE_ROOT}`));
  // Leave out the observing programs.
  return lines.filter((line) => !/^(cat|sort|sh|probe)$/.test(line));
}
