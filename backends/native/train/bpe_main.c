/* bpe_main.c - assay-bpe: texts in, a GGUF file with a byte-level BPE tokenizer out.  Built by
 * `make assay-bpe`, not installed. */
#include "backends/native/train/bpe_train.h"
#include "backends/native/train/gguf_write.h"
#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SPECIALS = 256 };
#define MAX_TEXT ((size_t)1 << 30)

static const char help[] =
    "usage: assay-bpe -o FILE.gguf [options] [TEXT...]     (no TEXT: standard input)\n"
    "\n"
    "Learns a byte-level BPE vocabulary from UTF-8 text and writes it as the tokenizer of a GGUF\n"
    "file.  Ids: special tokens in the order given, the 256 bytes, then the merges.\n"
    "\n"
    "  -o, --output FILE       where to\n"
    "  -n, --vocab N           tokens in all (1024)\n"
    "      --pre NAME          pre-tokenizer (qwen2); with qwen2, qwen35 and smollm digits never "
    "merge\n"
    "      --bos TEXT          a control token that begins every text\n"
    "      --eos TEXT          a control token that ends an answer\n"
    "      --control TEXT      a further control token (repeatable)\n"
    "      --tag TEXT          a token matched wherever its text stands (repeatable)\n"
    "      --reserve LO-HI=X   at least the share X of the merges for code points LO-HI, in hex\n"
    "                          (0900-097F=0.25; =0 turns it off)\n"
    "  -h, --help              this text\n";

struct job {
    struct bpe_options o;
    struct bpe_special specials[MAX_SPECIALS];
    const char *output;
    struct arena arena;
};

static int add_special(struct job *j, const char *text, int32_t type, struct assay_err *e)
{
    if (j->o.n_specials == MAX_SPECIALS)
        return err_set(e, ASSAY_EUSAGE, "more than %d special tokens", MAX_SPECIALS);
    j->specials[j->o.n_specials] = (struct bpe_special){text, type};
    return (int)j->o.n_specials++;
}

static int set_reserve(struct job *j, const char *s, struct assay_err *e)
{
    int end = 0;
    if (sscanf(s, "%x-%x=%lf%n", &j->o.lo, &j->o.hi, &j->o.reserve, &end) < 3 || s[end])
        return err_set(e, ASSAY_EUSAGE,
                       "--reserve '%s': expected LO-HI=SHARE, as in 0900-097F=0.25", s);
    return 0;
}

static int set_vocab(struct job *j, const char *s, struct assay_err *e)
{
    char *end;
    unsigned long n = strtoul(s, &end, 10);
    if (*s < '0' || *s > '9' || *end || n > UINT32_MAX)
        return err_set(e, ASSAY_EUSAGE, "--vocab '%s': expected a number", s);
    j->o.n_vocab = (uint32_t)n;
    return 0;
}

/* 1: help was asked for. */
static int parse(struct job *j, int argc, char **argv, struct assay_err *e)
{
    enum { PRE = 256, BOS, EOS, CONTROL, TAG, RESERVE };
    static const struct option options[] = {
        {"output", 1, 0, 'o'}, {"vocab", 1, 0, 'n'},       {"pre", 1, 0, PRE},
        {"bos", 1, 0, BOS},    {"eos", 1, 0, EOS},         {"control", 1, 0, CONTROL},
        {"tag", 1, 0, TAG},    {"reserve", 1, 0, RESERVE}, {"help", 0, 0, 'h'},
        {0, 0, 0, 0},
    };
    int c, rc = 0;
    while (rc >= 0 && (c = getopt_long(argc, argv, "o:n:h", options, NULL)) != -1) {
        if (c == 'h')
            return 1;
        else if (c == 'o')
            j->output = optarg;
        else if (c == 'n')
            rc = set_vocab(j, optarg, e);
        else if (c == PRE)
            j->o.pre = optarg;
        else if (c == BOS)
            rc = j->o.bos = add_special(j, optarg, BPE_CONTROL, e);
        else if (c == EOS)
            rc = j->o.eos = add_special(j, optarg, BPE_CONTROL, e);
        else if (c == CONTROL || c == TAG)
            rc = add_special(j, optarg, c == TAG ? BPE_TAG : BPE_CONTROL, e);
        else if (c == RESERVE)
            rc = set_reserve(j, optarg, e);
        else
            rc = err_set(e, ASSAY_EUSAGE, "see assay-bpe --help");
    }
    if (rc >= 0 && !j->output)
        rc = err_set(e, ASSAY_EUSAGE, "no output file: give -o FILE.gguf, or see assay-bpe --help");
    return rc < 0 ? rc : 0;
}

static int read_texts(struct job *j, struct bpe_train *t, char **paths, struct assay_err *e)
{
    char input[] = "/dev/stdin", *only[] = {input, NULL};
    for (paths = *paths ? paths : only; *paths; paths++) {
        const char *text;
        size_t n;
        TRY(fs_read(*paths, MAX_TEXT, &j->arena, &text, &n, e));
        int rc = bpe_train_text(t, text, n, e);
        if (rc < 0)
            return err_prefix(e, rc, "%s", *paths);
    }
    return 0;
}

static int write_file(const struct bpe_train *t, const char *path, uint32_t n, struct assay_err *e)
{
    struct gguf_out *g = gguf_out_new();
    gguf_out_str(g, "general.architecture", "llama");
    gguf_out_u32(g, "llama.vocab_size", n);
    bpe_train_write(t, g);
    int rc = gguf_out_write(g, path, e);
    gguf_out_free(g);
    return rc;
}

static void print_stats(const struct job *j, const struct bpe_train *t)
{
    struct bpe_stats s;
    bpe_train_stats(t, &s);
    printf("%u tokens: %u special, 256 bytes, %u merges; %llu bytes of text are %llu tokens, %.2f "
           "bytes each\n",
           j->o.n_vocab, j->o.n_specials, s.n_merges, (unsigned long long)s.n_bytes,
           (unsigned long long)s.n_tokens, (double)s.n_bytes / (double)(s.n_tokens + !s.n_tokens));
    if (s.script_words)
        printf("U+%04X-U+%04X: %u merges; %.2f tokens a word, %.2f a character\n", j->o.lo, j->o.hi,
               s.script_merges, (double)s.script_tokens / (double)s.script_words,
               (double)s.script_tokens / (double)s.script_chars);
}

int main(int argc, char **argv)
{
    struct job j = {.o = {.n_vocab = 1024,
                          .pre = "qwen2",
                          .bos = -1,
                          .eos = -1,
                          .lo = 0x900,
                          .hi = 0x97F,
                          .reserve = 0.25}};
    struct assay_err e = {0};
    struct bpe_train *t = NULL;
    j.o.specials = j.specials;
    int rc = parse(&j, argc, argv, &e);
    if (rc > 0) {
        fputs(help, stdout);
        return 0;
    }
    if (rc == 0)
        rc = bpe_train_open(&j.o, &t, &e);
    if (rc == 0)
        rc = read_texts(&j, t, argv + optind, &e);
    if (rc == 0)
        rc = bpe_train_run(t, &e);
    if (rc == 0)
        rc = write_file(t, j.output, j.o.n_vocab, &e);
    if (rc == 0)
        print_stats(&j, t);
    else
        fprintf(stderr, "assay-bpe: %s\n", e.msg);
    bpe_train_close(t);
    arena_release(&j.arena);
    return rc < 0 ? 1 : 0;
}
