"""A report as plain text, for people and for comparing."""

from __future__ import annotations

import itertools

from bot.core.domain.report import (
    Checklist,
    Facts,
    Lines,
    Notice,
    Paragraph,
    Report,
    Section,
    Table,
)

_MARKS = {
    "succeeded": "v",
    "failed": "X",
    "refused": "X",
    "running": ">",
    "unknown": "?",
    "skipped": "-",
    "pending": " ",
}


def words_of(report: Report) -> str:
    """Everything a reader of the report sees, as text."""
    words = [report.title, report.summary, report.footer]
    for section in report.sections:
        match section:
            case Paragraph(text=text) | Notice(text=text):
                words.append(text)
            case Facts(rows=rows):
                words += itertools.chain.from_iterable(rows)
            case Table(columns=columns, rows=rows):
                words += [*columns, *itertools.chain.from_iterable(rows)]
            case Checklist(rows=rows):
                words += [part for row in rows for part in (row.label, row.detail)]
            case Lines(lines=lines):
                words += lines
    return "\n".join(words)


def as_text(report: Report) -> str:
    parts = [f"# {report.title}  <{report.tone.value}>", f"~ {report.summary}"]
    parts += [_section(section) for section in report.sections]
    if report.buttons:
        parts.append("  ".join(f"[{button.label}]" for button in report.buttons))
    parts += [f"[{report.link.label}] {report.link.url}"] if report.link else []
    parts += [report.footer] if report.footer else []
    return "\n\n".join(parts) + "\n"


def _section(section: Section) -> str:
    match section:
        case Paragraph():
            return section.text
        case Notice():
            return f"! ({section.tone.value}) {section.text}"
        case Facts():
            rows = [f"{label}: {value.replace(chr(10), ' | ')}" for label, value in section.rows]
        case Lines():
            rows = [f"  {line}" for line in section.lines]
        case Table():
            table = (section.columns, *section.rows)
            rows = [" | ".join(cell.replace("\n", " / ") for cell in row) for row in table]
        case Checklist():
            rows = [
                f"[{_MARKS[row.state]}] {row.label}"
                + (f" {row.elapsed_ms} ms" if row.elapsed_ms is not None else "")
                + (f" — {row.detail}" if row.detail else "")
                for row in section.rows
            ]
    return "\n".join([f"== {section.title}", *rows] if section.title else rows)
