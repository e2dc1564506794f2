/**
 * The three functions of the reflect-metadata proposal that the certificate library's container (tsyringe) asks
 * for at import. Nothing here is called for what we use of the library; must be imported before it.
 */
type Metadata = Map<unknown, unknown>;

const metadata = new WeakMap<object, Metadata>();

function own(key: unknown, target: object): unknown {
  return metadata.get(target)?.get(key);
}

function inherited(key: unknown, target: object): unknown {
  for (let at: unknown = target; at !== null && at !== undefined; at = Object.getPrototypeOf(at)) {
    const found = own(key, at);
    if (found !== undefined) return found;
  }
  return undefined;
}

function define(key: unknown, value: unknown, target: object): void {
  const entries: Metadata = metadata.get(target) ?? new Map();
  metadata.set(target, entries.set(key, value));
}

if (!("getMetadata" in Reflect)) {
  Object.assign(Reflect, { getMetadata: inherited, getOwnMetadata: own, defineMetadata: define });
}
