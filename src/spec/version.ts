// The version of the specification, for those who need nothing else of it. Pure.

/** The runtime specification that is implemented. */
export const OCI_VERSION = "1.3.0";
