-- What the dashboard asks of the changes: the history of one pair, and what moved furthest in a batch.
CREATE INDEX prediction_change_of_pair ON future_skills_ops.prediction_change (job_role_id, skill_id, at DESC);
CREATE INDEX prediction_change_by_size ON future_skills_ops.prediction_change (batch_id, abs(new_score - old_score) DESC NULLS LAST)
    WHERE kind = 'moved';
