// The shims that are compared.

export interface Contender {
  readonly title: string;
  /** Of containerd's configuration. */
  readonly handler: string;
  /** For `ctr run`. */
  readonly flags: readonly string[];
}

const ofRunc = (title: string, handler: string, path: string): Contender => {
  return { title, handler, flags: ["--runtime", "io.containerd.runc.v2", "--runc-binary", path] };
};

export const CONTENDERS: readonly Contender[] = [
  ofRunc("shim-runc-v2 + runc", "runc", "/usr/sbin/runc"),
  ofRunc("shim-runc-v2 + crun", "crun", "/usr/bin/crun"),
  ofRunc("shim-runc-v2 + tsrun", "tsrun", "/rt/bin/tsrun"),
  { title: "shim-tsrun-v2", handler: "tsrun-shim", flags: ["--runtime", "io.containerd.tsrun.v2"] },
];
