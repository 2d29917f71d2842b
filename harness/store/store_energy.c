/* store_energy.c - rows of energy and idle. */
#include "harness/store/store_energy.h"
#include "harness/store/store_impl.h"

int store_put_energy(struct store *s, const struct store_energy *x, struct assay_err *e)
{
    return store_exec(s, e,
                      "INSERT OR REPLACE INTO energy (job_id, round, source, uj, ns, n_blocks, "
                      "n_reads, n_tokens, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                      "iitiiiiit", x->job_id, x->round, x->source, x->uj, x->ns, x->n_blocks,
                      x->n_reads, x->n_tokens, x->reason);
}

int store_put_idle(struct store *s, const struct store_idle *x, struct assay_err *e)
{
    return store_exec(s, e,
                      "INSERT OR REPLACE INTO idle (run_id, source, uj, ns, n_windows, sd_watts, "
                      "reason) VALUES (?, ?, ?, ?, ?, ?, ?)",
                      "itiiidt", x->run_id, x->source, x->uj, x->ns, x->n_windows, x->sd_watts,
                      x->reason);
}

static int exists(struct store *s, const char *sql, int64_t id, bool *has, struct assay_err *e)
{
    int64_t n = 0;
    TRY(store_int(s, e, &n, sql, "i", id));
    *has = n != 0;
    return 0;
}

int store_has_idle(struct store *s, int64_t run_id, bool *has, struct assay_err *e)
{
    return exists(s, "SELECT EXISTS (SELECT 1 FROM idle WHERE run_id = ?)", run_id, has, e);
}

int store_has_responses(struct store *s, int64_t variant_id, bool *has, struct assay_err *e)
{
    return exists(s, "SELECT EXISTS (SELECT 1 FROM response WHERE variant_id = ?)", variant_id, has,
                  e);
}
