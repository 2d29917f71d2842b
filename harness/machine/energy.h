/* energy.h - what the processor packages took, from the counters that Linux shows of RAPL.
 *
 *   rapl-package   the zones intel-rapl:N called "package-..." (Intel and AMD), summed
 *   rapl-dram      their sub-zones called "dram", summed: not part of the package
 * Cores and uncore are inside the package, "psys" overlaps everything, and intel-rapl-mmio shows
 * the same packages once more: none of these is ever added.
 *
 * A counter moves about once a millisecond, starts again at max_energy_range_uj, and belongs to the
 * whole package, whoever uses it.  A block is measured as the difference of two readings; a longer
 * one needs readings in between, so that no start goes unseen (energy_tick).  Files are hostile:
 * whatever can't be true makes a source unmeasured with a reason, never 0 and never a guess. */
#ifndef ENERGY_H
#define ENERGY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum energy_source { ENERGY_PACKAGE, ENERGY_DRAM, ENERGY_SOURCES };
enum { ENERGY_ZONES = 64, ENERGY_REASON = 160 };
#define ENERGY_ROOT "/sys/class/powercap"
#define ENERGY_ROOT_VARIABLE "ASSAY_POWERCAP"          /* another folder laid out like it */
/* Each edge of a block may lie this far beside what the counter says. */
#define ENERGY_EDGE_NS 1000000
const char *energy_source_name(enum energy_source);    /* "rapl-package", "rapl-dram" */

struct energy_zone {
    char name[32];                     /* folder: "intel-rapl:0:2" */
    enum energy_source source;
    int64_t range_uj, last_uj;
};
struct energy_total {                  /* of the blocks since energy_reset, one source */
    int64_t uj;                        /* above 0; -1: not measured, `reason` says why */
    int64_t ns;                        /* sum of the blocks */
    int64_t n_reads, n_blocks;
    char reason[ENERGY_REASON];
};
struct energy_meter {
    char root[256];
    struct energy_zone zones[ENERGY_ZONES];
    size_t n_zones;
    bool has[ENERGY_SOURCES];          /* zones of it were found and can be read */
    char reason[ENERGY_SOURCES][ENERGY_REASON];        /* why not; "" where the hardware has none of it */
    bool is_on;
    int64_t begun_ns, read_ns;         /* of the block; of the last reading */
    int64_t due_ns;                    /* a reading is due so long after the last */
    struct energy_total total[ENERGY_SOURCES];
};
/* Looks for zones below `root`; NULL: $ASSAY_POWERCAP, else ENERGY_ROOT.  Never fails: a meter without
 * sources has reason[ENERGY_PACKAGE]. */
void energy_open(struct energy_meter *, const char *root);
bool energy_any(const struct energy_meter *);
/* Forgets what was measured so far. */
void energy_reset(struct energy_meter *);
/* A block: several between two resets add up.  All three do nothing without a source; energy_tick
 * reads only when a reading is due, and nothing outside a block. */
void energy_begin(struct energy_meter *);
void energy_tick(struct energy_meter *, int64_t now_ns);
void energy_end(struct energy_meter *);
/* Sums of several measurements: begin with {0}, and with the totals of a meter between its blocks. */
void energy_add(struct energy_total *sum, const struct energy_total *);
/* What a total says, at the end: nothing counted is no zero. */
struct energy_total energy_result(const struct energy_total *);
#endif
