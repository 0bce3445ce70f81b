"""The picture of a result for the docs: an SVG with violations and CPU side by side."""

from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

_WIDTH, _ROW, _LEFT, _BAR = 860, 46, 290, 220
_GOOD, _BAD, _NEUTRAL = "#1a7f4b", "#b42318", "#64748b"


def draw(found: Mapping[str, Any], path: Path) -> None:
    """Write the SVG."""
    rows = found["contenders"]
    most = max([row["violations"] or 0 for row in rows] + [1])
    slowest = max(row["cpu_us"] for row in rows)
    height = 70 + _ROW * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        _text(16, 30, f"{found['bets']} bets with repeats, lost answers and crashes", size=15, weight="bold"),
        _text(_LEFT, 52, "money violations", fill=_NEUTRAL),
        _text(_LEFT + _BAR + 70, 52, "CPU of a plain bet, µs", fill=_NEUTRAL),
    ]
    for index, row in enumerate(rows):
        top = 64 + index * _ROW
        wrong = row["violations"]
        parts.append(_text(16, top + 20, row["name"], weight="bold" if index == 0 else "normal"))
        if wrong is None:
            parts.append(_text(_LEFT, top + 20, "decides nothing", fill=_NEUTRAL))
        else:
            parts += _bar(_LEFT, top, wrong / most, str(wrong), _BAD if wrong else _GOOD)
        parts += _bar(_LEFT + _BAR + 70, top, row["cpu_us"] / slowest, f"{row['cpu_us']:.0f}", _NEUTRAL)
    path.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")


def _bar(left: float, top: float, share: float, label: str, fill: str) -> list[str]:
    width = max(3.0, (_BAR - 40) * share)
    return [
        f'<rect x="{left}" y="{top + 6}" width="{width:.1f}" height="20" rx="3" fill="{fill}"/>',
        _text(left + width + 8, top + 21, label, fill=fill, weight="bold"),
    ]


def _text(left: float, top: float, words: str, *, fill: str = "#0f172a", size: int = 13, weight: str = "normal") -> str:
    return f'<text x="{left}" y="{top}" fill="{fill}" font-size="{size}" font-weight="{weight}">{escape(words)}</text>'
