#!/bin/bash
# templates.sh - our template engine and Python's jinja2 say the same: about made-up templates, about the chat
# templates in llama.cpp, and about every template string of lm-eval's tree.
#
#   tests/interop/templates.sh RENDER       RENDER: the program made from tests/tasks/render_jsonl.c
#
# Promised: no difference.  $CHAT_TEMPLATES: a folder of *.jinja.
. "$(dirname "$0")/lib.sh"
render=${1:?usage: templates.sh RENDER}
if python3 -c 'import jinja2, yaml' 2> /dev/null; then
    python=python3
else
    need_venv
fi
cases=0 kinds= lacking=

compare() {                       # NAME OPTION...
    local name=$1
    shift
    echo "== $name"
    "$python" "$here/../tasks/jinja_diff.py" "$render" "$@" > "$tmp/said" 2>&1 || miss "$name: $(tail -n 1 "$tmp/said")"
    cat "$tmp/said"
    cases=$((cases + $(sed -n 's/.* templates, \([0-9]*\) cases.*/\1/p' "$tmp/said" | tail -n 1)))
    kinds="${kinds:+$kinds, }$(sed -n 's/^\([0-9]*\) templates, .*/\1/p' "$tmp/said" | tail -n 1) $name"
}

compare made-up --n 4000
if [ -z "${CHAT_TEMPLATES:-}" ] && ! lacks=$(need_llama_source); then
    lacking="; chat: $lacks"
else
    [ -n "${CHAT_TEMPLATES:-}" ] || need_llama_source
    compare chat --chat "${CHAT_TEMPLATES:-$llama_src/models/templates}"
fi
if lacks=$(need_tree); then
    need_tree
    compare "of tasks" --tree "$tree"
else
    lacking="$lacking; tasks: $lacks"
fi
summary "$kinds templates, $cases cases against jinja2 $("$python" -c 'import jinja2; print(jinja2.__version__)'):" \
    "$([ $missed = 0 ] && echo 'no difference' || echo 'they differ')$lacking"
