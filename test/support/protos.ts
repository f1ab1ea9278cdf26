// Reads .proto files (protobuf.dev/reference/protobuf/proto3-spec), as far as containerd's need it. They are
// in Debian's source packages, which scripts/host-packages.sh unpacks.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

export interface ProtoField {
  readonly name: string;
  readonly number: number;
  /** A scalar's name, or that of a message as the file writes it; of a map, `map`. */
  readonly type: string;
  readonly repeated: boolean;
}

export interface Proto {
  readonly messages: ReadonlyMap<string, readonly ProtoField[]>;
  readonly enums: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** Request and response by method. */
  readonly methods: ReadonlyMap<string, readonly [string, string]>;
}

/** Where the packages' files are: installed, or unpacked for the tests. */
const PLACES = ["/usr/share/gocode", resolve("build/protos/usr/share/gocode")];

/** The folder of containerd's sources, if there is one. */
export function protoFolder(): string | undefined {
  return PLACES.map((place) => join(place, "src/github.com/containerd")).find(
    (folder) => existsSync(join(folder, "containerd")) && existsSync(join(folder, "cgroups")),
  );
}

export function readProto(path: string): Proto {
  const text = readFileSync(path, "utf8")
    .replace(/\/\*[\s\S]*?\*\//g, "")
    .replace(/\/\/.*$/gm, "");
  const messages = new Map<string, readonly ProtoField[]>();
  const enums = new Map<string, ReadonlyMap<string, number>>();
  for (const [, kind, name = "", body = ""] of text.matchAll(/\b(message|enum)\s+(\w+)\s*{([^{}]*)}/g)) {
    if (kind === "message") messages.set(name, fieldsOf(body));
    else enums.set(name, valuesOf(body));
  }
  const calls = text.matchAll(/\brpc\s+(\w+)\s*\(([\w.]+)\)\s*returns\s*\(([\w.]+)\)/g);
  const methods = [...calls].map(([, name = "", request = "", response = ""]) => {
    return [name, [request, response]] as const;
  });
  return { messages, enums, methods: new Map(methods) };
}

function fieldsOf(body: string): ProtoField[] {
  const lines = body.matchAll(
    /(repeated\s+)?(map\s*<[^>]*>|[\w.]+)\s+(\w+)\s*=\s*(\d+)\s*(\[[^\]]*\])?\s*;/g,
  );
  return [...lines].map(([, repeated, type = "", name = "", number]) => {
    const isMap = type.startsWith("map");
    const kind = isMap ? "map" : type;
    return { name, number: Number(number), type: kind, repeated: repeated !== undefined || isMap };
  });
}

function valuesOf(body: string): ReadonlyMap<string, number> {
  return new Map(
    [...body.matchAll(/(\w+)\s*=\s*(\d+)/g)].map(([, name = "", value]) => [name, Number(value)]),
  );
}

/** The file of this name below a folder, wherever its version has it. */
export function findProto(folder: string, ...ends: readonly string[]): string | undefined {
  for (const end of ends) {
    const found = readdirSync(folder, { recursive: true, encoding: "utf8" }).find((path) =>
      path.endsWith(end),
    );
    if (found !== undefined) return join(folder, found);
  }
  return undefined;
}
