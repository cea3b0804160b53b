"""When a service that refuses says to come again.

Owns: reading the header, which is seconds or a date (RFC 9110, 10.2.3). Pure: a date is counted
from the answer's own ``Date``, so that no clock of ours has a part in it. Knows no service.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

MOST_S = 3600.0  # a service that asks for more is asked again after an hour
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?", re.ASCII)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds until the service wants to be called again; None: it has not said so.

    Args:
        headers: of its answer; names in any case.
    """
    given = {name.lower(): value.strip() for name, value in headers.items()}
    told = given.get("retry-after", "")
    if _SECONDS.fullmatch(told):
        return min(float(told), MOST_S)
    try:
        wait = parsedate_to_datetime(told) - parsedate_to_datetime(given.get("date", ""))
    except (TypeError, ValueError):  # no date, or one of the two without a zone
        return None
    return min(max(wait.total_seconds(), 0.0), MOST_S)
