-- Experiments: estimators compared on one dataset. MODEL_COMPARISON.md is rendered from the newest row.
CREATE SEQUENCE future_skills_ops.experiment_number;
CREATE TABLE future_skills_ops.experiment (
    experiment_id  bigint PRIMARY KEY,
    dataset_id     text NOT NULL REFERENCES future_skills_ops.dataset,
    request_key    text NOT NULL UNIQUE,           -- a retried task finds the experiment it already made
    label_source   text NOT NULL,
    facts          jsonb NOT NULL,                 -- roles, decided rows, folds, seed, threads
    contenders     jsonb NOT NULL,                 -- one entry per row of the table; without measures: the reason
    baselines      jsonb NOT NULL,
    recommendation jsonb NOT NULL,                 -- {contender: position or NULL, reason}
    libraries      jsonb NOT NULL,
    page_uri       text NOT NULL,                  -- the HTML page
    requested_by   text,
    created_at     timestamptz NOT NULL DEFAULT now()
);
