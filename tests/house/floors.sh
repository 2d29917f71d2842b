#!/bin/bash
# The floor check names a breach with file and line, an include without a folder, and a cycle.
set -eu
here=$PWD
mkdir -p "$TMPDIR/harness/base" "$TMPDIR/tasks"
cd "$TMPDIR"
check() { awk -f "$here/tests/floors.awk" "$here/tests/floors.txt" "$@"; }

printf '#include <stdio.h>\n#include "backends/backend.h"\n' > harness/base/fine.h
check harness/base/fine.h

printf '\n#include "tasks/up.h"\n' > harness/base/up.h
! out=$(check harness/base/up.h)
[ "$out" = "harness/base/up.h:2: 'harness/base' may not include \"tasks/up.h\" (tests/floors.txt)" ]

printf '#include "err.h"\n' > harness/base/bare.h
! out=$(check harness/base/bare.h)
case $out in *'"err.h" is not relative'*) ;; *) exit 1 ;; esac

printf '#include "tasks/b.h"\n' > tasks/a.h
printf '#include "tasks/a.h"\n' > tasks/b.h
! out=$(check tasks/a.h tasks/b.h)
case $out in 'cycle of headers: '*'tasks/a.h'*'tasks/b.h'*) ;; *) exit 1 ;; esac

mkdir new
printf '#include "harness/base/err.h"\n' > new/x.c
! out=$(check new/x.c)
case $out in *"folder 'new' is not in tests/floors.txt"*) ;; *) exit 1 ;; esac
