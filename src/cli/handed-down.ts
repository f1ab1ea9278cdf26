// What systemd hands to the runtime by environment, meant for the container: sockets (sd_listen_fds(3)) and
// where to report readiness (sd_notify(3)). Pure; called by create, run and start.

type Environment = Readonly<Record<string, string | undefined>>;

/** How many descriptors from 3 on are the container's: those of our own LISTEN_PID only. */
export function readListenFds({ LISTEN_PID, LISTEN_FDS }: Environment, pid: number): number {
  if (LISTEN_PID === undefined || LISTEN_FDS === undefined || Number(LISTEN_PID) !== pid) return 0;
  return /^[1-9][0-9]{0,6}$/.test(LISTEN_FDS) ? Number(LISTEN_FDS) : 0;
}

/** The socket of the service manager; `undefined` when nobody waits for us. */
export function readNotifySocket({ NOTIFY_SOCKET }: Environment): string | undefined {
  return NOTIFY_SOCKET === "" ? undefined : NOTIFY_SOCKET;
}
