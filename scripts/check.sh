#!/usr/bin/env bash
# Format, lint, types and import direction. Needs no root and takes less than a minute.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/install.sh --npm-only
PATH="$PWD/node_modules/.bin:$PATH"
# biome.json holds the import direction between the layers, as `noRestrictedImports` of each folder.
echo "== format, lint, import direction"
bash scripts/biome.sh check --error-on-warnings .
echo "== types"
tsc --noEmit
# What is made of the help of the program, and lies here to be packaged.
echo "== man pages"
bash scripts/node.sh scripts/write-man.ts --check
echo "== written schemas"
bash scripts/node.sh scripts/write-schema.ts --check
