// The options of a checkpoint or a restore. Types only: paths are absolute, words are checked.

/** The options of both. */
export interface ImageOptions {
  /** Directory of the images. */
  readonly imagePath: string;
  /** Where criu keeps its log and its temporary files; if absent, with the images. */
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
  /** The images of the previous dump, relative to `imagePath`. */
  readonly parentPath: string | undefined;
  readonly leaveRunning: boolean;
  readonly preDump: boolean;
  readonly tcpSkipInFlight: boolean;
  readonly linkRemap: boolean;
  readonly pageServer: { readonly address: string; readonly port: number } | undefined;
  /** A descriptor of the caller, to which tsrun writes when lazy pages can be fetched. */
  readonly statusFd: number | undefined;
}

export interface RevivalOptions extends ImageOptions {
  readonly tcpClose: boolean;
  readonly lsmProfile: string | undefined;
  readonly lsmMountContext: string | undefined;
}
