"""Times people say: relative dates, durations, and recurrences as cron fields.

Owns: turning words into ISO dates, day and hour counts, and five cron fields. The clock is given.
"""

from __future__ import annotations

import datetime as dt
import re

_AGO = {
    **{"그저께": 2, "그제": 2, "엊그제": 2, "어제": 1, "yesterday": 1, "전일": 1},
    **{"오늘": 0, "today": 0, "금일": 0, "당일": 0},
}
_WEEKDAYS = "일월화수목금토"
_WEEKS_AGO = {"이번": 0, "금": 0, "지난": 1, "저번": 1, "전": 1, "지지난": 2, "저저번": 2}
_DAY_OF_A_WEEK = re.compile(r"(지지난|저저번|이번|금|지난|저번|전)\s*주\s*([월화수목금토일])요일")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_RECURS = re.compile(
    r"매일|매주|매월|매달|매시간|매시|평일|주말|주기적|정기적|마다|날마다|(?:분|시간)간격"
    r"|every\s?(?:day|hour|week|month|morning|night|mon|tue|wed|thu|fri|sat|sun|\d+\s?(?:min|hour))|daily|weekly|hourly"
)
_CLOCK = re.compile(
    r"(새벽|아침|오전|오후|저녁|밤|낮|점심)?\s*(\d{1,2})\s*(?:시(?!간)|:(?=\d\d))\s*(?:(\d{1,2})\s*분?|(반))?"
)

_HOURS = ("한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉", "열", "열한", "열두")
_HOUR = re.compile(
    r"(?:(?<![가-힣])|(?<=새벽|아침|오전|오후|저녁|점심)|(?<=[밤낮])|(?<=[월화수목금토일]요일))(\s*)"
    rf"({'|'.join(sorted(_HOURS, key=len, reverse=True))})(?=\s*시(?![작스기도점험적절])|\s*시간)"
)
_TENS = {"": 0, "십": 10, "이십": 20, "삼십": 30, "사십": 40, "오십": 50}
_ONES = {"": 0, "오": 5}
_MINUTE = re.compile(
    r"(?<![가-힣])([이삼사오]?십)(오?)(?=\s*분(?:[^가-힣]|마다|간격|에|정도|쯤|부터|$))|(?<=시)(\s*)([이삼사오]?십)(오?)(?=\s*분)"
)
_SPANS = {"일": 1, "주": 7, "주일": 7, "달": 30, "개월": 30, "년": 365}
_COUNTED = {"한": 1, "두": 2, "세": 3, "석": 3, "네": 4, "넉": 4, "다섯": 5, "여섯": 6}
_WHOLE = {
    "하루": 1,
    "이틀": 2,
    "사흘": 3,
    "일주일": 7,
    "열흘": 10,
    "보름": 15,
    "반년": 180,
    "칠일": 7,
    "십일": 10,
    "십오일": 15,
    "이십일": 20,
    "삼십일": 30,
    "육십일": 60,
    "구십일": 90,
}
SPAN = (
    rf"(?<!\d)(?:-?\d{{1,4}}|(?<![가-힣])(?:{'|'.join(_COUNTED)}))\s*(?:주일|개월|일|주|달|년)(?!요)"
    rf"|(?<![가-힣])(?:{'|'.join(_WHOLE)})"
)
_SPAN_PARTS = re.compile(rf"(-?\d+|{'|'.join(_COUNTED)})\s*(주일|개월|일|주|달|년)")


_SPELLED_SPAN = re.compile(
    rf"(?<![가-힣])(?:{'|'.join(word for word in _WHOLE if word not in ('하루', '칠일', '십일'))}"
    rf"|(?:{'|'.join(_COUNTED)})\s?(?:주일?|달)(?=\s*(?:치|간|동안|이내|새|분량|전부터|사이|$|\s|[^가-힣])))"
)


def with_digits(text: str) -> str:
    """The text with spoken hours and minutes in digits: "새벽 네 시 삼십분", "두 시간마다"."""
    text = _HOUR.sub(lambda match: f"{match[1]}{_HOURS.index(match[2]) + 1}", text)
    return _MINUTE.sub(_minutes, text)


def _minutes(match: re.Match[str]) -> str:
    tens, ones = match[1] or match[4], match[2] or match[5] or ""
    return f"{match[3] or ''}{_TENS[tens] + _ONES[ones]}"


def span_days(said: str) -> int:
    """How many days such a ``SPAN`` is long."""
    whole = _WHOLE.get(said.strip())
    match = _SPAN_PARTS.search(said)
    if whole is not None or match is None:
        return whole or 0
    number, unit = match.groups()
    return (_COUNTED[number] if number in _COUNTED else int(number)) * _SPANS[unit]


def recurs(text: str) -> bool:
    """Whether the text asks for something again and again."""
    return bool(_RECURS.search(text))


def cron_of(text: str) -> str | None:
    """The five cron fields a text means, or None where it does not say them all."""
    text = with_digits(text)
    literal = re.search(r"(?<![\w*/])((?:[0-9*/,-]+\s+){4}[0-9*/,-]+)(?![\w*/])", text)
    if literal and "*" in literal[1]:
        return " ".join(literal[1].split())
    if re.search(
        r"매\s?시간|매시\b|(?:한|(?<!\d)1)\s?시간\s?(?:마다|간격)|every\s?hour|hourly", text
    ):
        return "0 * * * *"
    every = re.search(
        r"(?<![시\d])(?<!시 )(\d{1,2})\s*(분|시간)\s*(?:마다|간격|에\s*한\s*번)", text
    )
    if every:
        step = int(every[1])
        if every[2] == "분":
            return f"*/{step} * * * *" if 1 <= step <= 59 else None
        return f"0 */{step} * * *" if 1 <= step <= 23 else None
    often = re.search(r"every\s?(\d{1,2})\s?(min|hour)", text)
    if often:
        return f"*/{int(often[1])} * * * *" if often[2] == "min" else f"0 */{int(often[1])} * * *"
    clock = _clock(text)
    days = _recurring_days(text)
    return f"{clock[1]} {clock[0]} {days}" if clock and days else None


def _recurring_days(text: str) -> str | None:
    weekly = re.search(rf"매주\s*((?:[{_WEEKDAYS}](?:요일)?[,·\s와과]*)+?)(?:요일|\s|에|$)", text)
    weekday = re.search(rf"([{_WEEKDAYS}])요일\s*마다", text)
    english = re.search(r"every\s+(sun|mon|tue|wed|thu|fri|sat)", text)
    if english:
        return f"* * {_DAYS.index(english[1])}"
    if weekly or weekday:
        named = re.sub("요일", "", weekly[1] if weekly else weekday[1] if weekday else "")
        numbers = [str(_WEEKDAYS.index(character)) for character in named if character in _WEEKDAYS]
        return f"* * {','.join(numbers)}"
    monthly = re.search(r"(?:매월|매달)\s*(\d{1,2})\s*일", text)
    if monthly and 1 <= int(monthly[1]) <= 31:
        return f"{int(monthly[1])} * *"
    if "평일" in text:
        return "* * 1-5"
    return (
        "* * *"
        if re.search(r"매일|날마다|every\s?day|daily|시\s*(?:\d+\s*분|반)?\s*마다", text)
        else None
    )


def _clock(text: str) -> tuple[int, int] | None:
    if "자정" in text:
        return 0, 0
    if "정오" in text:
        return 12, 0
    english = re.search(r"(?:at\s*)?(?<!\d)(\d{1,2})(?::(\d\d))?\s*(am|pm)\b", text)
    if english:
        hour = int(english[1]) % 12 + (12 if english[3] == "pm" else 0)
        return hour, int(english[2] or 0)
    match = _CLOCK.search(text)
    if match is None:
        return None
    part, hour, minute = match[1], int(match[2]), int(match[3] or (30 if match[4] else 0))
    afternoon = (
        part in ("오후", "저녁", "낮", "점심") and hour < 12 and not (part == "낮" and hour == 11)
    )
    if afternoon or (part == "밤" and 6 <= hour < 12):
        hour += 12
    elif hour == 12 and part in ("새벽", "오전", "밤"):
        hour = 0
    return (hour, minute) if hour <= 23 and minute <= 59 else None


def date_of(text: str, now: dt.datetime) -> str | None:
    """The one day a text speaks of, as ISO date."""
    iso = re.search(r"(\d{4})\s*[-./년]\s*(\d{1,2})\s*[-./월]\s*(\d{1,2})", text)
    if iso:
        return _iso(int(iso[1]), int(iso[2]), int(iso[3]))
    day = re.search(r"(\d{1,2})\s*월\s*(\d{1,2})\s*일|(?<!\d)(\d{1,2})/(\d{1,2})(?!\d)", text)
    if day:
        month, number = int(day[1] or day[3]), int(day[2] or day[4])
        year = now.year if (month, number) <= (now.month, now.day) else now.year - 1
        return _iso(year, month, number)
    weekday = _DAY_OF_A_WEEK.search(text)
    if weekday:
        monday = now.date() - dt.timedelta(days=now.weekday() + _WEEKS_AGO[weekday[1]] * 7)
        return (monday + dt.timedelta(days="월화수목금토일".index(weekday[2]))).isoformat()
    for word, ago in _AGO.items():
        if word in text:
            return (now.date() - dt.timedelta(days=ago)).isoformat()
    before = re.search(r"(\d{1,3})\s*일\s*전", text)
    return (now.date() - dt.timedelta(days=int(before[1]))).isoformat() if before else None


def _iso(year: int, month: int, day: int) -> str | None:
    try:
        return dt.date(year, month, day).isoformat()
    except ValueError:
        return None


def month_of(text: str, now: dt.datetime) -> str | None:
    """The one month a text speaks of, as YYYY-MM."""
    if re.search(r"이번\s*달|이달|금월|당월|this month", text):
        return f"{now:%Y-%m}"
    if re.search(r"지난\s*달|저번\s*달|전월|전달|last month", text):
        return f"{now.replace(day=1) - dt.timedelta(days=1):%Y-%m}"
    iso = re.search(r"(?<![\d-])(20\d\d)-(0[1-9]|1[0-2])(?![\d-])", text)
    return iso[0] if iso else _month_by_name(text, now) or _month_by_number(text, now)


def _month_by_name(text: str, now: dt.datetime) -> str | None:
    named = re.search(rf"(?<![a-z])({'|'.join(_MONTHS)})[a-z]*\b(?!\s*\d{{1,2}}(?!\d))", text)
    if named is None or (
        named[1] == "may" and not re.search(r"(?:in|for|of|during)\s+may\b", text)
    ):
        return None
    month = _MONTHS.index(named[1]) + 1
    return f"{now.year - (month > now.month)}-{month:02d}"


def _month_by_number(text: str, now: dt.datetime) -> str | None:
    told = re.search(
        r"(?:(\d{4})\s*년\s*|(작년)\s*)?(?<!\d)(\d{1,2})\s*월(?!\s*\d{1,2}\s*일)", text
    )
    if not told or not 1 <= int(told[3]) <= 12:
        return None
    year = int(told[1]) if told[1] else now.year - bool(told[2])
    if not told[1] and not told[2] and int(told[3]) > now.month:
        year -= 1
    return f"{year}-{int(told[3]):02d}"


def days_of(text: str) -> int | None:
    """How many days back a text reaches."""
    counted = re.search(
        r"(?:최근|지난|근|직전)?\s*(\d{1,3})\s*(일|주|개월)\s*(?:간|동안|치|이내|내|새)?", text
    )
    said = re.search(
        r"(?:최근|지난|근|직전)\s*(\d{1,3})\s*(일|주|개월)|(\d{1,3})\s*(일|주|개월)\s*(?:간|동안|치|이내)",
        text,
    )
    if counted and said:
        number, unit = int(said[1] or said[3]), said[2] or said[4]
        return number * {"일": 1, "주": 7, "개월": 30}[unit]
    english = re.search(r"(?:last|past)\s+(\d{1,3})\s*(day|week|month)s?", text)
    if english:
        return int(english[1]) * {"day": 1, "week": 7, "month": 30}[english[2]]
    spelled = _SPELLED_SPAN.search(text)
    return span_days(spelled.group()) if spelled else None


def hours_of(text: str) -> int | None:
    """How many hours back a text reaches."""
    match = re.search(r"(\d{1,3}|한|두|세)\s*시간(?!\s*(?:마다|간격))", text)
    if not match:
        english = re.search(r"(?:last|past)\s+(\d{1,3})\s*(?:hours?|hrs?)", text)
        return int(english[1]) if english else None
    return {"한": 1, "두": 2, "세": 3}.get(match[1]) or int(match[1])


def past_days_of(text: str) -> int | None:
    """Like ``days_of``, also for words that only point back."""
    if (days := days_of(text)) is not None:
        return days
    behind = re.search(r"(?:로그|기록|이력|내역)\s*(\d{1,3})\s*일", text)
    if behind:
        return int(behind[1])
    for pattern, number in (
        (r"어제|전일|yesterday", 1),
        (r"오늘|금일|today", 1),
        (r"그제|그저께", 2),
        (r"(?:지난|저번|이번)\s*주", 7),
    ):
        if re.search(pattern, text):
            return number
    return None
