// The version of libseccomp, which is linked to tsrun. Pure: it comes from the build (scripts/build.ts).

declare const TSRUN_LIBSECCOMP: string | undefined;

export const LIBSECCOMP_VERSION = typeof TSRUN_LIBSECCOMP === "string" ? TSRUN_LIBSECCOMP : "0.0.0";
