#!/usr/bin/env bash
# Installs what is missing: the npm packages, and the Debian packages that are named.
#   bash scripts/install.sh --npm-only      (and what the Node.js that npm brings needs)
#   bash scripts/install.sh nftables iproute2
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# npm writes node_modules/.package-lock.json last: it is the mark of a whole installation.
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo "tocha: installing the npm packages (npm ci)" >&2
  npm ci --no-audit --no-fund --loglevel=error >&2
  touch node_modules/.package-lock.json
fi
[ "${1:-}" = --npm-only ] && shift

missing=()
# The pinned Node.js needs a library that small systems do not have.
complaint=$(bash scripts/node.sh --version 2>&1 >/dev/null) || case $complaint in
  *libatomic*) missing+=(libatomic1) ;;
  *) echo "tocha: the pinned Node.js does not start here: $complaint" >&2; exit 69 ;;
esac
for package in "$@"; do
  dpkg-query --show --showformat='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if ! command -v apt-get >/dev/null; then
  echo "tocha: these packages are missing: ${missing[*]}. Install them with your system's package manager." >&2
  exit 69
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "tocha: these packages are missing: ${missing[*]}" >&2
  echo "  -> sudo apt-get install ${missing[*]}" >&2
  exit 69
fi
echo "tocha: installing Debian packages: ${missing[*]}" >&2
# A service that a package brings must not start here: tests run their own in namespaces.
export DEBIAN_FRONTEND=noninteractive
install_failed() {
  echo "tocha: apt-get could not install ${missing[*]}; its message stands above." >&2
  echo "  -> apt-get update && apt-get install ${missing[*]}" >&2
  exit 69
}
apt-get update -qq >&2 || install_failed
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || install_failed
