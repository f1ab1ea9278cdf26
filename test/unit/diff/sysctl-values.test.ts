// Whether a kernel parameter shows what was written to it.

import t from "tap";
import { sameSysctl } from "../../../src/diff/sysctl-values.ts";

t.test("numbers in any base and with any blanks", async (t) => {
  t.ok(sameSysctl("kernel.shmmni", "0x400", "1024"));
  t.ok(sameSysctl("kernel.shmmni", "010", "8"));
  t.ok(sameSysctl("kernel.sem", "250  32000 32\t128", "250\t32000\t32\t128"));
  t.ok(sameSysctl("kernel.shmmax", "18446744073692774399", "18446744073692774399"));
  t.notOk(sameSysctl("kernel.shmmax", "18446744073692774399", "18446744073692774398"));
  t.notOk(sameSysctl("net.ipv4.ip_forward", "1", "0"));
  t.notOk(sameSysctl("net.x", "1 2", "1"));
});

t.test("lists of ranges", async (t) => {
  t.ok(sameSysctl("net.ipv4.ip_local_reserved_ports", "9003,8080,9000-9002", "8080,9000-9003"));
  t.notOk(sameSysctl("net.ipv4.ip_local_reserved_ports", "8080", "8081"));
});

t.test("words, and times that the kernel rounds to its ticks", async (t) => {
  t.ok(sameSysctl("net.ipv4.tcp_congestion_control", "cubic", "cubic"));
  t.notOk(sameSysctl("net.ipv4.tcp_congestion_control", "cubic", "reno"));
  t.ok(sameSysctl("net.ipv4.neigh.lo.retrans_time_ms", "1003", "1004"));
  t.notOk(sameSysctl("net.ipv4.neigh.lo.retrans_time_ms", "1003", "2000"));
  t.notOk(sameSysctl("net.ipv4.tcp_fin_timeout", "60", "61"));
});
