# lib.sh - what the comparisons with other people's programs share; they source it.
#
# What is downloaded stays in $INTEROP_DIR (build/interop) for the next run, `make clean` removes it:
#   venv/        Python with lm_eval and what it needs, of $PYTHON (python3), from PyPI: 760 MB
#   tree/        lm_eval's wheel, unpacked: its task files, without anything to run
#   llama.cpp/   sources of llama.cpp, and lib/ its libraries for x86-64 Linux, from npm
# $LM_EVAL_VENV, $LM_EVAL_DIR (.../lm_eval/tasks), $LLAMA_CPP and $LLAMA_CPP_LIB: what is there already.
#
# A part's last line is its summary.  It exits with 0, with 1 after a line "missed: ..." for each bound
# that does not hold, or with 77 when the machine lacks something; then the last line says what.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
LM_EVAL_VERSION=${LM_EVAL_VERSION:-0.4.13}
NODE_LLAMA_CPP=${NODE_LLAMA_CPP:-3.22.1}          # holds llama.cpp 0.5.0
INTEROP_DIR=${INTEROP_DIR:-$root/build/interop}
mkdir -p "$INTEROP_DIR" || exit 2
tmp=$(mktemp -d "${TMPDIR:-/tmp}/assay-interop-XXXXXX") || exit 2
trap 'rm -rf "$tmp"' EXIT
export HF_HOME=$tmp/hf PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1
missed=0

skip() { echo "$*"; exit 77; }
miss() { echo "missed: $*"; missed=1; }
summary() { echo "$*"; exit "$missed"; }
last_error() { grep -v '^\[notice\]' "$tmp/log" | tail -n 1; }

# Sets venv, python and pyversion: lm_eval, and the modules that its widely quoted tasks import.  Wheels only,
# but for the packages that have none.
need_venv() {
    local base=${PYTHON:-python3} stamp
    venv=${LM_EVAL_VENV:-$INTEROP_DIR/venv}
    if [ -z "${LM_EVAL_VENV:-}" ]; then
        "$base" -m venv --help > /dev/null 2>&1 || skip "no '$base' that makes environments (python3-venv)"
        stamp="$venv/lm_eval-$LM_EVAL_VERSION-$("$base" -c 'import platform; print(platform.python_version())')"
        if [ ! -e "$stamp" ]; then
            rm -rf "$venv"
            { "$base" -m venv "$venv" && "$venv/bin/pip" install -q --only-binary :all: \
                --no-binary rouge-score,sqlitedict,word2number,langdetect,antlr4-python3-runtime \
                "lm_eval[math,ifeval,ruler]==$LM_EVAL_VERSION" jsonschema && touch "$stamp"; } > "$tmp/log" 2>&1 || skip "lm_eval $LM_EVAL_VERSION can't be had: $(last_error)"
        fi
    fi
    python=$venv/bin/python
    [ -x "$python" ] || skip "no '$python'"
    pyversion=$("$python" -c 'import platform; print(platform.python_version())')
}

# Sets tree, the folder of task files.
need_tree() {
    local wheel=$INTEROP_DIR/tree-$LM_EVAL_VERSION
    tree=${LM_EVAL_DIR:-$wheel/lm_eval/tasks}
    if [ -z "${LM_EVAL_DIR:-}" ] && [ ! -d "$tree" ]; then
        "${PYTHON:-python3}" -m pip --version > /dev/null 2>&1 || skip "LM_EVAL_DIR is not set and there is no pip"
        { "${PYTHON:-python3}" -m pip download -q --no-deps --only-binary :all: -d "$tmp/wheel" "lm_eval==$LM_EVAL_VERSION" &&
            "${PYTHON:-python3}" -m zipfile -e "$tmp"/wheel/lm_eval-*.whl "$tmp/tree" &&
            mv "$tmp/tree" "$wheel"; } > "$tmp/log" 2>&1 ||
            skip "LM_EVAL_DIR is not set and lm_eval $LM_EVAL_VERSION can't be had: $(last_error)"
    fi
    [ -d "$tree" ] || skip "no folder '$tree'"
}

npm_pack() {                      # PACKAGE MEMBER DIR: unpacks MEMBER of the package's archive
    mkdir -p "$3" && (cd "$3" && npm pack --silent "$1@$NODE_LLAMA_CPP" && tar xzf ./*.tgz "$2" && rm -f ./*.tgz)
}

# Sets llama_src.
need_llama_source() {
    llama_src=${LLAMA_CPP:-$INTEROP_DIR/llama.cpp}
    if [ -z "${LLAMA_CPP:-}" ] && [ ! -d "$llama_src" ]; then
        command -v npm > /dev/null && command -v git > /dev/null || skip "LLAMA_CPP is not set and there is no npm or git"
        { npm_pack node-llama-cpp package/llama/gitRelease.bundle "$tmp/npm" &&
            git clone -q "$tmp/npm/package/llama/gitRelease.bundle" "$tmp/llama.cpp" &&
            mv "$tmp/llama.cpp" "$llama_src"; } > "$tmp/log" 2>&1 || skip "llama.cpp's sources can't be had: $(last_error)"
    fi
    [ -d "$llama_src" ] || skip "no folder '$llama_src'"
}

# Sets llama_lib.
need_llama_libraries() {
    llama_lib=${LLAMA_CPP_LIB:-$INTEROP_DIR/lib}
    if [ -z "${LLAMA_CPP_LIB:-}" ] && [ ! -d "$llama_lib" ]; then
        [ "$(uname -sm)" = "Linux x86_64" ] || skip "LLAMA_CPP_LIB is not set, and npm has libraries for x86-64 Linux only"
        command -v npm > /dev/null || skip "LLAMA_CPP_LIB is not set and there is no npm"
        { npm_pack @node-llama-cpp/linux-x64 package/bins/linux-x64 "$tmp/npm-lib" &&
            mv "$tmp/npm-lib/package/bins/linux-x64" "$llama_lib"; } > "$tmp/log" 2>&1 ||
            skip "llama.cpp's libraries can't be had: $(last_error)"
    fi
    [ -d "$llama_lib" ] || skip "no folder '$llama_lib'"
}
