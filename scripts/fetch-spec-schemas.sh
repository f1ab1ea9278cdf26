#!/bin/sh
# Fetches the schemas of the runtime specification from Debian's newest package, and prints the folder they
# are in. A test compares them with ours (test/unit/spec/oracle.test.ts); nothing else uses them. The host's
# apt configuration is not changed: lists, cache and package are below build/.
set -eu

package=golang-github-opencontainers-specs-dev
suite=sid
here=$(cd "$(dirname "$0")/.." && pwd)/build/spec-schemas
schemas=$here/root/usr/share/gocode/src/github.com/opencontainers/runtime-spec/schema

if [ -f "$schemas/config-schema.json" ]; then
  echo "$schemas"
  exit 0
fi

command -v apt-get >/dev/null || { echo "this is no Debian: there is no apt-get" >&2; exit 1; }
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -f "$keyring" ] || { echo "there is no $keyring" >&2; exit 1; }

# Use the mirror that this host uses.
release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
mirror=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
  awk -v release="$release" '$2 == release && $3 == "main" { print $1; exit }')
[ -n "$mirror" ] || { echo "apt has no source for $release main" >&2; exit 1; }

# An outdated mirror will do: its packages are signed, and only used for a comparison.
mkdir -p "$here/lists/partial" "$here/cache/archives/partial"
echo "deb [signed-by=$keyring] $mirror $suite main" >"$here/sources.list"
: >"$here/status"
private="-o Dir::Etc::sourcelist=$here/sources.list -o Dir::Etc::sourceparts=/dev/null
  -o Dir::Etc::preferencesparts=/dev/null -o Dir::State=$here -o Dir::State::lists=$here/lists
  -o Dir::State::status=$here/status -o Dir::Cache=$here/cache -o APT::Sandbox::User=root
  -o Acquire::Check-Valid-Until=false -o Acquire::Languages=none -o Acquire::Retries=1
  -o Acquire::http::Timeout=20 -o Debug::NoLocking=1"

cd "$here"
# shellcheck disable=SC2086 # a list of words
{
  apt-get $private update --error-on=any && apt-get $private download "$package"
} >"$here/log" 2>&1 </dev/null || {
  echo "cannot fetch $package of $suite: $(grep -m 1 '^[EW]:' "$here/log" || tail -n 1 "$here/log")" >&2
  exit 1
}
# Unpacked beside it and then renamed, so that an existing folder is always complete.
rm -rf "$here/unpacking"
dpkg-deb -x "$package"_*.deb "$here/unpacking"
rm -rf "$here/root" "$here/lists" "$here/cache"
mv "$here/unpacking" "$here/root"
echo "$schemas"
