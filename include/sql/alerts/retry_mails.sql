-- Makes unsent mails due. One whose pause ends within the lease may be in a sender's hands just now: it is due soon anyway.
UPDATE future_skills_ops.outbox
SET given_up_at = NULL, next_attempt_at = clock_timestamp(), attempts = 0
WHERE sent_at IS NULL
  AND (given_up_at IS NULL AND next_attempt_at > clock_timestamp() + make_interval(secs => %(lease)s)
       OR given_up_at IS NOT NULL AND created_at > clock_timestamp() - make_interval(secs => %(oldest)s))
