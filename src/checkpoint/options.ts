// What the command line asks of a checkpoint or a restore. Types only: paths are absolute, words are checked.

/** What both have in common. */
export interface ImageOptions {
  /** Directory of the images. */
  readonly imagePath: string;
  /** Where criu keeps its log and its temporary files; with the images when absent. */
  readonly workPath: string | undefined;
  readonly tcpEstablished: boolean;
  readonly extUnixSk: boolean;
  readonly shellJob: boolean;
  readonly fileLocks: boolean;
  readonly autoDedup: boolean;
  readonly lazyPages: boolean;
  /** Numbers of messages.ts. */
  readonly manageCgroupsMode: number;
  readonly networkLock: number | undefined;
}

export interface DumpOptions extends ImageOptions {
  /** Of the dump before this one, relative to `imagePath`. */
  readonly parentPath: string | undefined;
  readonly leaveRunning: boolean;
  readonly preDump: boolean;
  readonly tcpSkipInFlight: boolean;
  readonly linkRemap: boolean;
  readonly pageServer: { readonly address: string; readonly port: number } | undefined;
  /** A descriptor of the caller's, told when lazy pages can be fetched. */
  readonly statusFd: number | undefined;
}

export interface RevivalOptions extends ImageOptions {
  readonly tcpClose: boolean;
  readonly lsmProfile: string | undefined;
  readonly lsmMountContext: string | undefined;
}
