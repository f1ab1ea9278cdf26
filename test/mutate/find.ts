// Every change that the sources allow, found by TypeScript's own parser.

import { resolve } from "node:path";
import { API } from "typescript/unstable/sync";
import type { Change } from "./change.ts";
import { placesOf } from "./places.ts";

const CONFIGURATION = resolve("tsconfig.json");

export function findChanges(paths: readonly string[]): Change[] {
  const api = new API({ cwd: resolve(".") });
  try {
    const snapshot = api.updateSnapshot({ openProjects: [CONFIGURATION] });
    const program = snapshot.getProject(CONFIGURATION)?.program;
    return paths.flatMap((path) => {
      const file = program?.getSourceFile(resolve(path));
      if (file === undefined) throw new Error(`cannot read ${path}: tsconfig.json does not include it`);
      return placesOf(path, file);
    });
  } finally {
    api.close();
  }
}
