-- An asset event made by hand may have started the drift DAG, too.
ALTER TABLE future_skills_ops.refusal DROP CONSTRAINT refusal_action_check;
ALTER TABLE future_skills_ops.refusal ADD CONSTRAINT refusal_action_check
    CHECK (action IN ('ask', 'deploy', 'rollback', 'predict', 'drift', 'edit'));
