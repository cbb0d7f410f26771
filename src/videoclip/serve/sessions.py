"""What a visitor shows: the token itself, once, and from then on a session that is derived from it and ends."""

import hashlib
import hmac
import os
import re
import time
from functools import cache
from itertools import pairwise
from pathlib import Path

from ..errors import ConfigError

SHORTEST, DISTINCT = 16, 8
"""Characters of a token, and different ones among them."""
LASTS = 30 * 86400
"""Seconds of a session."""
GUESSED = ("password", "qwerty", "letmein", "changeme", "videoclip", "secret", "token", "admin", "welcome", "example")
"""What is tried first, and counts for nothing."""
MAKE = "make one with: python -c 'import secrets; print(secrets.token_urlsafe())'"


def check_token(token: str) -> None:
    """Raise ``ConfigError`` if a token could be guessed: too short, too few letters, repeated, in a row, too common.

    Or if it cannot be sent in a header.
    """
    if not token.isascii() or not token.isprintable():
        raise ConfigError(f"the token may hold letters, digits and signs of ASCII alone; {MAKE}")
    if len(token) < SHORTEST:
        raise ConfigError(f"the token has {len(token)} characters; take at least {SHORTEST}, {MAKE}")
    rest = re.sub("|".join(map(re.escape, GUESSED)), "", token, flags=re.IGNORECASE)
    steps = [abs(ord(a) - ord(b)) for a, b in pairwise(rest.lower())]
    in_a_row = sum(step <= 1 for step in steps) > 0.75 * len(steps)
    repeated = token in (token + token)[1:-1]
    if len(set(rest)) < DISTINCT or in_a_row or repeated:
        raise ConfigError(f"the token is easy to guess; {MAKE}")


def token_of(file: Path | None) -> str:
    """The token of ``VIDEOCLIP_TOKEN``, or of a file; empty where neither is given.

    Raises:
        ConfigError: both are given, or the file cannot be read or is empty.
    """
    given = os.environ.get("VIDEOCLIP_TOKEN", "").strip()
    if file is None:
        return given
    if given:
        raise ConfigError("a token stands in VIDEOCLIP_TOKEN and in --token-file; choose one")
    try:
        token = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: the token cannot be read ({error})") from error
    if not token:
        raise ConfigError(f"{file}: holds no token; {MAKE}")
    return token


def new_session(token: str) -> str:
    """A session that any server with this token knows, and from which the token cannot be told."""
    ends = int(time.time()) + LASTS
    return f"{ends}.{_signature(token, ends)}"


def is_session(value: str, token: str) -> bool:
    """Whether a session is of this token and has not ended."""
    ends, _, signature = value.partition(".")
    if not (ends.isascii() and ends.isdigit() and len(ends) < 12) or int(ends) < time.time():
        return False
    return hmac.compare_digest(signature.encode(), _signature(token, int(ends)).encode())


def is_token(value: str, token: str) -> bool:
    """Whether a visitor's token is the right one, without telling by the time that it takes."""
    return hmac.compare_digest(value.encode("utf-8", "replace"), token.encode())


def _signature(token: str, ends: int) -> str:
    return hmac.new(_key(token), str(ends).encode(), hashlib.sha256).hexdigest()


@cache
def _key(token: str) -> bytes:
    """A key from which the token cannot be guessed, even by somebody who has a session and much time."""
    return hashlib.scrypt(token.encode(), salt=b"videoclip session", n=2**14, r=8, p=1)
