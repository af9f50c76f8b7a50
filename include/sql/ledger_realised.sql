-- Decisions of HR beside what was predicted before them; realised_performance is measured on these rows, week by week.
CREATE TABLE future_skills_ops.realised_decision (
    dataset_id       text NOT NULL REFERENCES future_skills_ops.dataset,   -- the first one with the decision
    job_role_id      bigint NOT NULL,
    skill_id         bigint NOT NULL,
    version          text NOT NULL REFERENCES future_skills_ops.model_version,
    week             date NOT NULL,                   -- the Monday of the dataset's week
    population       text NOT NULL CHECK (population IN ('undecided', 'redecided')),
    level            text NOT NULL,                   -- what HR decided
    predicted        text NOT NULL,
    probability_high double precision NOT NULL,
    persisting       text NOT NULL,                   -- the level it had before; LOW where it had none
    overwritten      boolean NOT NULL,                -- HR saw the HR application's value instead of ours
    PRIMARY KEY (dataset_id, job_role_id, skill_id)
);
CREATE INDEX ON future_skills_ops.realised_decision (version, week);

ALTER TABLE future_skills_ops.realised_performance
    DROP CONSTRAINT realised_performance_version_dataset_id_population_key,
    ADD UNIQUE (version, week, population);           -- dataset_id is the newest of the week
