/* hparams.h - reads struct hparams (model.h) from a GGUF file of architecture "llama".
 *
 * Everything but n_vocab is set, each value within a stated limit.  Errors: ASSAY_EFORMAT with path
 * and offset, ASSAY_EUNSUPPORTED for another architecture, experts, or rope scaling. */
#ifndef HPARAMS_H
#define HPARAMS_H

struct assay_err;
struct gguf;
struct hparams;

int hparams_read(const struct gguf *, struct hparams *, struct assay_err *);
#endif
