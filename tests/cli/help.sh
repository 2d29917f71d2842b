#!/bin/bash
# help.sh - help, suggestions, manual and completion come from the tables.
. tests/cli/lib.sh

golden help "$ASSAY" --help
golden exit-codes "$ASSAY" help exit-codes
expect 2 "usage: assay COMMAND" "$ASSAY"
expect 0 "usage: assay run \[SUITE.yaml\]" "$ASSAY" run --help
expect 0 "^  --precision TEXT" "$ASSAY" help run
expect 2 "unknown command 'rnu', did you mean 'run'\?" "$ASSAY" rnu
expect 2 "unknown option '--presicion', did you mean '--precision'\?" "$ASSAY" run --presicion fp32
expect 2 "option '--db' needs a value" "$ASSAY" compare --db
expect 2 "unknown option '-x'; see 'assay run --help'" "$ASSAY" run -x
expect 2 "unexpected argument 'b.yaml'" "$ASSAY" run a.yaml b.yaml
expect 2 "missing argument; usage: assay db check" "$ASSAY" db
expect 2 "unknown action 'chek'" "$ASSAY" db chek
expect 2 "unknown shell|one of bash, zsh" "$ASSAY" help --completion fish
expect 0 "^assay [0-9]+\.[0-9]+\.[0-9]+$" "$ASSAY" --version

for c in run compare report results grade list show gate history ack baseline validate bench probe db data version help; do
    "$ASSAY" "$c" --help > "$T/help" 2>&1 || fail "$c --help"
    if awk 'length > 80 { exit 1 }' "$T/help"; then :; else fail "$c --help is wider than 80 columns"; fi
done

"$ASSAY" help --man > "$T/assay.1"
if command -v man > /dev/null; then
    man --warnings -l "$T/assay.1" > "$T/man.txt" 2> "$T/man.err" || fail "man cannot read the manual"
    [ -s "$T/man.err" ] && { fail "the manual has warnings"; cat "$T/man.err" >&2; }
    grep -q "EXIT STATUS" "$T/man.txt" || fail "the manual lacks its exit status"
fi
"$ASSAY" help --completion bash > "$T/c.bash"
got=$(bash -c ". '$T/c.bash'; COMP_WORDS=(assay ru); COMP_CWORD=1; _assay; echo \"\${COMPREPLY[*]}\"")
[ "$got" = run ] || fail "bash completes 'ru' to '$got'"
got=$(bash -c ". '$T/c.bash'; COMP_WORDS=(assay run --prec); COMP_CWORD=2; _assay; echo \"\${COMPREPLY[*]}\"")
[ "$got" = --precision ] || fail "bash completes '--prec' to '$got'"
if command -v zsh > /dev/null; then
    "$ASSAY" help --completion zsh > "$T/c.zsh"
    zsh -n "$T/c.zsh" || fail "zsh cannot parse its completion"
fi
done_testing
