CREATE UNLOGGED TABLE IF NOT EXISTS {stage} (
    shard       int NOT NULL,
    operation   text NOT NULL,          -- insert, update, delete
    kind        text,                   -- restored, taken_over
    job_role_id bigint NOT NULL,
    skill_id    bigint NOT NULL,
    score       double precision,       -- NULL for a delete, as the rest
    level       text,
    rationale   text,
    explanation jsonb
)
