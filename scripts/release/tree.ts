// The files of tsrun as they are installed, below a folder that an archive or a package is made of. Called by
// release.ts, deb.ts and rpm.ts.

import { chmodSync, copyFileSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

export interface Origins {
  readonly root: string;
  /** The executable. */
  readonly program: string;
  /** What scripts/documents.ts has written. */
  readonly documents: string;
}

/** Copies or writes one file; the mode is what it says, whatever the umask. */
export function put(path: string, from: string | { readonly text: string | Uint8Array }, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true });
  if (typeof from === "string") copyFileSync(from, path);
  else writeFileSync(path, from.text);
  chmodSync(path, mode);
}

export function manualPages({ documents }: Origins): string[] {
  return readdirSync(`${documents}/man`).sort();
}

/**
 * What every kind of package has, but for manual pages and licences. `prefix` is /usr or the archive's top.
 */
export function layOut(prefix: string, origins: Origins, zshFolder: string): void {
  const { root, program, documents } = origins;
  put(`${prefix}/bin/tsrun`, program, 0o755);
  symlinkSync("tsrun", `${prefix}/bin/containerd-shim-tsrun-v2`);
  const completions = `${documents}/completions`;
  put(`${prefix}/share/bash-completion/completions/tsrun`, `${completions}/tsrun.bash`);
  put(`${prefix}/share/zsh/${zshFolder}/_tsrun`, `${completions}/_tsrun`);
  put(`${prefix}/share/fish/vendor_completions.d/tsrun.fish`, `${completions}/tsrun.fish`);
  const examples = `${root}/packaging/examples`;
  for (const name of readdirSync(examples).sort()) {
    put(`${prefix}/share/doc/tsrun/examples/${name}`, `${examples}/${name}`);
  }
  put(`${prefix}/share/tsrun/apparmor.d/tsrun`, `${root}/packaging/apparmor/tsrun`);
}

/** Licences and manual pages as an archive and an RPM have them. */
export function layOutPlainly(prefix: string, origins: Origins): void {
  layOut(prefix, origins, "site-functions");
  for (const page of manualPages(origins)) {
    put(`${prefix}/share/man/man8/${page}`, `${origins.documents}/man/${page}`);
  }
  for (const name of ["LICENSE", "THIRD_PARTY_NOTICES", "CHANGELOG.md"]) {
    put(`${prefix}/share/doc/tsrun/${name}`, `${origins.root}/${name}`);
  }
}
