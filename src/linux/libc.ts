/**
 * The only place that calls C: the few libc functions behind sockets, polling and scheduling, and one of OpenSSL.
 *
 * Memory: a `Uint8Array` whose *address* is stored inside another structure (an `iovec`) is invisible to the garbage
 * collector. Whoever stores an address must keep the array itself reachable for as long as the kernel may use it.
 */
import { endianness, constants as osConstants } from "node:os";
import koffi from "koffi";
import { KernelError } from "./kernel-error.ts";

if (endianness() !== "LE") throw new Error("tocha runs on little-endian 64-bit Linux only");

const libc = koffi.load("libc.so.6");

const SHA256_BYTES = 32;
// The program itself: Node.js hands its OpenSSL on to addons.
const SHA256: (data: Uint8Array, length: number, into: Uint8Array) => void = koffi
  .load(null)
  .func("void SHA256(void *data, unsigned long length, void *into)");

const calls = {
  socket: libc.func("int socket(int domain, int type, int protocol)"),
  close: libc.func("int close(int fd)"),
  bind: libc.func("int bind(int fd, void *address, unsigned int length)"),
  getsockname: libc.func("int getsockname(int fd, void *address, void *length)"),
  setsockopt: libc.func("int setsockopt(int fd, int level, int name, void *value, unsigned int length)"),
  sendto: libc.func(
    "long sendto(int fd, void *data, unsigned long length, int flags, void *to, unsigned int toLength)",
  ),
  recvfrom: libc.func(
    "long recvfrom(int fd, void *data, unsigned long length, int flags, void *from, void *fromLength)",
  ),
  sendmmsg: libc.func("int sendmmsg(int fd, void *messages, unsigned int count, int flags)"),
  recvmmsg: libc.func("int recvmmsg(int fd, void *messages, unsigned int count, int flags, void *timeout)"),
  eventfd: libc.func("int eventfd(unsigned int value, int flags)"),
  read: libc.func("long read(int fd, void *into, unsigned long length)"),
  write: libc.func("long write(int fd, void *data, unsigned long length)"),
  poll: libc.func("int poll(void *fds, unsigned long count, int timeoutMs)"),
  ppoll: libc.func("int ppoll(void *fds, unsigned long count, void *timeout, void *signals)"),
  schedSetscheduler: libc.func("int sched_setscheduler(int pid, int policy, void *parameter)"),
  schedSetaffinity: libc.func("int sched_setaffinity(int pid, unsigned long bytes, void *mask)"),
  schedGetcpu: libc.func("int sched_getcpu()"),
  mlock2: libc.func("int mlock2(uintptr_t address, unsigned long length, unsigned int flags)"),
  flock: libc.func("int flock(int fd, int operation)"),
  ioctl: libc.func("int ioctl(int fd, unsigned long request, void *argument)"),
  clockGettime: libc.func("int clock_gettime(int clock, void *timespec)"),
  adjtimex: libc.func("int adjtimex(void *timex)"),
  ifNametoindex: libc.func("unsigned int if_nametoindex(const char *name)"),
};

/** Linux error numbers by name, from the C library's headers as Node.js carries them. */
export const errno = osConstants.errno;

const errorNames = new Map(Object.entries(errno).map(([name, number]) => [number, name]));

/** The name of an error number, such as `ENOBUFS`; unknown ones as `E123`. */
export function errorName(number: number): string {
  return errorNames.get(number) ?? `E${number}`;
}

export function kernelError(operation: string, number: number): KernelError {
  return new KernelError(operation, number, errorName(number));
}

function check(operation: string, result: number): number {
  if (result < 0) throw kernelError(operation, koffi.errno());
  return result;
}

/** The address of the memory behind an array. See the note on memory above. */
export function addressOf(bytes: Uint8Array): bigint {
  return koffi.address(bytes);
}

export function openSocket(domain: number, type: number, protocol: number): number {
  return check("socket", calls.socket(domain, type, protocol));
}

export function closeFd(fd: number): void {
  calls.close(fd);
}

/** Closes on a thread of Node's pool: a packet socket's end waits until no processor handles packets for it any more. */
export function closeInBackground(fd: number): void {
  calls.close.async(fd, () => {});
}

/**
 * sendto(2) on a thread of Node's pool, for requests that the kernel may let wait. The caller keeps `data`, 64 bytes or more so that
 * it is not moved, and leaves it alone until then.
 *
 * @returns bytes sent, or a negative number: the error number is another thread's
 */
export function sendInBackground(fd: number, data: Uint8Array, length: number): Promise<number> {
  return new Promise((resolve, reject) => {
    calls.sendto.async(fd, data, length, 0, null, 0, (error: Error | null, sent: number) =>
      error === null ? resolve(sent) : reject(error),
    );
  });
}

/** As sendInBackground: recvfrom(2), which goes on with a dump that is not over. @returns bytes received, or a negative number */
export function receiveInBackground(fd: number, into: Uint8Array, flags: number): Promise<number> {
  return new Promise((resolve, reject) => {
    calls.recvfrom.async(
      ...[fd, into, into.length, flags, null, null],
      (error: Error | null, received: number) => (error === null ? resolve(received) : reject(error)),
    );
  });
}

export function bindSocket(fd: number, address: Uint8Array): void {
  check("bind", calls.bind(fd, address, address.length));
}

/** @returns the socket's own address, `length` bytes of `struct sockaddr` */
export function socketName(fd: number, length: number): Uint8Array {
  const address = new Uint8Array(length);
  check("getsockname", calls.getsockname(fd, address, new Uint8Array(Uint32Array.of(length).buffer)));
  return address;
}

/** Sets an option; a number is passed as a C `int`. */
export function setSocketOption(fd: number, level: number, name: number, value: number | Uint8Array): void {
  const bytes = typeof value === "number" ? new Uint8Array(Int32Array.of(value).buffer) : value;
  check(`setsockopt(${level}, ${name})`, calls.setsockopt(fd, level, name, bytes, bytes.length));
}

/** @returns bytes sent, or the negative error number */
export function sendTo(
  fd: number,
  data: Uint8Array,
  length: number,
  flags: number,
  to: Uint8Array | null,
): number {
  const sent: number = calls.sendto(fd, data, length, flags, to, to?.length ?? 0);
  return sent < 0 ? -koffi.errno() : sent;
}

const fromLength = new Uint32Array(1);
const fromLengthBytes = new Uint8Array(fromLength.buffer);

/** @returns bytes received (with MSG_TRUNC in flags: of the whole datagram), or the negative error number */
export function receiveFrom(fd: number, into: Uint8Array, flags: number, from: Uint8Array | null): number {
  fromLength[0] = from?.length ?? 0;
  const received: number = calls.recvfrom(
    fd,
    into,
    into.length,
    flags,
    from,
    from === null ? null : fromLengthBytes,
  );
  return received < 0 ? -koffi.errno() : received;
}

/** @returns datagrams sent, or the negative error number; `headers` is an array of `struct mmsghdr` */
export function sendMessages(fd: number, headers: Uint8Array, count: number, flags: number): number {
  const sent: number = calls.sendmmsg(fd, headers, count, flags);
  return sent < 0 ? -koffi.errno() : sent;
}

/** @returns datagrams received, or the negative error number; `headers` is an array of `struct mmsghdr` */
export function receiveMessages(fd: number, headers: Uint8Array, count: number, flags: number): number {
  const received: number = calls.recvmmsg(fd, headers, count, flags, null);
  return received < 0 ? -koffi.errno() : received;
}

/** An ioctl(2) that fills `into`. @returns 0 or more, or the negative error number */
export function ioctlRead(fd: number, request: number, into: Uint8Array): number {
  const result: number = calls.ioctl(fd, request, into);
  return result < 0 ? -koffi.errno() : result;
}

const CLOCK_REALTIME = 0; // uapi linux/time.h
const timespec = new BigInt64Array(2);
const timespecBytes = new Uint8Array(timespec.buffer);

/** The wall clock in nanoseconds, finer than Date.now(). */
export function realTimeNs(): bigint {
  check("clock_gettime", calls.clockGettime(CLOCK_REALTIME, timespecBytes));
  return (timespec[0] ?? 0n) * 1_000_000_000n + (timespec[1] ?? 0n);
}

const TIMEX_BYTES = 208; // uapi linux/timex.h, struct timex on 64-bit machines; all zeros ask and change nothing
const TIME_ERROR = 5;

/** Whether the kernel holds its clock for synchronised (adjtimex(2)); undefined where it may not be asked. */
export function isClockSynchronised(): boolean | undefined {
  const state: number = calls.adjtimex(new Uint8Array(TIMEX_BYTES));
  return state < 0 ? undefined : state !== TIME_ERROR;
}

const EFD_CLOEXEC_NONBLOCK = 0o2004000; // uapi linux/eventfd.h

/** @returns the descriptor of an event counter that is 0: eventfd(2) */
export function openEventCounter(): number {
  return check("eventfd", calls.eventfd(0, EFD_CLOEXEC_NONBLOCK));
}

const ONE = new Uint8Array(BigUint64Array.of(1n).buffer);
const eventCount = new Uint8Array(ONE.length);

/** Adds one, and wakes whoever polls it. */
export function ringEventCounter(fd: number): void {
  check("write", calls.write(fd, ONE, ONE.length));
}

/** Sets it to 0: nobody is woken by what was added until now. */
export function clearEventCounter(fd: number): void {
  calls.read(fd, eventCount, eventCount.length);
}

/** Blocks the calling thread in poll(2). @returns ready descriptors, or the negative error number */
export function pollBlocking(fds: Uint8Array, count: number, timeoutMs: number): number {
  const ready: number = calls.poll(fds, count, timeoutMs);
  return ready < 0 ? -koffi.errno() : ready;
}

/** As pollBlocking, with a `struct timespec` for waits shorter than a millisecond. */
export function pollPrecise(fds: Uint8Array, count: number, timespec: Uint8Array): number {
  const ready: number = calls.ppoll(fds, count, timespec, null);
  return ready < 0 ? -koffi.errno() : ready;
}

/** The index of a network device in this network namespace, or undefined when there is none of that name. */
export function deviceIndex(device: string): number | undefined {
  const index: number = calls.ifNametoindex(device);
  return index === 0 ? undefined : index;
}

/** Waits in poll(2) on a thread of Node's pool; `done` gets the ready descriptors, or the negative error number. */
export function pollInBackground(
  fds: Uint8Array,
  count: number,
  timeoutMs: number,
  done: (ready: number) => void,
): void {
  calls.poll.async(fds, count, timeoutMs, (failure: Error | null, ready: number) => {
    done(failure === null ? ready : -errno.EINVAL);
  });
}

const SCHED_FIFO = 1; // uapi linux/sched.h

/** Gives a thread, or the calling one, real-time priority 1..99. @returns 0, or the negative error number (EPERM without the right) */
export function setRealTimePriority(priority: number, threadId = 0): number {
  const result: number = calls.schedSetscheduler(
    threadId,
    SCHED_FIFO,
    new Uint8Array(Int32Array.of(priority).buffer),
  );
  return result < 0 ? -koffi.errno() : 0;
}

const CPU_SET_BYTES = 128; // cpu_set_t: a bit for each of 1,024 processors

/**
 * Keeps a thread, or the calling one, on these processors, counted from 0; one that is waiting for another processor is moved at once.
 *
 * @returns 0, or the negative error number (EINVAL: there is none of them; ESRCH: there is no such thread)
 */
export function keepOnProcessors(processors: readonly number[], threadId = 0): number {
  const mask = new Uint8Array(CPU_SET_BYTES);
  for (const processor of processors) {
    const byte = processor >> 3;
    mask[byte] = (mask[byte] ?? 0) | (1 << (processor & 7));
  }
  const result: number = calls.schedSetaffinity(threadId, mask.length, mask);
  return result < 0 ? -koffi.errno() : 0;
}

/** The processor that the calling thread runs on, counted from 0. */
export function currentProcessor(): number {
  return calls.schedGetcpu();
}

const MLOCK_ONFAULT = 1; // uapi asm-generic/mman.h

/**
 * Keeps a part of this process's memory from being given up: what of it is there now, and each further page from its first use on.
 * Needs Linux 4.4.
 *
 * @returns 0, or the negative error number (ENOMEM, EPERM: more than RLIMIT_MEMLOCK, without CAP_IPC_LOCK)
 */
export function lockMemory(address: bigint, bytes: bigint): number {
  const result: number = calls.mlock2(address, bytes, MLOCK_ONFAULT);
  return result < 0 ? -koffi.errno() : 0;
}

const LOCK_EX_NB = 2 | 4; // asm-generic/fcntl.h

/** Takes a lock on an open file, which ends with the descriptor. @returns 0, or the negative error number (EWOULDBLOCK: somebody has it) */
export function lockFile(fd: number): number {
  const result: number = calls.flock(fd, LOCK_EX_NB);
  return result < 0 ? -koffi.errno() : 0;
}

/**
 * The SHA-256 of the first `length` bytes of `data`, into the first 32 of `into`. node:crypto gives every hash in new memory.
 *
 * @throws RangeError where either is too short
 * @throws Error where OpenSSL has no memory, or is configured without SHA-256
 */
export function sha256(data: Uint8Array, length: number, into: Uint8Array): void {
  if (length > data.length || into.length < SHA256_BYTES) throw new RangeError("sha256: not enough bytes");
  for (let i = 0; i < SHA256_BYTES; i++) into[i] = 0;
  SHA256(data, length, into);
  // It returns a pointer, which would be a box for each hash. No hash that anybody has seen is all zeros.
  for (let i = 0; i < SHA256_BYTES; i++) if (into[i] !== 0) return;
  throw new Error("OpenSSL does not compute SHA-256: see its configuration (openssl.cnf, FIPS)");
}
