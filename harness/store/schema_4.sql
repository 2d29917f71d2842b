-- From version 3 to 4: speed is measured in rounds, each by a process of its own; energy; items that share a text.

ALTER TABLE sample ADD COLUMN round INTEGER NOT NULL DEFAULT 0;   -- from 0; `rep` counts on over them

CREATE TABLE energy (                        -- what the processor took while a job was measured
    job_id   INTEGER NOT NULL REFERENCES job,
    round    INTEGER NOT NULL,               -- as sample.round; of other jobs 0
    source   TEXT NOT NULL,                  -- "rapl-package", "rapl-dram": never added to each other
    uj       INTEGER,                        -- gross: idle power included; NULL: reason
    ns       INTEGER NOT NULL,               -- over which it was measured: counted repetitions, whole tasks
    n_blocks INTEGER NOT NULL,               -- each edge of a block may be a millisecond off
    n_reads  INTEGER NOT NULL,
    n_tokens INTEGER,                        -- of a scenario: of the prompt in prefill, else generated
    reason   TEXT,
    PRIMARY KEY (job_id, round, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE idle (                          -- power before a run began its work
    run_id    INTEGER NOT NULL REFERENCES run,
    source    TEXT NOT NULL,
    uj        INTEGER,                       -- NULL: not measured, reason says why
    ns        INTEGER NOT NULL,
    n_windows INTEGER NOT NULL,
    sd_watts  REAL,                          -- between the windows
    reason    TEXT,
    PRIMARY KEY (run_id, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE cluster (                       -- what an item is about, where several may be about it
    task_id INTEGER NOT NULL REFERENCES task,
    idx     INTEGER NOT NULL,                -- of the item
    key     INTEGER NOT NULL,                -- equal: the same text; beginning of its sha256
    PRIMARY KEY (task_id, idx)
) STRICT, WITHOUT ROWID;
