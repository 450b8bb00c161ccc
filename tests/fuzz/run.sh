#!/usr/bin/env bash
# Runs every fuzz target for some time each, seeded with the fixtures. Needs cargo-fuzz and a nightly compiler, or
# RUSTC_BOOTSTRAP=1 with a stable one.
#
#   run.sh [SECONDS [TARGET...]]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
seconds=${1:-60}
shift || true
fixtures=../../fixtures/extract
seeds() {
  case $1 in
    pe) ls $fixtures/binary-pe/*/input.* ;;
    elf) ls $fixtures/binary-elf/*/input.* ;;
    macho) ls $fixtures/binary-macho/*/input.* ;;
    class | dex | apk | android_manifest | android_resources | jar_manifest) find $fixtures -path '*android*' -name 'input.*' -o -path '*java*' -name 'input.*' ;;
    pkcs7 | msi | script) ls $fixtures/signature-*/*/input.* ;;
    plist) find $fixtures -name '*.plist' -o -path '*plist*' -name 'input.*' ;;
    rpmdb_* | rpm) ls $fixtures/*rpm*/*/input.* ;;
    installed) ls $fixtures/installed-*/*/input.* ;;
    sbom) ls $fixtures/sbom-*/*/input.* $fixtures/envelope-*/*/input.* ;;
    *) ls $fixtures/*/*/input.* ;;
  esac
}
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(sed -n 's/^name = "\([a-z_0-9]*\)"$/\1/p' Cargo.toml)
for target in "${targets[@]}"; do
  mkdir -p "corpus/$target"
  while read -r file; do
    cp "$file" "corpus/$target/$(echo "$file" | tr / _ | tail -c 100)"
  done < <(seeds "$target")
  cargo fuzz run --fuzz-dir . "$target" -- -max_total_time="$seconds" -rss_limit_mb=4096 -timeout=20 -max_len=262144
done
