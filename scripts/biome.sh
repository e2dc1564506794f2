#!/usr/bin/env bash
# Runs biome (format, lint, import direction) from the package of this machine's platform.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
case "$(uname -m)" in x86_64) arch=x64 ;; aarch64) arch=arm64 ;; *) echo "biome: no package for $(uname -m)" >&2; exit 69 ;; esac
exec "$root/node_modules/@biomejs/cli-linux-$arch/biome" "$@"
