import { bindSocket, closeFd, errno, openSocket, receiveFrom, sendTo } from "./libc.ts";

// bits/socket.h
const AF_UNIX = 1;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const PATH_BYTES_MAX = 107; // uapi linux/un.h: UNIX_PATH_MAX without the zero at the end

/** A UNIX datagram socket, which Node.js does not have. Nothing here waits. */
export class UnixDatagramSocket {
  readonly fd: number;

  constructor() {
    this.fd = openSocket(AF_UNIX, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0);
  }

  /** Receives what is sent to this path, or to this abstract name (`@name`). Throws KernelError, such as EADDRINUSE. */
  bind(path: string): void {
    bindSocket(this.fd, unixAddress(path));
  }

  /** @returns true when it is on its way, "full" when the other end has no room now, false when nobody is there */
  send(path: string, bytes: Uint8Array): boolean | "full" {
    const sent = sendTo(this.fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL, unixAddress(path));
    if (sent === -errno.EAGAIN || sent === -errno.ENOBUFS) return "full";
    return sent >= 0;
  }

  /** @returns the length of the next datagram, its bytes at the start of `into`; undefined when there is none */
  receive(into: Uint8Array): number | undefined {
    const length = receiveFrom(this.fd, into, MSG_DONTWAIT, null);
    return length < 0 ? undefined : length;
  }

  close(): void {
    closeFd(this.fd);
  }
}

/** struct sockaddr_un (uapi linux/un.h). A name that begins with `@` is abstract (unix(7)): its first byte is zero. */
function unixAddress(path: string): Uint8Array {
  const name = new TextEncoder().encode(path);
  if (name.length === 0 || name.length > PATH_BYTES_MAX)
    throw new Error(`the path of a UNIX socket has 1 to ${PATH_BYTES_MAX} bytes, not ${name.length}`);
  const abstract = path.startsWith("@");
  // The length of an abstract name counts; a path ends with a zero.
  const bytes = new Uint8Array(2 + name.length + (abstract ? 0 : 1));
  new DataView(bytes.buffer).setUint16(0, AF_UNIX, true);
  bytes.set(name, 2);
  if (abstract) bytes[2] = 0;
  return bytes;
}
