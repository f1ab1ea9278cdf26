// The version of the specification. Pure.

/** The runtime specification that is implemented. */
export const OCI_VERSION = "1.3.0";
