#!/usr/bin/env bash
# Installs what is missing: the npm packages and, unless --npm-only, the Debian packages named as arguments.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo "tocha: installing the npm packages (npm ci)" >&2
  npm ci --no-audit --no-fund --loglevel=error >&2
  touch node_modules/.package-lock.json
fi
[ "${1:-}" = --npm-only ] && exit 0
