// Encodes rtnetlink(7) requests about links and addresses, and decodes the kernel's answers. Pure.

import { cString, joinBytes, textUntilNul, u32Array, viewOf } from "../linux/call/words.ts";

const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;

const NLM_F_REQUEST = 0x1;
const NLM_F_ACK = 0x4;
const NLM_F_EXCL = 0x200;
const NLM_F_DUMP = 0x300;
const NLM_F_CREATE = 0x400;
const NLM_F_DUMP_INTR = 0x10;

const IFF_UP = 1;
const IFLA_IFNAME = 3;
const IFLA_NET_NS_FD = 28;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_LABEL = 3;
const IFA_BROADCAST = 4;
const IFA_CACHEINFO = 6;
const IFA_FLAGS = 8;
const IFA_RT_PRIORITY = 9;
const IFA_PROTO = 11;

const IFA_F_PERMANENT = 0x80;
/** The flags that can be set when an address is added; the others are the address's state. */
const IFA_F_NODAD = 0x02;
const IFA_F_HOMEADDRESS = 0x10;
const IFA_F_MANAGETEMPADDR = 0x100;
const IFA_F_NOPREFIXROUTE = 0x200;
const IFA_F_MCAUTOJOIN = 0x400;
const KEPT_FLAGS =
  IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN;
const RT_SCOPE_UNIVERSE = 0;

const HEADER = 16;
const LINK = 16;
const ADDRESS = 8;
const ATTRIBUTE = 4;
/** IFNAMSIZ with its NUL. */
const LONGEST_NAME = 15;

/** A network device as one namespace sees it. */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
}

/** An address of a device, with everything that is needed to add it again. */
export interface Address {
  /** The index of its device. */
  readonly index: number;
  /** AF_INET, AF_INET6. */
  readonly family: number;
  readonly prefix: number;
  readonly scope: number;
  readonly flags: number;
  readonly label: string | undefined;
  /** The attributes that are copied unchanged, by type. */
  readonly attributes: ReadonlyMap<number, Uint8Array>;
}

export interface Request {
  readonly type: number;
  readonly flags: number;
  readonly body: Uint8Array;
}

/** The content of an answer's datagrams so far. */
export interface Answer {
  readonly links: Link[];
  readonly addresses: Address[];
  /** The answer is complete; otherwise more datagrams follow. */
  done: boolean;
  /** 0, or the errno of a refusal. */
  errno: number;
  /** The list changed while it was read: ask again. */
  interrupted: boolean;
}

/** The message; `sequence` comes back in the answer. */
export function encodeRequest({ type, flags, body }: Request, sequence: number): Uint8Array {
  const message = new Uint8Array(HEADER + body.length);
  const view = viewOf(message);
  view.setUint32(0, message.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  view.setUint32(8, sequence, true);
  message.set(body, HEADER);
  return message;
}

export function listLinks(): Request {
  return { type: RTM_GETLINK, flags: NLM_F_REQUEST | NLM_F_DUMP, body: linkBody({ index: 0 }) };
}

export function findLink(name: string): Request {
  const body = linkBody({ index: 0 }, attribute(IFLA_IFNAME, cString(name)));
  return { type: RTM_GETLINK, flags: NLM_F_REQUEST | NLM_F_ACK, body };
}

export function setUp(index: number, up: boolean): Request {
  const body = linkBody({ index, flags: up ? IFF_UP : 0, change: IFF_UP });
  return { type: RTM_NEWLINK, flags: NLM_F_REQUEST | NLM_F_ACK, body };
}

/** Moves a device to the namespace of the descriptor and renames it there, in one step. */
export function moveLink(index: number, namespace: number, name: string): Request {
  const attributes = [
    attribute(IFLA_IFNAME, cString(name)),
    attribute(IFLA_NET_NS_FD, u32Array([namespace])),
  ];
  return {
    type: RTM_NEWLINK,
    flags: NLM_F_REQUEST | NLM_F_ACK,
    body: linkBody({ index }, ...attributes),
  };
}

export function listAddresses(): Request {
  return { type: RTM_GETADDR, flags: NLM_F_REQUEST | NLM_F_DUMP, body: new Uint8Array(ADDRESS) };
}

/** Adds an address that another device, or this one elsewhere, had. */
export function addAddress(address: Address, index: number, label: string | undefined): Request {
  const fixed = new Uint8Array(ADDRESS);
  fixed[0] = address.family;
  fixed[1] = address.prefix;
  fixed[3] = address.scope;
  viewOf(fixed).setUint32(4, index, true);
  const attributes = [...address.attributes].map(([type, value]) => attribute(type, value));
  const flags = address.flags & KEPT_FLAGS;
  if (flags !== 0) attributes.push(attribute(IFA_FLAGS, u32Array([flags])));
  if (label !== undefined) attributes.push(attribute(IFA_LABEL, cString(label)));
  return {
    type: RTM_NEWADDR,
    flags: NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
    body: joinBytes([fixed, ...attributes]),
  };
}

/**
 * Whether an address moves with its device: permanent, global addresses do (runtime-spec
 * config-linux.md#network-devices).
 */
export function staysWithDevice({ flags, scope }: Address): boolean {
  return (flags & IFA_F_PERMANENT) !== 0 && scope === RT_SCOPE_UNIVERSE;
}

/** The label with the device's new name: it begins with the name (`eth0:1`); `undefined` if there is none. */
export function labelAfter({ label }: Address, from: string, to: string): string | undefined {
  if (label?.startsWith(`${from}:`) !== true) return undefined;
  const renamed = to + label.slice(from.length);
  return renamed.length > LONGEST_NAME ? undefined : renamed;
}

export function newAnswer(): Answer {
  return { links: [], addresses: [], done: false, errno: 0, interrupted: false };
}

/** Reads one datagram of an answer. Messages that belong to another request are skipped. */
export function readDatagram(datagram: Uint8Array, sequence: number, answer: Answer): void {
  const view = viewOf(datagram);
  for (let at = 0; at + HEADER <= datagram.length; ) {
    const length = view.getUint32(at, true);
    if (length < HEADER || at + length > datagram.length) break;
    if (view.getUint32(at + 8, true) === sequence) {
      readMessage(datagram.subarray(at, at + length), answer);
    }
    at += align(length);
  }
}

function readMessage(message: Uint8Array, answer: Answer): void {
  const view = viewOf(message);
  const type = view.getUint16(4, true);
  if ((view.getUint16(6, true) & NLM_F_DUMP_INTR) !== 0) answer.interrupted = true;
  const body = message.subarray(HEADER);
  if (type === NLMSG_ERROR || type === NLMSG_DONE) {
    answer.done = true;
    answer.errno = body.length < 4 ? 0 : -viewOf(body).getInt32(0, true);
  } else if (type === RTM_NEWLINK) answer.links.push(readLink(body));
  else if (type === RTM_NEWADDR) answer.addresses.push(readAddress(body));
}

function readLink(body: Uint8Array): Link {
  const view = viewOf(body);
  const name = readAttributes(body.subarray(LINK)).get(IFLA_IFNAME);
  return {
    index: view.getInt32(4, true),
    name: name === undefined ? "" : textUntilNul(name),
    up: (view.getUint32(8, true) & IFF_UP) !== 0,
  };
}

const PASSED_ON: readonly number[] = [IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST, IFA_RT_PRIORITY, IFA_PROTO];

function readAddress(body: Uint8Array): Address {
  const view = viewOf(body);
  const all = readAttributes(body.subarray(ADDRESS));
  const long = all.get(IFA_FLAGS);
  const label = all.get(IFA_LABEL);
  const attributes = new Map([...all].filter(([type]) => PASSED_ON.includes(type)));
  const lifetime = all.get(IFA_CACHEINFO);
  if (lifetime !== undefined && isDeprecated(lifetime)) attributes.set(IFA_CACHEINFO, lifetime);
  return {
    index: view.getUint32(4, true),
    family: body[0] ?? 0,
    prefix: body[1] ?? 0,
    scope: body[3] ?? 0,
    // The attribute has all 32 bits, the structure only the lowest eight.
    flags: long === undefined ? (body[2] ?? 0) : viewOf(long).getUint32(0, true),
    label: label === undefined ? undefined : textUntilNul(label),
    attributes,
  };
}

/** Whether the preferred lifetime is not "for ever", the kernel's default. */
function isDeprecated(lifetime: Uint8Array): boolean {
  return lifetime.length >= 4 && viewOf(lifetime).getUint32(0, true) !== 0xffffffff;
}

function readAttributes(bytes: Uint8Array): Map<number, Uint8Array> {
  const view = viewOf(bytes);
  const attributes = new Map<number, Uint8Array>();
  for (let at = 0; at + ATTRIBUTE <= bytes.length; ) {
    const length = view.getUint16(at, true);
    if (length < ATTRIBUTE || at + length > bytes.length) break;
    attributes.set(view.getUint16(at + 2, true), bytes.slice(at + ATTRIBUTE, at + length));
    at += align(length);
  }
  return attributes;
}

interface LinkFields {
  readonly index: number;
  readonly flags?: number;
  /** The mask of the flags to change. */
  readonly change?: number;
}

function linkBody({ index, flags = 0, change = 0 }: LinkFields, ...attributes: Uint8Array[]): Uint8Array {
  const fixed = new Uint8Array(LINK);
  const view = viewOf(fixed);
  view.setInt32(4, index, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, change, true);
  return joinBytes([fixed, ...attributes]);
}

function attribute(type: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(align(ATTRIBUTE + value.length));
  const view = viewOf(bytes);
  view.setUint16(0, ATTRIBUTE + value.length, true);
  view.setUint16(2, type, true);
  bytes.set(value, ATTRIBUTE);
  return bytes;
}

function align(size: number): number {
  return (size + 3) & ~3;
}
