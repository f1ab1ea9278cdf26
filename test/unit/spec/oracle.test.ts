// Compares our schemas with the specification's: the same verdict on thousands of documents, except for
// deliberate differences. Each of these choices has a name, a reason and an example here;
// docs/adr/0003-config-check.md explains them.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { Ajv, type ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import t from "tap";
import * as acceptors from "../../../src/spec/generated/acceptors.ts";
import * as validators from "../../../src/spec/generated/validators.ts";
import { pointerKeys } from "../../../src/spec/json-positions.ts";
import { withoutEmptyWords } from "../../../src/spec/normalise.ts";
import { type Json, Random, randomDocument, spoil } from "./random-documents.ts";

type Document = { [key: string]: Json };
type Kind = "config" | "state" | "features";

/** One complaint of either side. */
interface Complaint {
  readonly pointer: string;
  readonly keyword: string;
  readonly value: Json | undefined;
}

interface Choice {
  readonly name: string;
  readonly why: string;
  readonly kind?: Kind;
  /** The side that finds a fault. */
  readonly rejectedBy: "ours" | "theirs";
  readonly explains: (complaint: Complaint) => boolean;
  readonly example: Document;
}

const V = { ociVersion: "1.3.0" };

const CHOICES: readonly Choice[] = [
  {
    name: "null is absent",
    why: "Go writes an unset list or object as null, and reads null as unset: callers of runc do send it",
    rejectedBy: "theirs",
    explains: ({ value }) => value === null,
    example: { ...V, mounts: null },
  },
  {
    name: "a profile that says nothing is none",
    why: "runc takes it for a seccomp that is switched off",
    rejectedBy: "theirs",
    explains: ({ pointer }) => /^\/linux\/seccomp(\/defaultAction|\/syscalls)?$/.test(pointer),
    example: { ...V, linux: { seccomp: {} } },
  },
  {
    name: "fileMode beyond 512",
    why: "theirs means the octal 0777 and says the decimal 512; callers send st_mode with its type bits",
    rejectedBy: "theirs",
    explains: ({ pointer, keyword }) =>
      keyword === "maximum" && /^\/linux\/devices\/\d+\/fileMode$/.test(pointer),
    example: { ...V, linux: { devices: [{ type: "p", path: "/dev/x", fileMode: 0o1777 }] } },
  },
  {
    name: "recursive rootfsPropagation",
    why: "containerd sends rslave and rshared, and Go's empty string is an unset one",
    rejectedBy: "theirs",
    explains: ({ pointer }) => pointer === "/linux/rootfsPropagation",
    example: { ...V, linux: { rootfsPropagation: "rslave" } },
  },
  {
    name: "pids.limit may be absent",
    why: "since 1.3.0 an absent limit is told from 0",
    rejectedBy: "theirs",
    explains: ({ pointer, keyword }) => keyword === "required" && pointer === "/linux/resources/pids",
    example: { ...V, linux: { resources: { pids: {} } } },
  },
  {
    name: "other platforms are not looked into",
    why: "nothing of them is ever used",
    rejectedBy: "theirs",
    explains: ({ pointer }) => /^\/(windows|solaris|vm|zos)(\/|$)/.test(pointer),
    example: { ...V, vm: {} },
  },
  {
    name: "paused",
    why: "runc's status, which the specification's list lacks",
    kind: "state",
    rejectedBy: "theirs",
    explains: ({ pointer, value }) => pointer === "/status" && value === "paused",
    example: { ...V, id: "x", status: "paused", bundle: "/b" },
  },
  {
    name: "rlimits are known",
    why: "the kernel has sixteen of them",
    rejectedBy: "ours",
    explains: ({ pointer, keyword }) => keyword === "enum" && /^\/process\/rlimits\/\d+\/type$/.test(pointer),
    example: { ...V, process: { cwd: "/", rlimits: [{ type: "RLIMIT_NEW", soft: 1, hard: 1 }] } },
  },
  {
    name: "oomScoreAdj has a range",
    why: "the kernel refuses the rest, later",
    rejectedBy: "ours",
    explains: ({ pointer, keyword }) => pointer === "/process/oomScoreAdj" && keyword.endsWith("imum"),
    example: { ...V, process: { cwd: "/", oomScoreAdj: 1001 } },
  },
  {
    name: "nanoseconds are less than a second",
    why: "the kernel refuses the rest, later",
    rejectedBy: "ours",
    explains: ({ pointer, keyword }) =>
      keyword === "maximum" && /^\/linux\/timeOffsets\/\w+\/nanosecs$/.test(pointer),
    example: { ...V, linux: { timeOffsets: { monotonic: { nanosecs: 1000000000 } } } },
  },
  {
    name: "a throttle has a rate",
    why: "the text of the specification requires it",
    rejectedBy: "ours",
    explains: ({ pointer, keyword }) =>
      keyword === "required" && /^\/linux\/resources\/blockIO\/throttle\w+\/\d+$/.test(pointer),
    example: { ...V, linux: { resources: { blockIO: { throttleReadBpsDevice: [{ major: 8, minor: 0 }] } } } },
  },
  {
    name: "a personality has a domain",
    why: "the text of the specification requires it",
    rejectedBy: "ours",
    explains: ({ pointer, keyword }) => keyword === "required" && pointer === "/linux/personality",
    example: { ...V, linux: { personality: {} } },
  },
  {
    name: "the empty key of a map counts",
    why: "theirs looks at keys with at least one character; its value is a string like any other",
    rejectedBy: "ours",
    explains: ({ pointer }) => pointer.endsWith("/"),
    example: { ...V, annotations: { "": 1 } },
  },
  {
    name: "1.3.0: netDevices, memoryPolicy, schemata, enableMonitoring, freebsd",
    why: "the newest Debian package is of 1.2.1",
    rejectedBy: "ours",
    explains: ({ pointer }) =>
      /^\/(linux\/(netDevices|memoryPolicy|intelRdt\/(schemata|enableMonitoring))|freebsd)(\/|$)/.test(
        pointer,
      ),
    example: { ...V, linux: { memoryPolicy: { mode: "MPOL_BND" } } },
  },
  {
    name: "1.3.0: features",
    why: "the newest Debian package is of 1.2.1",
    kind: "features",
    rejectedBy: "ours",
    explains: ({ pointer }) =>
      /^\/linux\/(netDevices|memoryPolicy|intelRdt\/(schemata|monitoring))(\/|$)/.test(pointer),
    example: { ociVersionMin: "1.0.0", ociVersionMax: "1.3.0", linux: { netDevices: 1 } },
  },
];

const FILES: Readonly<Record<Kind, string>> = {
  config: "config-schema.json",
  state: "state-schema.json",
  features: "features-schema.json",
};

type Judge = (kind: Kind, document: Document) => Complaint[];

function complaintsOf(validate: ValidateFunction, document: Document): Complaint[] {
  if (validate(document)) return [];
  // The list also contains the faults within an `anyOf`.
  const errors = (validate.errors ?? []).filter(({ keyword }) => keyword !== "anyOf");
  return errors.map(({ instancePath, keyword }) => ({
    pointer: instancePath,
    keyword,
    value: valueAt(document, instancePath),
  }));
}

function valueAt(document: Json, pointer: string): Json | undefined {
  let value: Json | undefined = document;
  for (const key of pointerKeys(pointer)) value = (value as Document | undefined)?.[key];
  return value;
}

/** The specification's schemas use an older draft, but nothing in it that has changed since. */
function theirs(folder: string): Judge {
  const ajv = new Ajv({ strict: false, allErrors: true, logger: false });
  for (const file of readdirSync(folder)) {
    const { $schema: _draft, ...schema } = JSON.parse(readFileSync(`${folder}/${file}`, "utf8"));
    ajv.addSchema(schema, file);
  }
  return (kind, document) => complaintsOf(ajv.getSchema(FILES[kind]) as ValidateFunction, document);
}

function compileOurs(): Ajv2020 {
  const ajv = new Ajv2020({ strict: true, allErrors: true });
  ajv.addKeyword("tsType");
  for (const file of readdirSync("schemas"))
    ajv.addSchema(JSON.parse(readFileSync(`schemas/${file}`, "utf8")));
  return ajv;
}

function ours(): Judge {
  const ajv = compileOurs();
  return (kind, document) => {
    if (kind !== "config")
      return complaintsOf(ajv.getSchema(`${kind}.schema.json`) as ValidateFunction, document);
    const read = withoutEmptyWords(structuredClone(document), JSON.stringify(document)) as Document;
    return complaintsOf(validators.validateSpec as unknown as ValidateFunction, read);
  };
}

type Check = (document: unknown) => boolean;

const CHECKS = {
  Spec: [acceptors.acceptSpec, validators.validateSpec],
  Process: [acceptors.acceptProcess, validators.validateProcess],
  Resources: [acceptors.acceptResources, validators.validateResources],
  StateRecord: [acceptors.acceptStateRecord, validators.validateStateRecord],
} as unknown as Readonly<Record<"Spec" | "Process" | "Resources" | "StateRecord", readonly [Check, Check]>>;

/** Documents of each kind: valid ones, and the same with one to three faults. */
function* documents(count: number): Generator<{ kind: Kind; document: Document }> {
  const random = new Random(20);
  for (let index = 0; index < count; index++) {
    const kind = random.pick(["config", "config", "config", "config", "state", "features"] as const);
    const document = randomDocument(`${kind}.schema.json`, random, random.pick([0.2, 0.5, 0.9]));
    // The choice about them would explain away too many documents.
    if (random.next() < 0.95) for (const key of ["windows", "solaris", "vm", "zos"]) delete document[key];
    for (let spoilt = random.below(4); spoilt > 0; spoilt--) spoil(document, random);
    yield { kind, document };
  }
}

function fetchTheirs(): { folder: string } | { reason: string } {
  try {
    const folder = execFileSync("sh", ["scripts/fetch-spec-schemas.sh"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      timeout: 180_000,
    });
    return { folder: folder.trim() };
  } catch (error) {
    return { reason: String((error as { stderr?: string }).stderr ?? error).trim() };
  }
}

const fetched = fetchTheirs();
const skip = "reason" in fetched ? `no schemas to compare with: ${fetched.reason}` : false;
const folder = "folder" in fetched ? fetched.folder : "";

t.test("our schemas are JSON Schema 2020-12, and every reference leads somewhere", async (t) => {
  const ajv = compileOurs();
  for (const file of readdirSync("schemas")) t.type(ajv.getSchema(file), "function", file);
});

t.test("the check that answers yes or no agrees with the one that names the faults", async (t) => {
  let wrong = 0;
  for (const { document } of documents(3000)) {
    for (const [name, [accept, validate]] of Object.entries(CHECKS)) {
      const verdict = validate(document);
      if (accept(document) !== verdict) t.fail(`${name}: ${JSON.stringify(document)}`);
      if (!verdict) wrong++;
    }
  }
  t.ok(wrong > 3000, "many of them are wrong");
  const random = new Random(21);
  const verdicts = { right: 0, wrong: 0 };
  const [accept, validate] = CHECKS.StateRecord;
  for (let index = 0; index < 2000; index++) {
    const record = randomDocument("record.schema.json", random, 0.5);
    for (let spoilt = random.below(3); spoilt > 0; spoilt--) spoil(record, random);
    const verdict = validate(record);
    if (accept(record) !== verdict) t.fail(`StateRecord: ${JSON.stringify(record)}`);
    verdicts[verdict ? "right" : "wrong"]++;
  }
  t.ok(verdicts.right > 500 && verdicts.wrong > 500, "records of both kinds");
});

t.test("verdicts differ from the specification's schemas in nothing but the choices", { skip }, async (t) => {
  const judges = { ours: ours(), theirs: theirs(folder) };
  const counts = { accepted: 0, rejected: 0, explained: 0 };
  for (const { kind, document } of documents(6000)) {
    const complaints = { ours: judges.ours(kind, document), theirs: judges.theirs(kind, document) };
    const rejects = { ours: complaints.ours.length > 0, theirs: complaints.theirs.length > 0 };
    if (rejects.ours === rejects.theirs) {
      counts[rejects.ours ? "rejected" : "accepted"]++;
      continue;
    }
    counts.explained++;
    const side = rejects.ours ? "ours" : "theirs";
    const choices = CHOICES.filter(({ rejectedBy }) => rejectedBy === side);
    const open = complaints[side].filter((complaint) => !choices.some(({ explains }) => explains(complaint)));
    if (open.length > 0) t.fail(`only ${side} rejects: ${JSON.stringify(open)}`, { document });
  }
  t.comment(
    `${counts.accepted} accepted by both, ${counts.rejected} rejected by both, ${counts.explained} by choice`,
  );
  t.ok(counts.accepted > 500, "enough right documents");
  t.ok(counts.rejected > 500, "enough wrong documents");
  t.ok(counts.explained > 100, "enough documents the choices are about");
});

for (const { name, why, kind = "config", rejectedBy, explains, example } of CHOICES) {
  t.test(`a choice that differs: ${name}`, { skip }, async (t) => {
    const complaints = { ours: ours()(kind, example), theirs: theirs(folder)(kind, example) };
    t.strictSame(complaints[rejectedBy === "ours" ? "theirs" : "ours"], [], "one side accepts");
    t.ok(complaints[rejectedBy].length > 0, "the other rejects");
    t.ok(complaints[rejectedBy].every(explains), why);
  });
}
