// Who tsrun itself is to the kernel.

import { readTextIfThere } from "../linux/files/files.ts";
import { type Credentials, credentialsIn } from "./credentials.ts";

export function hostCredentials(): Credentials {
  const read = (name: string): string => readTextIfThere(`/proc/self/${name}`) ?? "";
  // Its own ids are those that it sees in the status of files.
  return credentialsIn({ status: read("status"), uidMap: "", gidMap: "" });
}
