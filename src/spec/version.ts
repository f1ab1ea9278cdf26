// The versions that tsrun implements. Pure.

/** The runtime specification that is implemented. */
export const OCI_VERSION = "1.3.0";

/** The runc whose commands, flags, output and error texts tsrun follows. */
export const RUNC_VERSION = "1.3.6";
