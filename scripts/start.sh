#!/usr/bin/env bash
# npm start: installs what is missing, then shows a gateway cluster live on this machine (src/lab/story.ts).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ "$(id -u)" -ne 0 ]; then
  echo "tocha: this needs root: it makes network namespaces and loads firewall rules inside them." >&2
  echo "  -> sudo npm start" >&2
  exit 69
fi

# Each program with the Debian package that brings it.
packages=()
for pair in nft:nftables ip:iproute2 conntrack:conntrack git:git; do
  command -v "${pair%%:*}" >/dev/null || packages+=("${pair##*:}")
done
if [ ${#packages[@]} -gt 0 ]; then
  if ! command -v apt-get >/dev/null; then
    echo "tocha: these are missing, and this is no Debian to install them on: ${packages[*]}" >&2
    echo "  -> install them with this system's package manager, then: npm start" >&2
    exit 69
  fi
  echo "tocha: installing Debian's ${packages[*]} (apt-get)" >&2
  export DEBIAN_FRONTEND=noninteractive
  if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${packages[@]}"; } >&2; then
    echo "tocha: apt-get could not install ${packages[*]}; its message stands above." >&2
    echo "  -> apt-get update && apt-get install ${packages[*]}" >&2
    exit 69
  fi
fi

bash scripts/install.sh --npm-only
exec bash scripts/node.sh src/lab/story.ts "$@"
