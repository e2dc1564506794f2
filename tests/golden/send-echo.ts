// Sends one ICMP or ICMPv6 echo request through a raw socket and waits for the answer: send-echo.ts ADDRESS ID [LOCAL_ADDRESS]
import { ipFamily, validIp } from "../../src/base/ip.ts";
import { bindSocket, closeFd, openSocket, receiveFrom, sendTo } from "../../src/linux/libc.ts";
import { PollSet } from "../../src/linux/poll.ts";
import { internetChecksum } from "../../src/wire/internet-checksum.ts";

const [addressText = "", idText = "", localText] = process.argv.slice(2);
const address = validIp(addressText);
const v4 = ipFamily(address) === 4;
const SOCK_RAW = 3;
const fd = openSocket(v4 ? 2 : 10, SOCK_RAW, v4 ? 1 : 58);
const to = socketAddress(address);
if (localText !== undefined) bindSocket(fd, socketAddress(validIp(localText)));
const echo = new Uint8Array(16); // type, code, checksum, id, sequence, data (RFC 792, RFC 4443 4.1)
const view = new DataView(echo.buffer);
view.setUint8(0, v4 ? 8 : 128);
view.setUint16(4, Number(idText));
view.setUint16(6, 1);
// The kernel fills in the checksum of ICMPv6 only (RFC 3542 3.1).
if (v4) view.setUint16(2, internetChecksum(echo));
if (sendTo(fd, echo, echo.length, 0, to) < 0) throw new Error(`cannot send to ${addressText}`);
// Neighbour discovery may arrive first.
const into = new Uint8Array(256);
const poll = new PollSet([fd]);
for (let tries = 0; tries < 20; tries++) {
  if (poll.wait(500) === 0) break;
  const length = receiveFrom(fd, into, 0, null);
  const type = into[v4 ? 20 : 0];
  if (length > 0 && type === (v4 ? 0 : 129)) process.exit(0);
}
closeFd(fd);
throw new Error(`no echo from ${addressText}`);

/** struct sockaddr_in, sockaddr_in6 */
function socketAddress(ip: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(v4 ? 16 : 28);
  bytes[0] = v4 ? 2 : 10;
  bytes.set(ip, v4 ? 4 : 8);
  return bytes;
}
