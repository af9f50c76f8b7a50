SELECT recipient, subject, created_at, attempts, next_attempt_at, given_up_at, last_error
FROM future_skills_ops.outbox
WHERE sent_at IS NULL AND (given_up_at IS NULL OR created_at > clock_timestamp() - make_interval(secs => %(oldest)s))
ORDER BY id
