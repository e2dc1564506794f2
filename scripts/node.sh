#!/usr/bin/env bash
# Runs a TypeScript file with the pinned Node.js, or with one on PATH of at least the same major version.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
node_major_min=26
case "$(uname -m)" in x86_64) arch=x64 ;; aarch64) arch=arm64 ;; *) arch=unknown ;; esac
node="$root/node_modules/node-linux-$arch/bin/node"
if [ ! -x "$node" ]; then
  node=$(command -v node || true)
  major=$([ -n "$node" ] && "$node" -p 'process.versions.node.split(".")[0]' || echo 0)
  if [ "$major" -lt "$node_major_min" ]; then
    echo "tocha: Node.js $node_major_min is not installed here (found: ${node:-none}). Run 'npm ci' in $root: it brings the pinned one." >&2
    exit 69
  fi
fi
# Compiled code is kept: every program of ours starts a tenth of a second sooner. Inside the checkout, where that is ours to write;
# else with the user's own caches. Where neither can be written, Node does without.
if [ -z "${NODE_COMPILE_CACHE:-}" ]; then
  if [ -w "$root" ]; then cache="$root/.tocha"; else cache="${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/tocha"; fi
  export NODE_COMPILE_CACHE="$cache/compile-cache"
fi
exec "$node" "$@"
