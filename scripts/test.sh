#!/usr/bin/env bash
# Everything that `npm test` does: installs what the tests need, then runs all of them. Needs root.
#   bash scripts/test.sh          all
#   bash scripts/test.sh quick    without root: units, simulations, a short fuzz
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

part=${1:-all}
if [ "$part" != quick ] && [ "$(id -u)" != 0 ]; then
  echo "npm test: root is missing. The tests make network namespaces and load firewall rules into them." >&2
  echo "  Run: sudo npm test      (without root: bash scripts/test.sh quick)" >&2
  exit 77
fi

bash scripts/install.sh --npm-only
run() {
  echo "== $1"
  shift
  bash scripts/node.sh --test --test-reporter=spec --test-timeout=600000 "$@"
}

if [ "$part" = quick ]; then
  run "units" "src/{base,wire,contract,core,keys,client}/**/*.test.ts" "bench/**/*.test.ts" tests/style.test.ts
  run "simulations" tests/sim/*.test.ts
  run "fuzz, short" tests/fuzz/*.test.ts
  exit 0
fi

bash scripts/install.sh nftables iproute2 conntrack git keepalived frr ndisc6 tcpdump vsftpd
run "units and kernel layer" "src/**/*.test.ts" "bench/**/*.test.ts" tests/style.test.ts
run "simulations" tests/sim/*.test.ts
run "fuzz, short" tests/fuzz/*.test.ts
# One after the other: each file has the machine's cores for its gateways and its traffic.
run "gateways in network namespaces" --test-concurrency=1 tests/netns/*.test.ts
