-- From version 1 to 2: accuracy runs that stop as soon as a variant is decided.

CREATE TABLE decision (                      -- of one variant against its run's reference
    run_variant_id INTEGER PRIMARY KEY REFERENCES run_variant,
    verdict    TEXT NOT NULL CHECK (verdict IN ('pass', 'fail', 'inconclusive')),
    margin     REAL NOT NULL,                -- loss of accuracy that is still a pass, as a fraction
    alpha      REAL NOT NULL,                -- chance of any wrong decision, shared over n_subjects
    n_subjects INTEGER NOT NULL,             -- variants that the run decides
    n_items    INTEGER NOT NULL,             -- of all tasks that take part
    n_seen     INTEGER NOT NULL,             -- of them asked, the first ones of the seeded order
    losses     INTEGER NOT NULL,             -- reference right, variant wrong
    gains      INTEGER NOT NULL,
    e_pass     REAL NOT NULL,                -- evidence against a loss of the margin or more
    e_fail     REAL NOT NULL                 -- evidence against a smaller loss
) STRICT;
