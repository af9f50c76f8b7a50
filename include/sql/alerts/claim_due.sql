-- The server itself is in trouble: every mail that is due counts as tried.
UPDATE future_skills_ops.outbox
SET attempts = attempts + 1
WHERE sent_at IS NULL AND given_up_at IS NULL AND next_attempt_at <= clock_timestamp()
RETURNING id
