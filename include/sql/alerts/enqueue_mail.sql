INSERT INTO future_skills_ops.outbox (cause, period, recipient, subject, text_part, html_part, pictures, message_id)
VALUES (%(cause)s, %(period)s, %(recipient)s, %(subject)s, %(text)s, %(html)s, %(pictures)s, %(message_id)s)
ON CONFLICT DO NOTHING
