-- What somebody tried and was not let do. An answer that did not count is kept with its request, in approval ('refused').
CREATE TABLE future_skills_ops.refusal (
    refusal_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    action     text NOT NULL CHECK (action IN ('ask', 'deploy', 'rollback', 'predict', 'edit')),
    subject    text NOT NULL,                      -- what it was about, in the words of whoever tried: it need not exist
    actor      text,                               -- NULL: known to Airflow's audit log alone
    reason     text NOT NULL,
    dag_run_id text,
    at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON future_skills_ops.refusal (at DESC);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON future_skills_ops.refusal
    FOR EACH ROW EXECUTE FUNCTION future_skills_ops.refuse_change();

-- Row triggers do not see a TRUNCATE.
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON future_skills_ops.approval
    FOR EACH STATEMENT EXECUTE FUNCTION future_skills_ops.refuse_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON future_skills_ops.deployment
    FOR EACH STATEMENT EXECUTE FUNCTION future_skills_ops.refuse_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON future_skills_ops.refusal
    FOR EACH STATEMENT EXECUTE FUNCTION future_skills_ops.refuse_change();
