#!/bin/bash
# Wrong arithmetic is caught: each line below breaks one file of the engine in one place, and the tests named must fail.
#
# The broken file is compiled beside the tree and linked before the library that holds the whole one; the first
# line breaks nothing, and its test must pass.
set -u
case $BUILD in *asan* | *tsan* | *address* | *thread*) echo 'the plain build catches them'; exit 77 ;; esac
flags=$(cat "$BUILD/flags") || exit 1
libs=$(pkg-config --libs libpcre2-8 libutf8proc libcrypto)
native=backends/native bad=0

# mutant WHAT FILE OLD NEW TEST [INCLUDER]: a header is broken through the .c file that includes it
mutant() {
    local what=$1 file=$2 old=$3 new=$4 test=$5 source=${6:-$2} dir=$TMPDIR/m
    rm -rf "$dir"
    mkdir -p "$dir/$native"
    if ! python3 - "$native/$file" "$dir/$native/$file" "$old" "$new" << 'END'
import sys
path, out, old, new = sys.argv[1:]
text = open(path).read()
if text.count(old) != 1:
    sys.exit(f"{path}: {text.count(old)} places like '{old}', expected one: write the mutant anew")
open(out, "w").write(text.replace(old, new))
END
    then bad=1; return; fi
    [ -f "$dir/$native/$source" ] || cp "$native/$source" "$dir/$native/$source"
    # shellcheck disable=SC2086  # lists of flags
    if ! ${flags%% -std=*} -I"$dir" -std=${flags#* -std=} -O3 -c -o "$dir/m.o" "$dir/$native/$source" ||
        ! ${flags%% -std=*} -o "$dir/test" "$BUILD/tests/native/$test.o" "$dir/m.o" \
            -Wl,--start-group "$BUILD/lib/backends-native.a" "$BUILD/lib/harness-base.a" -Wl,--end-group \
            -lcmocka $libs -lm -lpthread; then
        echo "$what: does not build"; bad=1; return
    fi
    if ASSAY_CPU=${7:-} timeout 300 "$dir/test" > "$dir/out" 2>&1; then
        [ "$old" = "$new" ] || { echo "$what: $test does not notice"; bad=1; }
    elif [ "$old" = "$new" ]; then
        echo "$what: $test fails"; bad=1
    fi
}

mutant 'nothing' linear.c 'rintf(v[i] / f.s) + f.zero' 'rintf(v[i] / f.s) + f.zero' test_linear

mutant 'a zero point one too high' linear.c '(int8_t)((int)f.zero - shift)' '(int8_t)((int)f.zero - shift + 1)' test_linear
mutant 'a zero point left out of the codes' linear.c 'rintf(v[i] / f.s) + f.zero' 'rintf(v[i] / f.s)' test_linear
mutant 'swapped nibbles of int4' linear.c \
    'grouped_put(at.codes, m->form, k, r, q);' \
    'grouped_put(at.codes, m->form, k ^ (m->form == KERN_I4), r, q);' test_linear
mutant 'the parts of an int6 code in reverse' linear.c 'code >> (size_t)at.part * j & ((1u << at.part) - 1)' \
    'code >> (size_t)at.part * (form == KERN_I6 ? at.n_words - 1 - j : j) & ((1u << at.part) - 1)' test_linear
mutant 'a code of int5 of a neighbour' kern_ref.c 'const struct kern_place at = kern_place(w->form, k);' \
    'const struct kern_place at = kern_place(w->form, k ^ (w->form == KERN_I5));' test_linear kern_ref.c ref
mutant 'swapped nibbles of q4_0' quant.c \
    '(float)((p[2 + j] & 15) - 8) * d' '(float)((p[2 + j] >> 4) - 8) * d' test_quant
mutant "a group with its neighbour's scale" linear.c 'scale[g * KERN_ROWS + at.r] = f.s;' \
    'scale[g * KERN_ROWS + at.r] = g ? scale[(g - 1) * KERN_ROWS + at.r] : f.s;' test_linear
mutant 'a q8_0 scale before rounding to fp16' quant.c \
    'float d = quant_f16_f32(get_u16(p));
        for (int j = 0; j < BLOCK; j++)
            dst[i + (size_t)j] = (float)(int8_t)p[2 + j] * d;' \
    'float d = quant_f16_f32((uint16_t)(get_u16(p) + 1));
        for (int j = 0; j < BLOCK; j++)
            dst[i + (size_t)j] = (float)(int8_t)p[2 + j] * d;' test_quant
mutant 'ties away from zero' linear.c 'clamp(rintf(v[i] / f.s)' 'clamp(roundf(v[i] / f.s)' test_linear
mutant 'the largest code out of reach' linear.c '1 - half, half - 1}' '1 - half, half - 2}' test_linear
mutant 'outliers that are counted twice' linear_forward.c 'if (!(fabsf(x[k]) >= l->outlier))' \
    'if (!(fabsf(x[k]) >= 0.9f * l->outlier))' test_linear
mutant 'swapped nibbles of the int4 cache' attend_low_body.h 'row[at.byte] >> at.shift &' \
    'row[at.byte] >> (t == KV_INT4 ? 4 - at.shift : at.shift) &' test_attend attend_ref.c ref
mutant "the int3 cache's third bit of a neighbour" attend_low_body.h 'q |= third >> (uint32_t)i & 4u' \
    'q |= third >> (uint32_t)(i ^ 1) & 4u' test_attend attend_ref.c ref
mutant 'a cache scale without its sign' attend_low_body.h 'top / (float)-low_zero(t)' 'fabsf(top) / (float)low_zero(t)' \
    test_attend attend_ref.c ref
mutant "values with the neighbouring group's scale" attend_low_body.h \
    'm->kv->vs + d / KV_GROUP * m->kv->cap;
    vf a' 'm->kv->vs + d / (KV_GROUP + 1) * m->kv->cap;
    vf a' test_attend attend_ref.c ref
mutant 'a probe that trusts what scoring overwrote' forward_score.c 'f->n_held = 0;' '' test_probe
mutant 'a probe that trusts a cache that was let go' probe.c 'if (r->tokens.n > f->path.cap)' 'if (0)' test_probe
mutant 'a probe that compares no tokens' probe.c 'f->held[n] == p->req->tokens.v[n]' 'f->held[n] >= 0' test_probe
exit $bad
