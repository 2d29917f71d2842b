/* precision.h - what a variant makes of each matrix: a precision's name, a group size and
 * exceptions become one scheme per tensor.
 *
 * Rules, in this order:
 *   1. Vectors (norms, rope_freqs) are always f32.
 *   2. The first `keep` pattern that matches a matrix's name decides.
 *   3. token_embd and output take part like every matrix, except that formats below 8 bits leave
 *      them at 8 bits of their own family, and w8a8_static at w8a8 (int6 and below, with zero points or not -> int8 per row;
 *      w4a4 q4_0 q4_1 q5_0 q5_1 -> q8_0): they are where low bits cost most and, read one row at a
 *      time, gain least.
 *      "int4:token_embd,output" in `keep` says otherwise.
 *   4. The precision itself.  Where its group does not divide the rows: int6 and below take the
 *      largest divisor of the row that is a multiple of 4 and at least 16, else the whole row as
 *      one group; w4a4 and GGUF block formats fall back to f16, as llama-quantize does.  An explicit
 *      group that does not divide is an error instead.
 * `stored` keeps each tensor's own format bit for bit.
 *
 * keep: "NAME:PATTERN,PATTERN;NAME:PATTERN".  A pattern is a shell glob on the tensor's name, with
 * or without ".weight"; every pattern must match a matrix. */
#ifndef PRECISION_H
#define PRECISION_H
#include "backends/native/model.h"

enum { PRECISION_MAX_KEEP = 64 };

struct precision_rule {            /* one pattern of `keep` */
    const char *pattern;
    uint8_t name;                  /* index of the precision's row */
    bool used;
};
struct precision {
    uint8_t name;
    uint32_t group;                /* 0: the precision's own */
    enum kv_type kv;
    struct precision_rule rules[PRECISION_MAX_KEEP];
    uint32_t n_rules;
};

/* In one line each: fp32 fp16 bf16 as they are, f32 products; int16 symmetric per row, int16
 * activations; int8 symmetric per row or groups, int6 int5 int4 int3 int2 symmetric groups of 32, int8a int4a
 * int3a int2a the same with a zero point, all with f32 activations; w8a8 int8 per row, int8
 * activations per token; w8a8_static the same at a scale from calibration; llm_int8 as w8a8 but activations of 6 and beyond in f32; w4a4 q4_0 blocks,
 * int4 activations per 32; q8_0 q4_0 q4_1 q5_0 q5_1 GGUF blocks, int8 activations per 32; stored the
 * file's own.  Formulas: linear.h. */
#define PRECISION_NAMES                                                                            \
    "fp32|fp16|bf16|int16|int8|w8a8|w8a8_static|llm_int8|int6|int5|int4|int3|int2|int8a|"            \
    "int4a|int3a|int2a|w4a4|q8_0|q4_0|q4_1|q5_0|q5_1|stored"
/* f32, f16; int8 symmetric per head and token; int4 symmetric, int3 and int2 of the full range, per 32
 * of a head and token. */
#define PRECISION_KV "f32|f16|int8|int4|int3|int2"

/* Strings go to the arena.  Errors: ASSAY_EUSAGE (unknown name, group on a precision without one,
 * malformed keep), with what was expected and the nearest name. */
int precision_parse(const struct model_options *, struct arena *, struct precision *,
                    struct assay_err *);
/* Is that precision's name asked for, for all matrices or some? */
bool precision_uses(const struct precision *, const char *name);
/* The scheme of matrix `name` ([n_out][n_in], GGUF type `stored`).  Marks the rule it used.
 * Errors: ASSAY_EUSAGE, with the tensor's name, an explicit group that does not divide n_in. */
int precision_choose(struct precision *, const char *name, uint32_t stored, size_t n_in,
                     struct scheme *, struct assay_err *);
/* After every matrix was chosen: ASSAY_EUSAGE names a pattern that no one of `names` matched. */
int precision_check(const struct precision *, const char *const *names, size_t n, bool tied,
                    struct assay_err *);
/* What was really loaded, in words: "int4 g32; int8 row: token_embd, output; int4 row:
 * blk.*.ffn_down; kv f32".  The first is the label of most parameters.  tensors: name, stored,
 * compute, n_params. */
const char *precision_words(const struct assay_tensor *, size_t n, enum kv_type, struct arena *);
#endif
