#!/bin/bash
# Installs below DESTDIR, runs what was installed away from the source tree, and takes it away again.
set -eu
dest=$TMPDIR/dest
make -s BUILD="$BUILD" DESTDIR="$dest" PREFIX=/opt/assay install > /dev/null
root=$dest/opt/assay
for f in bin/assay include/assay/backend.h share/man/man1/assay.1 share/assay/recipes/blimp.yaml \
         share/bash-completion/completions/assay share/zsh/site-functions/_assay; do
    [ -s "$root/$f" ] || { echo "not installed: $f"; exit 1; }
done
diff -r tasks/library "$root/share/assay/tasks"
diff -r datasets/mini/data "$root/share/assay/datasets/mini/data"
head -c 4 "$root/share/man/man1/assay.1" | grep -q '^\.TH'
printf '#include <assay/backend.h>\nint x;\n' | gcc -std=c11 -Wall -Werror -I "$root/include" -fsyntax-only -x c -
cd "$TMPDIR"
"$root/bin/assay" version > /dev/null
"$root/bin/assay" list tasks | grep -q blimp || { echo 'the installed program does not find its tasks'; exit 1; }
"$root/bin/assay" run --db mini.db --backend mock --model any --tasks mini --limit 2 --quiet ||
    { echo 'the installed program does not find its rows'; exit 1; }
cd - > /dev/null
make -s BUILD="$BUILD" DESTDIR="$dest" PREFIX=/opt/assay uninstall > /dev/null
[ -z "$(find "$dest" -type f)" ] || { echo 'left behind:'; find "$dest" -type f; exit 1; }
