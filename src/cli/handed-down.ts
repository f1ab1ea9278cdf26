// Reads the variables with which systemd passes sockets (sd_listen_fds(3)) and the address for readiness
// messages (sd_notify(3)), both meant for the container. Pure; called by create, run and start.

type Environment = Readonly<Record<string, string | undefined>>;

/** How many descriptors from 3 on are the container's; 0 unless LISTEN_PID is our pid. */
export function readListenFds({ LISTEN_PID, LISTEN_FDS }: Environment, pid: number): number {
  if (LISTEN_PID === undefined || LISTEN_FDS === undefined || Number(LISTEN_PID) !== pid) return 0;
  return /^[1-9][0-9]{0,6}$/.test(LISTEN_FDS) ? Number(LISTEN_FDS) : 0;
}

/** The socket of the service manager; `undefined` if none waits for us. */
export function readNotifySocket({ NOTIFY_SOCKET }: Environment): string | undefined {
  return NOTIFY_SOCKET === "" ? undefined : NOTIFY_SOCKET;
}
