"""What arrives: a message that every mail program reads, with its pictures, and headers that keep robots quiet."""

import struct
import zlib

import pytest

from future_skills.alerts.outbox import send_outbox
from support.outbox import mail, queued, rows


def png() -> bytes:
    """A picture of one dot."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\xff")) + chunk(b"IEND", b"")


@pytest.fixture
def received(hr, inbox, server):
    """Send one mail; returns how it arrived, parsed, and its bytes."""

    def send(**fields):
        queued(hr, mail(**fields))
        assert send_outbox(hr, server).sent == 1, rows(hr)
        return inbox.mails[-1][1], inbox.contents[-1]

    return send


def test_text_first_then_html_with_its_pictures(received):
    message, _ = received(html='<p>Voilà</p><img src="cid:plot" alt="p">', pictures={"plot": png()})
    assert message.get_content_type() == "multipart/alternative"
    text, related = message.iter_parts()
    assert (text.get_content_type(), related.get_content_type()) == ("text/plain", "multipart/related")
    html, picture = related.iter_parts()
    assert text.get_content().strip() == "Text, déjà vu."
    assert html.get_content().strip() == '<p>Voilà</p><img src="cid:plot" alt="p">'
    assert (picture["Content-ID"], picture.get_content_disposition()) == ("<plot>", "inline")
    assert picture.get_content() == png()
    assert [part["MIME-Version"] for part in message.walk() if part["MIME-Version"]] == ["1.0"]


def test_without_pictures_there_is_no_related_part(received):
    message, _ = received()
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize(
    "subject",
    [
        "Compétences futures : 12 nouveaux besoins élevés à l'équipe « Données »",
        "é" * 150,
        "人工智能 技能 🎯 needs " * 6,
        "A" * 150,
        "Drift in dataset 20261123T020000000Z-00000000: " + ", ".join(f"column_{number}" for number in range(12)),
    ],
)
def test_every_subject_survives_and_no_line_is_too_long(received, subject):
    message, content = received(subject=subject, text="mot " * 2_000 + "é", html="<p>" + "long " * 2_000 + "é</p>")
    assert message["Subject"] == " ".join(subject.split())
    assert content.isascii(), "nothing a relay would have to recode"
    assert max(len(line) for line in content.split(b"\r\n")) <= 998
    assert message.get_body(("plain",)).get_content().split() == ["mot"] * 2_000 + ["é"]


def test_a_subject_cannot_add_headers(inbox, received):
    message, _ = received(subject="Hello\r\nBcc: all@example.com\n\nBody")
    assert message["Subject"] == "Hello Bcc: all@example.com Body"
    assert message["Bcc"] is None
    assert inbox.mails[0][0] == ["person1@example.com"]


def test_headers_say_who_wrote_it_and_that_nobody_needs_to_answer(received):
    message, _ = received(cause="late_chain")
    assert str(message["From"]) == "Future Skills <future-skills@example.com>"
    assert message["List-Id"] == "Future Skills late_chain <late-chain.future-skills.example.com>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "All"


def test_it_is_dated_when_it_was_written(hr, received):
    message, _ = received()
    assert message["Date"].datetime == rows(hr)[0]["created_at"].replace(microsecond=0)


def test_lines_that_begin_with_a_dot_or_look_like_a_header_arrive(received):
    text = ".\n..\nFrom here on\nSubject: no\n\n.end"
    message, _ = received(text=text)
    assert message.get_body(("plain",)).get_content().replace("\r\n", "\n").rstrip("\n") == text
