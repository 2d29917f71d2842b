/* trainer.h - a training run: batches through lanes, summed gradients, updates.
 *
 * A batch is cut into inputs of at most `micro` tokens; input i goes to lane i % lanes, and
 * gradients are summed within a lane in order and then over the lanes in order.  So the state
 * after a step depends on the settings, the corpus and the seed alone: not on the number of
 * threads, and not on having been stopped and resumed. */
#ifndef TRAINER_H
#define TRAINER_H
#include "backends/native/train/adam.h"
#include "backends/native/train/batch.h"
#include "backends/native/train/pack.h"
#include "backends/native/train/pass.h"
#include "harness/base/hash.h"

struct kern;
struct pool;

enum { TRAINER_LANES = 4, TRAINER_MAX_MICROS = 256 };
struct trainer_settings {          /* what results depend on, besides network, corpus, start */
    uint64_t seed;
    uint64_t tokens;               /* of the whole run */
    int64_t batch, batch_late;     /* tokens of a step, and after `late` of the run */
    double late;
    int64_t micro;                 /* tokens of one input */
    struct adam_schedule schedule;
    double b1, b2, eps, decay, clip, prompt_weight;
    double mix;                    /* share of the teacher's KL */
    const char *mode;              /* grid.h; NULL: fp32 */
};
struct trainer_state {             /* with p, m and v: what a checkpoint holds */
    uint64_t step, tokens, epoch, at;
};
struct trainer_report {            /* of one step */
    double loss, ce, kl;           /* weighted means; nats */
    double norm, lr;
    uint64_t tokens;
};
struct trainer_task {              /* of an evaluation */
    uint64_t questions, right, n;  /* n: answer tokens */
    double ce;                     /* sum over them, nats */
};
struct trainer {
    struct trainer_settings set;
    struct trainer_state at;
    struct net *net;
    const struct kern *kern;
    struct pool *pool;
    struct pack pack, teacher_pack;
    struct pass lanes[TRAINER_LANES], teachers[TRAINER_LANES];
    struct pass_input inputs[TRAINER_MAX_MICROS];
    struct batch_source source;
    size_t n_micros;               /* of this step */
    float *m, *v, *grad;           /* [n_params] */
    double *squares;               /* partial sums of squares */
    struct trainer_lane {
        double loss, ce, kl;
    } sums[TRAINER_MAX_MICROS];
    struct pass_head head;         /* of this step */
    bool distill;
    char corpus_hex[HASH_HEX], teacher_hex[HASH_HEX];   /* digests, for checkpoints */
};

struct trainer_parts {             /* borrowed for the trainer's life */
    struct net *net;               /* trained in place */
    const struct net *teacher;     /* NULL: none */
    const struct corpus *corpus;
    const struct kern *kern;
    struct pool *pool;
};
/* ASSAY_EUSAGE impossible settings; those of batch_source_new and pack_new; ASSAY_ENOMEM. */
int trainer_new(const struct trainer_settings *, const struct trainer_parts *, struct trainer **,
                struct assay_err *);
void trainer_free(struct trainer *);
/* ASSAY_EFORMAT: the loss is no longer a number. */
int trainer_step(struct trainer *, struct trainer_report *, struct assay_err *);
bool trainer_done(const struct trainer *);
/* Counts per task of another corpus, by the weights as they are (on the grid where there is one):
 * tasks[corpus->n_tasks]. */
int trainer_judge(struct trainer *, const struct corpus *, struct trainer_task *tasks,
                  struct assay_err *);
/* The weights to export: on the grid where there is one. [n_params] */
const float *trainer_weights(struct trainer *);

/* Checkpoints (checkpoint.c): settings, shapes, state, p, m, v and a digest, written atomically.
 * Reading: ASSAY_EFORMAT not a checkpoint, cut or damaged; ASSAY_EUSAGE made with other settings,
 * shapes or corpus. */
int trainer_save(const struct trainer *, const char *path, struct assay_err *);
int trainer_load(struct trainer *, const char *path, struct assay_err *);
#endif
