/** UDP port of conntrackd's protocol in the bench. */
export const CONNTRACKD_PORT = 3_780;

export interface ConntrackdPlace {
  readonly ownAddress: string;
  readonly peerAddress: string;
  /** Addresses of the node itself: its own connections are not replicated. */
  readonly ignored: readonly string[];
  /** A folder for lock, control socket and log. */
  readonly folder: string;
}

/**
 * The configuration that Debian ships as its example for FTFW (/usr/share/doc/conntrackd/examples/sync/ftfw), with the
 * caches made as large as conntrackd.conf(5) asks: the shipped ones end at 131,072 connections. It leaves out UDP.
 */
export function defaultConfig(place: ConntrackdPlace): string {
  return `Sync {
  Mode FTFW {
  }
  Multicast {
    IPv4_address 225.0.0.50
    Group ${CONNTRACKD_PORT}
    IPv4_interface ${place.ownAddress}
    Interface sync
    SndSocketBuffer 1249280
    RcvSocketBuffer 1249280
    Checksum on
  }
}
${general(place, {
  netlinkBuffer: 2_097_152,
  netlinkBufferMax: 8_388_608,
  filter: `Filter From Userspace {
    Protocol Accept {
      TCP
      SCTP
      DCCP
    }
    ${ignoredAddresses(place)}
  }`,
})}`;
}

/**
 * conntrackd as fast as it can be made in FTFW mode: entries go into the standby's kernel, buffers and queues are large, events
 * are filtered in the kernel and handled many at a time. The internal cache cannot be switched off in FTFW mode
 * (conntrackd.conf(5), DisableInternalCache). The other half of the tuning is the kernel's: \`ct event set\`.
 */
export function bestConfig(place: ConntrackdPlace): string {
  return `Sync {
  Mode FTFW {
    ResendQueueSize 1048576
    ACKWindowSize 300
    DisableExternalCache yes
  }
  UDP {
    IPv4_address ${place.ownAddress}
    IPv4_Destination_Address ${place.peerAddress}
    Port ${CONNTRACKD_PORT}
    Interface sync
    SndSocketBuffer 33554432
    RcvSocketBuffer 33554432
    Checksum on
  }
}
${general(place, {
  netlinkBuffer: 67_108_864,
  netlinkBufferMax: 268_435_456,
  filter: `EventIterationLimit 1000
  Filter From Kernelspace {
    ${ignoredAddresses(place)}
  }`,
})}`;
}

interface General {
  readonly netlinkBuffer: number;
  readonly netlinkBufferMax: number;
  readonly filter: string;
}

function general({ folder }: ConntrackdPlace, { netlinkBuffer, netlinkBufferMax, filter }: General): string {
  return `General {
  Systemd no
  HashSize 1048576
  HashLimit 8388608
  LogFile ${folder}/conntrackd.log
  LockFile ${folder}/conntrackd.lock
  UNIX {
    Path ${controlSocketPath(folder)}
  }
  NetlinkBufferSize ${netlinkBuffer}
  NetlinkBufferSizeMaxGrowth ${netlinkBufferMax}
  ${filter}
}
`;
}

function controlSocketPath(folder: string): string {
  return `${folder}/conntrackd.ctl`;
}

function ignoredAddresses({ ignored }: ConntrackdPlace): string {
  return `Address Ignore {
${["127.0.0.1", ...ignored].map((address) => `      IPv4_address ${address}`).join("\n")}
    }`;
}
