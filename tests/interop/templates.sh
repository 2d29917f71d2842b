#!/bin/bash
# templates.sh - our template engine and Python's jinja2 say the same about other people's templates.
#
#   tests/interop/templates.sh RENDER       RENDER: the program made from tests/tasks/render_jsonl.c
#
# Chat templates: $CHAT_TEMPLATES (a folder of *.jinja, as llama.cpp's models/templates), else the source
# tree in npm's node-llama-cpp.  Task templates: $LM_EVAL_DIR (the folder lm_eval/tasks), else PyPI's
# lm_eval.  What is not at hand is skipped, and said so.
set -u
here=$(dirname "$0")
render=${1:?usage: templates.sh RENDER}
diff=$here/../tasks/jinja_diff.py
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
bad=0

if ! python3 -c 'import jinja2' 2> /dev/null; then
    echo "skipped: templates, python3 has no jinja2"
    exit 0
fi

chat=${CHAT_TEMPLATES:-}
if [ -z "$chat" ] && command -v npm > /dev/null && command -v git > /dev/null; then
    if (cd "$tmp" && npm pack --silent node-llama-cpp && tar xzf node-llama-cpp-*.tgz package/llama/gitRelease.bundle &&
        git clone -q package/llama/gitRelease.bundle llama.cpp) > "$tmp/log" 2>&1; then
        chat=$tmp/llama.cpp/models/templates
    fi
fi
if [ -d "$chat" ]; then
    echo "chat templates"
    python3 "$diff" "$render" --chat "$chat" || bad=1
else
    echo "skipped: chat templates, CHAT_TEMPLATES is not set and node-llama-cpp can't be had"
fi

tree=${LM_EVAL_DIR:-}
if [ -z "$tree" ] && python3 -m pip download -q --no-deps --only-binary :all: -d "$tmp" lm_eval > "$tmp/log" 2>&1 &&
    python3 -m zipfile -e "$tmp"/lm_eval-*.whl "$tmp/lm_eval" > "$tmp/log" 2>&1; then
    tree=$tmp/lm_eval/lm_eval/tasks
fi
if ! python3 -c 'import yaml' 2> /dev/null; then
    echo "skipped: task templates, python3 has no yaml"
elif [ -d "$tree" ]; then
    echo "task templates"
    python3 "$diff" "$render" --tree "$tree" || bad=1
else
    echo "skipped: task templates, LM_EVAL_DIR is not set and lm_eval can't be had"
fi
exit "$bad"
