#!/usr/bin/env bash
# Install the browser that tests/browser drives, where it is missing: Debian's or Ubuntu's chromium.
set -euo pipefail

if command -v chromium >/dev/null || command -v chromium-browser >/dev/null; then
	exit 0
fi
command -v apt-get >/dev/null || {
	echo "There is no chromium, and no apt-get to install it with." >&2
	exit 1
}
as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo -n)
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends chromium fonts-noto-cjk
