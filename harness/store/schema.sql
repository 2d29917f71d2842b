-- The store: one SQLite file.  What was asked, what came back, what it scored, on which machine.
--
-- Ids: INTEGER keys are local to this file; `uid` columns survive a merge of files from many
-- machines (content hashes as hex, or UUIDv7).  Times are ns since 1970 (UTC); spans are ns.
-- Raw samples are kept; percentiles are computed from them.  Missing is NULL, with a reason where
-- a person would ask why; never 0.
PRAGMA application_id = 0x61737379;          -- "assy"

CREATE TABLE machine (
    id          INTEGER PRIMARY KEY,
    uid         TEXT NOT NULL UNIQUE,        -- sha256 of class_key + environment
    name        TEXT NOT NULL,               -- host name
    class       TEXT NOT NULL,               -- sha256 of class_key: what matters for comparing
    class_key   TEXT NOT NULL,               -- canonical JSON: cpu, isa, cores, caches, memory
    environment TEXT NOT NULL                -- JSON: kernel, governor, libc, compiler, microcode
) STRICT;

CREATE TABLE model (
    id       INTEGER PRIMARY KEY,
    uid      TEXT NOT NULL UNIQUE,           -- sha256 of the file's content, or of server and name
    name     TEXT NOT NULL,                  -- file name without extension, or name on the server
    path     TEXT NOT NULL,
    bytes    INTEGER,                        -- on disk
    arch     TEXT,
    n_params INTEGER
) STRICT;

CREATE TABLE variant (                       -- a model at one precision under one backend
    id              INTEGER PRIMARY KEY,
    uid             TEXT NOT NULL UNIQUE,    -- fingerprint: everything that can change an answer
    model_id        INTEGER NOT NULL REFERENCES model,
    backend         TEXT NOT NULL,
    backend_version TEXT NOT NULL,
    precision       TEXT NOT NULL,           -- what was really loaded, in words (info.precision)
    options         TEXT NOT NULL,           -- JSON: the backend options that made it
    info            TEXT NOT NULL            -- JSON: struct assay_info, tensors included
) STRICT;

CREATE TABLE run (
    id         INTEGER PRIMARY KEY,
    uid        TEXT NOT NULL UNIQUE,         -- UUIDv7
    plan_uid   TEXT NOT NULL,                -- sha256 of the resolved suite: a resumed run has the same
    suite      TEXT NOT NULL,                -- the resolved suite as JSON
    command    TEXT NOT NULL,
    version    TEXT NOT NULL,                -- of assay
    machine_id INTEGER NOT NULL REFERENCES machine,
    seed       INTEGER NOT NULL,
    status     TEXT NOT NULL CHECK (status IN ('running', 'done', 'partial', 'interrupted', 'failed')),
    started_ns INTEGER NOT NULL,
    ended_ns   INTEGER
) STRICT;

CREATE TABLE run_variant (                   -- a row of the report
    id              INTEGER PRIMARY KEY,
    run_id          INTEGER NOT NULL REFERENCES run,
    variant_id      INTEGER REFERENCES variant,   -- NULL: never opened
    position        INTEGER NOT NULL,             -- order in the suite
    name            TEXT NOT NULL,                -- "fp32", "hybrid-a"
    is_reference    INTEGER NOT NULL,
    status          TEXT NOT NULL CHECK (status IN
                    ('planned', 'running', 'done', 'failed', 'crashed', 'timeout', 'interrupted')),
    reason          TEXT,                         -- why it is not done, one sentence
    signal          INTEGER,
    exit_code       INTEGER,
    load_ns         INTEGER,
    weight_bytes    INTEGER,                      -- as held for computing
    file_bytes      INTEGER,                      -- on disk
    kv_bytes        INTEGER,                      -- KV cache at its largest
    kv_bytes_per_token INTEGER,
    peak_rss_bytes  INTEGER,                      -- from the kernel, whole child
    anon_bytes      INTEGER,                      -- private memory at its largest observation
    file_rss_bytes  INTEGER,                      -- resident file-backed pages at that moment
    n_evaluated     INTEGER,                      -- tokens through the network
    n_reused        INTEGER,                      -- tokens a shared prefix saved
    UNIQUE (run_id, name)
) STRICT;

CREATE TABLE task (
    id           INTEGER PRIMARY KEY,
    uid          TEXT NOT NULL UNIQUE,       -- sha256 of config_uid + dataset_uid + few-shot choices
    name         TEXT NOT NULL,
    alias        TEXT,
    version      TEXT,
    output_type  TEXT NOT NULL,
    n_fewshot    INTEGER NOT NULL,
    config_uid   TEXT NOT NULL,              -- sha256 of the resolved configuration
    dataset_uid  TEXT NOT NULL,              -- sha256 of the files that were read
    dataset      TEXT NOT NULL,              -- where the rows came from, for people
    config       TEXT NOT NULL               -- the resolved configuration as JSON
) STRICT;

CREATE TABLE task_group (                    -- tasks aggregated, per run
    id      INTEGER PRIMARY KEY,
    run_id  INTEGER NOT NULL REFERENCES run,
    name    TEXT NOT NULL,
    alias   TEXT,
    members TEXT NOT NULL,                   -- JSON: names of child tasks and groups, in order
    leaves  TEXT NOT NULL,                   -- JSON: names of leaf tasks
    UNIQUE (run_id, name)
) STRICT;

CREATE TABLE scenario (                      -- how to measure speed
    id     INTEGER PRIMARY KEY,
    uid    TEXT NOT NULL UNIQUE,             -- sha256 of its parameters
    name   TEXT NOT NULL,
    kind   TEXT NOT NULL CHECK (kind IN ('prefill', 'decode')),
    params TEXT NOT NULL                     -- JSON: n_prompt, n_gen, batch, reps, ...
) STRICT;

CREATE TABLE job (                           -- one (variant, task | scenario | divergence) cell of a run
    id             INTEGER PRIMARY KEY,
    run_variant_id INTEGER NOT NULL REFERENCES run_variant,
    kind           TEXT NOT NULL CHECK (kind IN ('task', 'scenario', 'divergence')),
    task_id        INTEGER REFERENCES task,
    scenario_id    INTEGER REFERENCES scenario,
    name           TEXT NOT NULL,            -- of the task or scenario
    status         TEXT NOT NULL CHECK (status IN ('planned', 'running', 'done', 'failed', 'skipped')),
    reason         TEXT,
    n_items        INTEGER,                  -- planned
    n_done         INTEGER,
    n_asked        INTEGER,                  -- requests sent to the backend
    n_reused       INTEGER,                  -- requests answered from the store
    n_tokens       INTEGER,                  -- tokens of asked requests, prompts included
    n_cut          INTEGER,                  -- requests whose prompt did not fit the context
    wall_ns        INTEGER,                  -- inside the backend
    cpu_ns         INTEGER,
    warning        TEXT,
    UNIQUE (run_variant_id, kind, name)
) STRICT;

CREATE TABLE item (                          -- one document of a task
    task_id  INTEGER NOT NULL REFERENCES task,
    idx      INTEGER NOT NULL,               -- place in the evaluated split
    doc_uid  BLOB NOT NULL,                  -- first 16 bytes of the sha256 of the row
    prompt   TEXT NOT NULL,                  -- context of the first request
    choices  TEXT,                           -- JSON list of continuations; NULL: none
    target   TEXT NOT NULL,                  -- JSON
    requests BLOB NOT NULL,                  -- 16-byte request keys, concatenated
    PRIMARY KEY (task_id, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE response (                      -- what came back; key = variant + exact request
    variant_id  INTEGER NOT NULL REFERENCES variant,
    request     BLOB NOT NULL,               -- first 16 bytes of the sha256 of the exact request
    logprob     REAL,                        -- scoring: sum over the continuation, natural log
    n_tokens    INTEGER NOT NULL,            -- continuation tokens, or tokens generated
    is_greedy   INTEGER,                     -- scoring: every token was the argmax
    text        TEXT,                        -- generation: cut at the stop strings
    finish      TEXT,                        -- generation: stop, eos, length
    n_prompt    INTEGER,                     -- prompt tokens sent
    piece_ns    BLOB,                        -- generation: int64 ns since start, per piece
    PRIMARY KEY (variant_id, request)
) STRICT, WITHOUT ROWID;

CREATE TABLE measure (                       -- dictionary: metric after a filter pipeline
    id     INTEGER PRIMARY KEY,
    metric TEXT NOT NULL,
    filter TEXT NOT NULL,                    -- "none" when the task names none
    UNIQUE (metric, filter)
) STRICT;

CREATE TABLE score (                         -- what an item earned
    job_id     INTEGER NOT NULL REFERENCES job,
    measure_id INTEGER NOT NULL REFERENCES measure,
    idx        INTEGER NOT NULL,
    value      REAL,                         -- accuracy 0/1, log-likelihood, predicted label
    weight     REAL,                         -- words, bytes; gold label of f1 and mcc; NULL: none
    detail     TEXT,                         -- JSON when a score is not a number
    PRIMARY KEY (job_id, measure_id, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE result (                        -- aggregates over scores
    id               INTEGER PRIMARY KEY,
    run_variant_id   INTEGER NOT NULL REFERENCES run_variant,
    job_id           INTEGER REFERENCES job,           -- of a task ...
    group_id         INTEGER REFERENCES task_group,    -- ... or of a group
    measure_id       INTEGER NOT NULL REFERENCES measure,
    value            REAL,
    stderr           REAL,                             -- NULL: the metric has no rule for one
    n                INTEGER NOT NULL,
    higher_is_better INTEGER,
    aggregation      TEXT NOT NULL,
    UNIQUE (run_variant_id, job_id, group_id, measure_id)
) STRICT;

CREATE TABLE divergence (                    -- next-token distributions against the reference, per item
    job_id    INTEGER NOT NULL REFERENCES job,         -- kind 'divergence', name = task
    idx       INTEGER NOT NULL,
    request   INTEGER NOT NULL,                        -- place among the item's requests
    n         INTEGER NOT NULL,                        -- positions compared
    kl        BLOB NOT NULL,                           -- float64[n] KL(reference || variant), nats, full vocabulary
    same_top  BLOB NOT NULL,                           -- uint8[n] argmax equal
    delta_p   BLOB NOT NULL,                           -- float64[n] p_variant - p_reference of the true token
    nll       BLOB NOT NULL,                           -- float64[n] -log p_variant(true token)
    nll_ref   BLOB NOT NULL,                           -- float64[n] -log p_reference(true token)
    PRIMARY KEY (job_id, idx, request)
) STRICT, WITHOUT ROWID;

CREATE TABLE sample (                        -- one repetition of a scenario, raw
    job_id      INTEGER NOT NULL REFERENCES job,
    rep         INTEGER NOT NULL,
    is_warmup   INTEGER NOT NULL,
    n_prompt    INTEGER NOT NULL,
    n_generated INTEGER NOT NULL,
    wall_ns     INTEGER NOT NULL,
    cpu_ns      INTEGER NOT NULL,
    ttft_ns     INTEGER,                     -- start to first token
    token_ns    BLOB,                        -- int64 ns since start, per generated token
    switches    INTEGER,                     -- involuntary context switches meanwhile
    is_dirty    INTEGER NOT NULL,            -- the machine was disturbed
    PRIMARY KEY (job_id, rep)
) STRICT, WITHOUT ROWID;

CREATE INDEX job_task ON job (task_id);
CREATE INDEX result_job ON result (job_id);
CREATE INDEX result_group ON result (group_id);

-- The nightly gate.  Values of series are not kept here: they are computed from what is above.

CREATE TABLE canary (                        -- fixed work of our own, measured beside a run
    run_id INTEGER NOT NULL REFERENCES run,
    name   TEXT NOT NULL,                    -- "stream", "int8-dot"
    rep    INTEGER NOT NULL,
    value  REAL NOT NULL,                    -- more is faster
    unit   TEXT NOT NULL,                    -- "GB/s", "GOPS"
    PRIMARY KEY (run_id, name, rep)
) STRICT, WITHOUT ROWID;

CREATE TABLE rerun (                         -- two sides measured in turns on one machine, per block
    run_id   INTEGER NOT NULL REFERENCES run,
    kind     TEXT NOT NULL CHECK (kind IN ('a/a', 'a/b', 'again')),
    variant  TEXT NOT NULL,
    scenario TEXT NOT NULL,
    block    INTEGER NOT NULL,
    a        REAL,                           -- tokens/s of the last good side; 'again': NULL, stored
    b        REAL NOT NULL,                  -- tokens/s of tonight's side
    PRIMARY KEY (run_id, kind, variant, scenario, block)
) STRICT, WITHOUT ROWID;

CREATE TABLE finding (                       -- a shift of a series, and what became of it
    id         INTEGER PRIMARY KEY,
    uid        TEXT NOT NULL UNIQUE,         -- sha256 of series, direction and first run
    series     TEXT NOT NULL,                -- id of the series: 12 hexadecimal digits
    name       TEXT NOT NULL,                -- of the series, for people
    class      TEXT NOT NULL,                -- of the machine
    direction  TEXT NOT NULL CHECK (direction IN ('regression', 'improvement')),
    state      TEXT NOT NULL CHECK (state IN
               ('suspect', 'confirmed', 'acknowledged', 'fixed', 'expected')),
    tag        TEXT NOT NULL CHECK (tag IN ('code', 'environment', 'dataset', 'config')),
    run_id     INTEGER NOT NULL REFERENCES run,     -- first run at the new level
    seen_id    INTEGER NOT NULL REFERENCES run,     -- last run whose verdict rested on it
    before     REAL NOT NULL,
    after      REAL NOT NULL,
    reason     TEXT,                         -- why it is acknowledged or expected
    until_ns   INTEGER,                      -- an acknowledgement ends; NULL: never
    changed_ns INTEGER NOT NULL              -- of the state
) STRICT;

CREATE TABLE gate (                          -- the verdict on a run
    run_id     INTEGER PRIMARY KEY REFERENCES run,
    verdict    TEXT NOT NULL,
    exit_code  INTEGER NOT NULL,
    headline   TEXT NOT NULL,
    binary_uid TEXT,                         -- sha256 of the program that measured; NULL: not known
    judged_ns  INTEGER NOT NULL
) STRICT;

CREATE TABLE baseline (                      -- what the runs of a machine class are compared with
    class  TEXT PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES run,
    reason TEXT NOT NULL,
    set_ns INTEGER NOT NULL
) STRICT;

CREATE INDEX finding_series ON finding (series);
