-- Notes a failed try: the pause doubles with each, up to its longest; a mail too old is given up.
UPDATE future_skills_ops.outbox
SET last_error = %(error)s,
    next_attempt_at = clock_timestamp() + least(%(first_pause)s * 2 ^ least(attempts - 1, 20), %(longest_pause)s) * interval '1 second',
    given_up_at = CASE WHEN %(permanent)s OR created_at < clock_timestamp() - make_interval(secs => %(oldest)s)
                       THEN clock_timestamp() END
WHERE id = ANY(%(ids)s)
RETURNING id, cause, period, recipient, subject, given_up_at, last_error
