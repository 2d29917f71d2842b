-- From version 2 to 3: what makes a score doubtful, counted.

ALTER TABLE response ADD COLUMN is_cut INTEGER;   -- its prompt lost its beginning to the context; NULL: not noted

CREATE TABLE notice (                        -- of one job
    job_id INTEGER NOT NULL REFERENCES job,
    kind   TEXT NOT NULL,                    -- own_answer, cut, limit, no_answer, gold, equal, tied
    detail TEXT NOT NULL,                    -- no_answer: the filter; else ''
    n      INTEGER NOT NULL,                 -- items it is true of
    n_of   INTEGER NOT NULL,                 -- items it was asked of
    PRIMARY KEY (job_id, kind, detail)
) STRICT, WITHOUT ROWID;
