// The version of the runtime-spec that is implemented: what `--version`, `features` and `spec` say. Pure.

export const SPEC_VERSION = "1.3.0";
