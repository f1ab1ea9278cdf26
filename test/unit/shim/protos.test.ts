// The tables of messages agree with containerd's own .proto files: numbers, types, and nothing left out.

import { join } from "node:path";
import t, { type Test } from "tap";
import type { Field, FieldType, Message } from "../../../src/protobuf/protobuf.ts";
import { EVENTS, FORWARD_REQUEST } from "../../../src/shim/messages/events.ts";
import { METRICS_V1, METRICS_V2 } from "../../../src/shim/messages/metrics.ts";
import {
  CHECKPOINT_OPTIONS,
  CREATE_OPTIONS,
  GENERIC_OPTIONS,
  OLD_CHECKPOINT_OPTIONS,
  RUNC_OPTIONS,
} from "../../../src/shim/messages/options.ts";
import { PROCESS_DETAILS, STATUS, TASK_METHODS } from "../../../src/shim/messages/task.ts";
import { findProto, type Proto, type ProtoField, protoFolder, readProto } from "../../support/protos.ts";

const FOLDER = protoFolder() ?? "";
const skip =
  FOLDER === "" ? "needs golang-github-containerd-{containerd,cgroups}-dev (host-packages.sh)" : false;

/** Fields that versions of containerd after Debian 12's have. */
const NEWER: ReadonlySet<string> = new Set([
  ...["options.taskapiaddress", "options.taskapiversion", "options.configbody"],
  ...["cpustat.psi", "memorystat.swapmaxusage", "memorystat.maxusage", "memorystat.psi", "iostat.psi"],
]);
/** What tsrun does not report, and what no runtime reads. */
const LEFT_OUT: ReadonlySet<string> = new Set([
  ...["metrics.rdma", "metrics.network", "metrics.cgroupstats"],
  "updatetaskrequest.annotations",
]);
/** Names of the tables that are the kernel's or tsrun's own. */
const OTHER_NAMES: Readonly<Record<string, string>> = {
  hierarchicalmemswlimit: "hierarchicalswaplimit",
  ioqueuerecursive: "ioqueuedrecursive",
};

/** Types of the tables, by those of .proto files; all others are messages. */
const SCALARS: Readonly<Record<string, readonly FieldType[]>> = {
  ...{ uint32: ["int"], int32: ["int"], int64: ["int"], uint64: ["int", "long"] },
  ...{ bool: ["bool"], string: ["string"], bytes: ["bytes"], double: ["double"] },
};

/** The files write a name in several ways: `pgpgin`, `pg_pg_in`. */
function plain(name: string): string {
  const word = name.replaceAll("_", "").toLowerCase();
  return OTHER_NAMES[word] ?? word;
}

class Oracle {
  readonly #t: Test;
  readonly #protos: readonly Proto[];

  constructor(t: Test, files: readonly (string | readonly string[])[]) {
    this.#t = t;
    this.#protos = files.map((file) => readProto(findProto(FOLDER, ...[file].flat()) ?? `no ${file}`));
  }

  message(name: string): readonly ProtoField[] | undefined {
    const last = name.slice(name.lastIndexOf(".") + 1);
    return this.#protos.map(({ messages }) => messages.get(last)).find((found) => found !== undefined);
  }

  get methods(): Proto["methods"] {
    return this.#protos[0]?.methods ?? new Map();
  }

  /** Compares a table with the message of this name, and what it consists of. */
  compare(name: string, table: Message): void {
    const fields = this.message(name);
    if (fields === undefined) {
      // Google's own, which the packages do not have.
      this.#t.match(name, /^google\.protobuf\.(Any|Empty|Timestamp)$/, `${name} is nowhere`);
      return;
    }
    const byName = new Map(Object.entries<Field>(table).map(([key, field]) => [plain(key), field]));
    for (const field of fields) {
      const key = plain(field.name);
      const own = byName.get(key);
      if (own === undefined)
        this.#t.ok(LEFT_OUT.has(plain(`${name}.${key}`)), `${name} has a field "${key}"`);
      else this.#compareField(`${name}.${key}`, own, field);
      byName.delete(key);
    }
    for (const key of byName.keys()) {
      this.#t.ok(NEWER.has(plain(`${name}.${key}`)), `the table of ${name} has "${key}", which is nowhere`);
    }
  }

  #compareField(what: string, own: Field, { number, type, repeated }: ProtoField): void {
    this.#t.equal(own.number, number, `the number of ${what}`);
    this.#t.equal(own.repeated === true, repeated, `${what} is repeated`);
    const scalars = SCALARS[type];
    if (scalars !== undefined) this.#t.ok(scalars.includes(own.type), `${what} is ${type}`);
    else if (typeof own.type === "object") this.compare(type.replace(/^\w+\.types\./, ""), own.type);
    else this.#t.ok(own.type === "int" && this.#isEnum(type), `${what} is of the message or enum ${type}`);
  }

  #isEnum(name: string): boolean {
    const last = name.slice(name.lastIndexOf(".") + 1);
    return this.#protos.some(({ enums }) => enums.has(last));
  }
}

const TYPES = ["api/types/mount.proto", "api/types/task/task.proto"];

t.test("the task service", { skip }, async (t) => {
  const oracle = new Oracle(t, [["runtime/v2/task/shim.proto", "runtime/task/v2/shim.proto"], ...TYPES]);
  t.strictSame([...oracle.methods.keys()].sort(), Object.keys(TASK_METHODS).sort());
  for (const [method, [request, response]] of Object.entries(TASK_METHODS)) {
    const [asked = "", answered = ""] = oracle.methods.get(method) ?? [];
    oracle.compare(asked, request);
    oracle.compare(answered, response);
  }
  const { enums } = readProto(findProto(FOLDER, "api/types/task/task.proto") ?? "");
  for (const [name, value] of Object.entries(STATUS)) {
    t.equal(enums.get("Status")?.get(name.toUpperCase()), value, name);
  }
});

t.test("events", { skip }, async (t) => {
  const oracle = new Oracle(t, ["api/events/task.proto", ...TYPES]);
  for (const [name, [, table]] of Object.entries(EVENTS)) oracle.compare(name, table);
  const ttrpc = new Oracle(t, ["services/ttrpc/events/v1/events.proto"]);
  ttrpc.compare("ForwardRequest", FORWARD_REQUEST);
});

t.test("options", { skip }, async (t) => {
  const runc = new Oracle(t, [["runc/options/oci.proto"]]);
  runc.compare("Options", RUNC_OPTIONS);
  runc.compare("CheckpointOptions", CHECKPOINT_OPTIONS);
  const old = new Oracle(t, [["runctypes/runc.proto"]]);
  old.compare("CreateOptions", CREATE_OPTIONS);
  old.compare("CheckpointOptions", OLD_CHECKPOINT_OPTIONS);
  runc.compare("ProcessDetails", PROCESS_DETAILS);
  new Oracle(t, ["runtimeoptions/v1/api.proto"]).compare("Options", GENERIC_OPTIONS);
});

t.test("metrics", { skip }, async (t) => {
  const cgroups = join(FOLDER, "cgroups");
  const v1 = findProto(cgroups, "stats/v1/metrics.proto", "cgroup1/stats/metrics.proto") ?? "";
  const v2 = findProto(cgroups, "v2/stats/metrics.proto", "cgroup2/stats/metrics.proto") ?? "";
  new Oracle(t, [v1.slice(FOLDER.length + 1)]).compare("Metrics", METRICS_V1);
  new Oracle(t, [v2.slice(FOLDER.length + 1)]).compare("Metrics", METRICS_V2);
});
