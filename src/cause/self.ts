// The credentials of tsrun itself.

import { readTextIfThere } from "../linux/files/files.ts";
import { type Credentials, credentialsIn } from "./credentials.ts";

export function hostCredentials(): Credentials {
  const read = (name: string): string => readTextIfThere(`/proc/self/${name}`) ?? "";
  // tsrun sees ids of files as its own user namespace has them, so nothing needs to be mapped.
  return credentialsIn({ status: read("status"), uidMap: "", gidMap: "" });
}
