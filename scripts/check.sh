#!/usr/bin/env bash
# Format, lint, types and import direction. Needs no root and takes less than a minute.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/install.sh --npm-only
PATH="$PWD/node_modules/.bin:$PATH"
echo "format and lint"; biome check --error-on-warnings .
echo "types";           tsc --noEmit
echo "import direction"
bash scripts/node.sh node_modules/dependency-cruiser/bin/dependency-cruise.mjs --config .dependency-cruiser.json src
