/* mt.h - BLEU, chrF and TER of translations, as sacrebleu computes them with its defaults.
 *
 * Each metric is a function of sums over documents: mt_stats makes a document's numbers, the caller
 * adds them up (in any resample of the documents), mt_score turns the sums into the score. */
#ifndef MT_H
#define MT_H
#include "tasks/metric.h"
#include "tasks/pytext.h"

enum mt_kind { MT_BLEU, MT_CHRF, MT_TER, MT_BLEU_WORDS /* of texts that are words and blanks */ };
enum { MT_MOST = 18 };                     /* numbers per document, of the longest kind */

size_t mt_n_stats(enum mt_kind);
/* out[mt_n_stats]: BLEU: words, closest reference length, 4 matches, 4 totals; chrF: per order n-grams
 * of the hypothesis, of the reference that scores best, and of both; TER: edits, mean reference length.
 * n_refs >= 1.  Errors: ASSAY_ELIMIT: texts too long for TER's matrix. */
int mt_stats(enum mt_kind, struct pystr hyp, const struct pystr *refs, size_t n_refs,
             double *out, struct assay_err *);
/* 0..100 (TER may pass 100).  BLEU's mean of logarithms is a Python sum(). */
double mt_score(enum mt_kind, const double *stats, enum metric_sum);

/* mt_ter.c: fewest edits and shifts from `hyp` to `ref`, word ids. */
struct mt_words {
    const uint32_t *v;
    size_t n;
};
int mt_edits(struct mt_words hyp, struct mt_words ref, size_t *out, struct assay_err *);
#endif
