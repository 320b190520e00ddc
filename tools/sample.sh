#!/bin/sh
# Build the book as it is built without names.txt and without a network: on the sample that comes with it. Every page
# must say so, and claims about names.txt must be reported as not checked.
set -eu
cd "$(dirname "$0")/.."
nowhere=$(mktemp -d)
env -u NNZ_NAMES NNZ_CACHE="$nowhere" NNZ_NAMES_URL=http://127.0.0.1:9/names.txt "${1:-make}" book
for page in _build/html/book/*.html; do
    grep -q 'class="data-notice"' "$page" || { echo "no notice on $page"; exit 1; }
done
grep -q '"verdict": "not checked"' _build/claims.json
