#!/usr/bin/env bash
# What `make setup` would make in half a minute: the environment that runs these tests, with this checkout's own code.
set -euo pipefail
"$TEST_PYTHON" -m venv --without-pip .venv
site=$(echo .venv/lib/python3*/site-packages)
"$TEST_PYTHON" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$site/locked.pth"
echo "$PWD/src" >> "$site/locked.pth"
for tool in "$(dirname "$TEST_PYTHON")"/*; do [ -e ".venv/bin/$(basename "$tool")" ] || ln -s "$tool" .venv/bin/; done
rm .venv/bin/slipway
printf '#!%s\nfrom slipway.cli.main import main\nmain()\n' "$PWD/.venv/bin/python" > .venv/bin/slipway
chmod +x .venv/bin/slipway
mkdir -p .uv/bin
ln -sf "$(dirname "$TEST_PYTHON")/uv" .uv/bin/uv
touch .venv/.locked
