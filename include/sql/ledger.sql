-- The ledger: what the pipeline knows about itself. Lives beside the HR tables, so that a row is written in the transaction of what it describes.

CREATE TABLE future_skills_ops.setting (
    key        text PRIMARY KEY,
    value      jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    updated_by text
);

CREATE TABLE future_skills_ops.chain (
    chain_id     text PRIMARY KEY,                 -- the dataset's id
    origin       text NOT NULL CHECK (origin IN ('schedule', 'manual', 'drift')),
    requested_by text,                             -- NULL: the cron
    dag_run_id   text,
    started_at   timestamptz NOT NULL DEFAULT now(),
    stages       jsonb NOT NULL DEFAULT '{}'       -- stage -> {state, at, and small facts}: the week in one line
);
CREATE INDEX ON future_skills_ops.chain (started_at DESC);

CREATE TABLE future_skills_ops.dataset (
    dataset_id     text PRIMARY KEY REFERENCES future_skills_ops.chain (chain_id),
    uri            text NOT NULL,
    digest         text NOT NULL,                  -- SHA-256 of the content: equal content, equal digest
    as_of          date NOT NULL,
    horizon_years  int NOT NULL,
    pair_scope     text NOT NULL CHECK (pair_scope IN ('all', 'evidence')),
    label_source   text NOT NULL CHECK (label_source IN ('hr_decision', 'hr_decision_any_horizon', 'bootstrap')),
    decided_rows   int NOT NULL,
    implicit_rows  int NOT NULL,
    quarantined    int NOT NULL,
    manifest       jsonb NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON future_skills_ops.dataset (created_at DESC);

CREATE TABLE future_skills_ops.quarantine (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset_id   text NOT NULL REFERENCES future_skills_ops.dataset,
    source_table text NOT NULL,
    row_id       bigint NOT NULL,                  -- the HR table's id: no name, no e-mail is copied here
    reason       text NOT NULL
);
CREATE INDEX ON future_skills_ops.quarantine (dataset_id);

CREATE TABLE future_skills_ops.role_split (
    job_role_id bigint PRIMARY KEY,
    name_key    text NOT NULL,                     -- the normalised name at first sight, which decided the side
    holdout     boolean NOT NULL,
    assigned_at timestamptz NOT NULL DEFAULT now()
);

CREATE SEQUENCE future_skills_ops.model_version_number;
CREATE TABLE future_skills_ops.model_version (
    version        text PRIMARY KEY,               -- v3
    number         bigint NOT NULL UNIQUE,
    dataset_id     text NOT NULL REFERENCES future_skills_ops.dataset,
    request_key    text NOT NULL UNIQUE,           -- a retried task finds the version it already made
    estimator      text NOT NULL,
    preprocessing  text NOT NULL,
    parameters     jsonb NOT NULL,
    feature_set    text NOT NULL,
    horizon_years  int NOT NULL,
    label_source   text NOT NULL,
    loadable_by_hr boolean NOT NULL,
    artifacts      jsonb NOT NULL,                 -- served, evaluated, folds, fold-0 ... -> {uri, sha256, hmac, key_id, size}
    libraries      jsonb NOT NULL,                 -- python, scikit-learn, numpy, joblib
    cuts           jsonb NOT NULL,                 -- {medium, high}: the lowest score of each level
    facts          jsonb NOT NULL,                 -- row counts, class balance, seconds, uninformative features
    requested_by   text,
    created_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE future_skills_ops.evaluation (
    evaluation_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version          text NOT NULL REFERENCES future_skills_ops.model_version,
    dataset_id       text NOT NULL REFERENCES future_skills_ops.dataset,
    request_key      text NOT NULL UNIQUE,
    champion_version text REFERENCES future_skills_ops.model_version (version),
    population       text NOT NULL CHECK (population IN ('holdout', 'cv', 'none')),
    mode             text NOT NULL CHECK (mode IN ('normal', 'refresh')),
    metrics          jsonb NOT NULL,               -- {overall, per_class, slices, baselines, cv, comparison}
    checks           jsonb,                        -- the gate's, once it has judged
    verdict          text CHECK (verdict IN ('promote', 'keep', 'reject', 'insufficient', 'bootstrap')),
    gate_mode        text CHECK (gate_mode IN ('enforce', 'dry_run')),
    evaluated_at     timestamptz NOT NULL DEFAULT now(),
    judged_at        timestamptz
);
CREATE INDEX ON future_skills_ops.evaluation (version);

CREATE TABLE future_skills_ops.approval (           -- append-only: the newest event of a request is its state
    event_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id       text NOT NULL,
    event            text NOT NULL CHECK (event IN ('requested', 'approved', 'rejected', 'expired', 'superseded', 'refused')),
    version          text NOT NULL REFERENCES future_skills_ops.model_version,
    digest           text NOT NULL,                -- SHA-256 of the served artefact
    evaluation_id    bigint NOT NULL REFERENCES future_skills_ops.evaluation,
    champion_version text REFERENCES future_skills_ops.model_version (version),
    requested_by     text,                         -- who asked for the training; NULL: the cron
    actor            text,                         -- who caused this event
    reason           text,
    metrics          jsonb NOT NULL,
    dag_run_id       text,
    expires_at       timestamptz NOT NULL,
    at               timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX approval_asked_once ON future_skills_ops.approval (request_id) WHERE event = 'requested';
CREATE UNIQUE INDEX approval_settled_once ON future_skills_ops.approval (request_id)
    WHERE event IN ('approved', 'rejected', 'expired', 'superseded');

CREATE TABLE future_skills_ops.deployment (         -- append-only: the champion is the newest row
    deployment_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version          text NOT NULL REFERENCES future_skills_ops.model_version,
    previous_version text REFERENCES future_skills_ops.model_version (version),
    kind             text NOT NULL CHECK (kind IN ('deploy', 'rollback')),
    digest           text NOT NULL,
    request_id       text,                         -- the approval it acts on; NULL: a rollback
    request_key      text NOT NULL UNIQUE,
    actor            text,
    reason           text,
    at               timestamptz NOT NULL DEFAULT now()
);

CREATE FUNCTION future_skills_ops.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP;
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON future_skills_ops.approval
    FOR EACH ROW EXECUTE FUNCTION future_skills_ops.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON future_skills_ops.deployment
    FOR EACH ROW EXECUTE FUNCTION future_skills_ops.refuse_change();

CREATE TABLE future_skills_ops.prediction_batch (
    batch_id          text PRIMARY KEY,
    dataset_id        text NOT NULL REFERENCES future_skills_ops.dataset,
    version           text NOT NULL REFERENCES future_skills_ops.model_version,
    pair_scope        text NOT NULL CHECK (pair_scope IN ('all', 'evidence')),
    horizon_years     int NOT NULL,
    language          text NOT NULL,
    repeat            int NOT NULL DEFAULT 0,      -- > 0: asked for again with `make republish`
    state             text NOT NULL CHECK (state IN ('planned', 'audited', 'published', 'withheld')),
    pairs             bigint NOT NULL,
    counts            jsonb NOT NULL DEFAULT '{}', -- inserted, updated, deleted, unchanged, restored, taken_over, dropped
    levels            jsonb NOT NULL DEFAULT '{}', -- decided, undecided -> level -> pairs
    sample_uri        text,
    prediction_run_id bigint,                      -- future_skills_predictionrun.id
    planned_at        timestamptz NOT NULL DEFAULT now(),
    published_at      timestamptz,
    UNIQUE (dataset_id, version, pair_scope, horizon_years, language, repeat)
);
CREATE INDEX ON future_skills_ops.prediction_batch (version, published_at);

CREATE TABLE future_skills_ops.shard (
    batch_id     text NOT NULL REFERENCES future_skills_ops.prediction_batch,
    number       int NOT NULL,
    job_role_ids bigint[] NOT NULL,
    pairs        bigint NOT NULL,
    counts       jsonb NOT NULL DEFAULT '{}',
    scored_at    timestamptz,
    PRIMARY KEY (batch_id, number)
);

CREATE TABLE future_skills_ops.prediction_change (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch_id      text NOT NULL REFERENCES future_skills_ops.prediction_batch,
    job_role_id   bigint NOT NULL,
    skill_id      bigint NOT NULL,
    horizon_years int NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('moved', 'taken_over', 'restored')),
    old_level     text,
    new_level     text NOT NULL,
    old_score     double precision,
    new_score     double precision NOT NULL,
    old_values    jsonb,                           -- rationale and explanation of a row that was not ours
    at            timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON future_skills_ops.prediction_change (batch_id);
CREATE INDEX ON future_skills_ops.prediction_change (at);

CREATE TABLE future_skills_ops.drift_report (
    report_id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dataset_id         text NOT NULL REFERENCES future_skills_ops.dataset,
    batch_id           text NOT NULL REFERENCES future_skills_ops.prediction_batch,
    reference_batch_id text NOT NULL REFERENCES future_skills_ops.prediction_batch (batch_id),
    version            text NOT NULL REFERENCES future_skills_ops.model_version,
    horizon_years      int NOT NULL,
    columns            jsonb NOT NULL,             -- column -> {kind, method, threshold, value, drift}; NULL = unknown
    drifted            boolean NOT NULL,
    unknown            boolean NOT NULL,
    counted            boolean NOT NULL,           -- the one report of this dataset that retraining counts
    html_uri           text NOT NULL,
    json_uri           text NOT NULL,
    created_at         timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX drift_report_counted_once ON future_skills_ops.drift_report (dataset_id, horizon_years) WHERE counted;

CREATE TABLE future_skills_ops.retraining_request (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    report_id    bigint NOT NULL UNIQUE REFERENCES future_skills_ops.drift_report,
    reason       text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    dag_run_id   text,
    outcome      text
);

CREATE TABLE future_skills_ops.realised_performance (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    version       text NOT NULL REFERENCES future_skills_ops.model_version,
    dataset_id    text NOT NULL REFERENCES future_skills_ops.dataset,
    week          date NOT NULL,                   -- its Monday
    horizon_years int NOT NULL,
    population    text NOT NULL CHECK (population IN ('undecided', 'redecided')),
    decisions     int NOT NULL,
    metrics       jsonb NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (version, dataset_id, population)
);

CREATE TABLE future_skills_ops.outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    cause      text NOT NULL,
    period     text NOT NULL,
    recipient  text NOT NULL,
    subject    text NOT NULL,
    text_part  text NOT NULL,
    html_part  text NOT NULL,
    message_id text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    attempts   int NOT NULL DEFAULT 0,
    last_error text,
    sent_at    timestamptz,
    UNIQUE (cause, period, recipient)
);
CREATE INDEX ON future_skills_ops.outbox (created_at) WHERE sent_at IS NULL;
