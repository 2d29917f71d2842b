#!/bin/bash
# A missing library is named by its package; without apt-get `make deps` prints what other systems call it,
# and `make check` and `make demo`, which would install it, too.
set -u
out=$(PKG_CONFIG_LIBDIR=$TMPDIR PKG_CONFIG_PATH='' MAKEFLAGS='' make BUILD="$TMPDIR/b" all 2>&1)
case $out in *'make deps'*libsqlite3-dev*libyaml-dev*libhwloc-dev*libcurl4-openssl-dev*) ;; *) echo "$out"; exit 1 ;; esac

mkdir "$TMPDIR/bin"
for tool in sh bash make sed env id echo printf uname; do
    ln -s "$(command -v $tool)" "$TMPDIR/bin/$tool"
done
out=$(PATH=$TMPDIR/bin MAKEFLAGS='' make -s deps deps-test 2>/dev/null)
for want in 'dnf install gcc make .*libyaml-devel' 'pacman -S .*libutf8proc' 'brew install .*openssl@3' libcmocka-devel; do
    printf '%s\n' "$out" | grep -q "$want" || { echo "no '$want' in: $out"; exit 1; }
done
for goal in check demo; do
    out=$(PATH=$TMPDIR/bin CC=gcc MAKEFLAGS='' make -s BUILD="$TMPDIR/b" $goal 2>&1) && { echo "$goal does without a compiler: $out"; exit 1; }
    case $out in *'installing what is missing: gcc pkg-config'*'dnf install gcc make'*) ;; *) echo "$goal: $out"; exit 1 ;; esac
done
