/* llama_golden.c - writes the goldens of tests/golden/ with llama.cpp itself: token ids, logits and
 * greedy continuations of a model in fp32 with an F32 KV cache.  Not part of the product and not
 * built by the Makefile: llama_golden.sh builds and runs it, and tells where llama.cpp comes from.
 *
 *   llama_golden BACKENDS MODEL tokens < texts      text TAB ids TAB ids with special tokens
 *   llama_golden BACKENDS MODEL logits < prompts    see struct of lines below
 *   llama_golden BACKENDS MODEL nll < texts         number of tokens scored TAB sum of their -ln p
 *   llama_golden BACKENDS MODEL answers < prompts   greedy text up to a newline, end-of-text or 48 tokens
 *
 * Lines of `logits`: "prompt TEXT", "tokens IDS", per position "top POS LSE SUM SUMSQ ID:LOGIT x
 * 8", at three positions "row POS LOGIT x n_vocab", and "greedy ID x 64" (end-of-text is not a
 * stop). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ggml-backend.h"
#include "llama.h"

enum { MAX_LINE = 1 << 16, MAX_IDS = 1 << 16, N_TOP = 8, N_GREEDY = 64, N_ANSWER = 48 };

static char line[MAX_LINE], text[MAX_LINE];
static llama_token ids[MAX_IDS];

static void quiet(enum ggml_log_level level, const char *msg, void *user)
{
    (void)user;
    if (level >= GGML_LOG_LEVEL_ERROR)
        fputs(msg, stderr);
}

static void die(const char *what)
{
    fprintf(stderr, "llama_golden: %s\n", what);
    exit(1);
}

/* The escaped line without its newline -> bytes. */
static int unescape(const char *s, char *out)
{
    int n = 0;
    while (*s && *s != '\n') {
        if (s[0] == '\\' && s[1] == 'x') {
            char hex[3] = {s[2], s[3], 0};
            out[n++] = (char)strtol(hex, NULL, 16);
            s += 4;
        } else {
            out[n++] = *s++;
        }
    }
    return n;
}

static void print_ids(const llama_token *v, int n)
{
    for (int i = 0; i < n; i++)
        printf("%s%d", i ? " " : "", v[i]);
}

static int encode(const struct llama_vocab *vocab, int n, bool special)
{
    int k = llama_tokenize(vocab, text, n, ids, MAX_IDS, special, special);
    if (k < 0)
        die("too many tokens");
    return k;
}

static void write_tokens(const struct llama_vocab *vocab)
{
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        int n = unescape(line, text);
        printf("%s\t", line);
        print_ids(ids, encode(vocab, n, false));
        printf("\t");
        print_ids(ids, encode(vocab, n, true));
        printf("\n");
    }
}

static void write_top(int pos, const float *l, int n)
{
    int best[N_TOP] = {0}, k = 0;
    double sum = 0, squares = 0, exps = 0;
    for (int i = 0; i < n; i++) {
        int j = k < N_TOP ? k++ : N_TOP;
        for (; j > 0 && l[i] > l[best[j - 1]]; j--)
            if (j < N_TOP)
                best[j] = best[j - 1];
        if (j < N_TOP)
            best[j] = i;
        sum += l[i];
        squares += (double)l[i] * l[i];
    }
    for (int i = 0; i < n; i++)
        exps += exp((double)l[i] - l[best[0]]);
    printf("top %d %.9g %.9g %.9g", pos, l[best[0]] + log(exps), sum, squares);
    for (int j = 0; j < N_TOP; j++)
        printf(" %d:%.9g", best[j], l[best[j]]);
    printf("\n");
}

static void decode(struct llama_context *ctx, const llama_token *v, int n, int pos, bool all)
{
    struct llama_batch b = llama_batch_init(n, 0, 1);
    b.n_tokens = n;
    for (int i = 0; i < n; i++) {
        b.token[i] = v[i];
        b.pos[i] = pos + i;
        b.n_seq_id[i] = 1;
        b.seq_id[i][0] = 0;
        b.logits[i] = all || i == n - 1;
    }
    if (llama_decode(ctx, b))
        die("llama_decode failed");
    llama_batch_free(b);
}

static int argmax(const float *l, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++)
        if (l[i] > l[best])
            best = i;
    return best;
}

static void write_prompt(struct llama_context *ctx, const struct llama_vocab *vocab)
{
    int n_vocab = llama_vocab_n_tokens(vocab);
    int n = encode(vocab, unescape(line, text), true);
    llama_memory_clear(llama_get_memory(ctx), true);
    decode(ctx, ids, n, 0, true);
    printf("prompt %s\ntokens ", line);
    print_ids(ids, n);
    printf("\n");
    for (int i = 0; i < n; i++) {
        const float *l = llama_get_logits_ith(ctx, i);
        write_top(i, l, n_vocab);
        if (i && i != n / 2 && i != n - 1)
            continue;
        printf("row %d", i);
        for (int k = 0; k < n_vocab; k++)
            printf(" %.8g", l[k]);
        printf("\n");
    }
    llama_token next = argmax(llama_get_logits_ith(ctx, n - 1), n_vocab);
    printf("greedy");
    for (int i = 0; i < N_GREEDY; i++) {
        printf(" %d", next);
        decode(ctx, &next, 1, n + i, false);
        next = argmax(llama_get_logits_ith(ctx, 0), n_vocab);
    }
    printf("\n");
}

/* As llama-perplexity scores a text that fits the context: every token after the first. */
static void write_nll(struct llama_context *ctx, const struct llama_vocab *vocab)
{
    int n_vocab = llama_vocab_n_tokens(vocab);
    int n = encode(vocab, unescape(line, text), true);
    double sum = 0;
    llama_memory_clear(llama_get_memory(ctx), true);
    decode(ctx, ids, n, 0, true);
    for (int i = 0; i + 1 < n; i++) {
        const float *l = llama_get_logits_ith(ctx, i);
        double top = l[argmax(l, n_vocab)], exps = 0;
        for (int k = 0; k < n_vocab; k++)
            exps += exp(l[k] - top);
        sum += top + log(exps) - l[ids[i + 1]];
    }
    printf("%d\t%.12g\n", n - 1, sum);
}

/* Escapes what the token adds to the line; false: the line ends. */
static bool print_piece(const struct llama_vocab *vocab, llama_token token)
{
    char piece[256];
    int n = llama_token_to_piece(vocab, token, piece, sizeof piece, 0, true);
    if (n < 0)
        die("a token of more than 256 bytes");
    for (int i = 0; i < n; i++) {
        unsigned char c = (unsigned char)piece[i];
        if (c == '\n')
            return false;
        printf(c >= 32 && c < 127 && c != '\\' ? "%c" : "\\x%02x", c);
    }
    return true;
}

static void write_answer(struct llama_context *ctx, const struct llama_vocab *vocab)
{
    int n_vocab = llama_vocab_n_tokens(vocab);
    int n = encode(vocab, unescape(line, text), true);
    llama_memory_clear(llama_get_memory(ctx), true);
    decode(ctx, ids, n, 0, false);
    for (int i = 0; i < N_ANSWER; i++) {
        llama_token next = argmax(llama_get_logits_ith(ctx, i ? 0 : n - 1), n_vocab);
        if (llama_vocab_is_eog(vocab, next) || !print_piece(vocab, next))
            break;
        if (i + 1 < N_ANSWER)
            decode(ctx, &next, 1, n + i, false);
    }
    printf("\n");
}

int main(int argc, char **argv)
{
    if (argc != 4)
        die("usage: llama_golden BACKENDS MODEL tokens|logits|nll|answers");
    llama_log_set(quiet, NULL);
    ggml_backend_load_all_from_path(argv[1]);
    llama_backend_init();
    struct llama_model_params load = llama_model_default_params();
    load.vocab_only = !strcmp(argv[3], "tokens");
    struct llama_model *model = llama_model_load_from_file(argv[2], load);
    if (!model)
        die("the model cannot be loaded");
    const struct llama_vocab *vocab = llama_model_get_vocab(model);
    if (load.vocab_only) {
        write_tokens(vocab);
        llama_model_free(model);
        return 0;
    }
    struct llama_context_params p = llama_context_default_params();
    p.n_ctx = p.n_batch = p.n_ubatch = 256;
    p.type_k = p.type_v = GGML_TYPE_F32;
    p.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    p.n_threads = p.n_threads_batch = 1;
    struct llama_context *ctx = llama_init_from_model(model, p);
    if (!ctx)
        die("no context");
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        if (!strcmp(argv[3], "nll"))
            write_nll(ctx, vocab);
        else if (!strcmp(argv[3], "answers"))
            write_answer(ctx, vocab);
        else
            write_prompt(ctx, vocab);
    }
    llama_free(ctx);
    llama_model_free(model);
    return 0;
}
