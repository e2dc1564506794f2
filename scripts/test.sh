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
# Runs test files: a name, how many files at once, the files.
run() {
  echo "== $1"
  local tests=(bash scripts/node.sh --test --test-reporter=spec --test-timeout=600000 --test-concurrency="$2" "${@:3}")
  if [ -z "${CI:-}" ]; then "${tests[@]}"; else "${tests[@]}" | no_skips; fi
}
# A skipped test looks like a passed one. Where nobody reads the words, it is a failure.
no_skips() {
  awk '{ print; fflush() } /^ℹ skipped [1-9]/ { skipped = 1 } END { exit skipped }' || {
    echo "npm test: tests were skipped, see above: in CI that is a failure" >&2
    return 1
  }
}
# Node's own choice is one file less at once, so that half of a machine with two cores would do nothing.
cores=$(nproc)

if [ "$part" = quick ]; then
  run "units" "$cores" "src/{base,wire,contract,core,import,keys,client}/**/*.test.ts" "bench/**/*.test.ts" tests/style.test.ts
  run "simulations" "$cores" tests/sim/*.test.ts
  run "fuzz, short" "$cores" tests/fuzz/*.test.ts
  exit 0
fi

# systemd for systemd-analyze only: without what it recommends it does not become the machine's init.
bash scripts/install.sh nftables iproute2 procps conntrack git keepalived frr ndisc6 tcpdump vsftpd coturn etcd-server openssl curl systemd zsh fish mandoc groff-base
run "units and kernel layer" "$cores" "src/**/*.test.ts" "bench/**/*.test.ts" tests/style.test.ts
run "documents at random" "$cores" tests/property/*.test.ts
run "simulations" "$cores" tests/sim/*.test.ts
run "fuzz, short" "$cores" tests/fuzz/*.test.ts
# These tests wait for most of their time, for timers and for daemons that start. Each has namespaces of its own.
run "gateways in network namespaces, side by side" 2 tests/netns/*.test.ts
# One after the other: what loads the machine, measures, or changes what is one for all namespaces.
run "gateways in network namespaces, alone" 1 tests/netns/alone/*.test.ts
