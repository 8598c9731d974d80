"""HTML of a page: one file with its style, script, drawings and data.

No text of a run becomes markup. A run's data is compressed JSON in base64, which contains no
character that HTML could interpret, and the script turns the data into text nodes only. A content
security policy allows the page's own script, by its hash, and no connection, so that even a fault
in the script could not let a text of the run act. The drawings contain no text of the run.

The script is a few plain files that are concatenated: there is no build step.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from typing import Any

from sparring.runs.lines import clean
from sparring.view.html.panels import Chart

MARK = "<!-- sparring report -->"
"""Comment by which a page of ours is recognised."""
_SCRIPTS = (
    "core.js",
    "words.js",
    "charts.js",
    "overview.js",
    "steps.js",
    "diff.js",
    "detail.js",
    "matrix.js",
    "main.js",
)


def html(main: Mapping[str, Any], blobs: Mapping[str, str], charts: Sequence[Chart]) -> str:
    """Return a whole page. ``blobs`` maps the id of an element to its packed detail."""
    script = "\n".join(_asset(name) for name in _SCRIPTS)
    script = f'"use strict";\n{{\n{script}\n}}\n'
    digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
        "base-uri 'none'; form-action 'none'"
    )
    overview = {**main, "charts": [_chart_data(c) for c in charts]}
    data = base64.b64encode(gzipped_json(overview)).decode("ascii")
    parts = [
        f"<!doctype html>\n{MARK}\n",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        "<title>Sparring report</title>",
        f"<style>{_asset('style.css')}</style></head><body>",
        _asset("body.html"),
        '<section id="charts" aria-label="Curves">',
        *(_figure(c) for c in charts),
        "</section>",
        _blob("data", data),
        *(_blob(name, blob) for name, blob in blobs.items()),
        f"<script>{script}</script></body></html>\n",
    ]
    return "".join(parts)


def _blob(name: str, data: str) -> str:
    return f'<script type="text/plain" id="{name}">{data}</script>\n'


def _figure(chart: Chart) -> str:
    panel = chart.panel
    return (
        f'<figure class="chart" data-key="{panel.key}" tabindex="0">'
        f"<figcaption><b>{escape(panel.title)}</b> <span>{escape(panel.words)}</span></figcaption>"
        f'<div class="plot">{chart.svg}</div></figure>'
    )


def _chart_data(chart: Chart) -> dict[str, Any]:
    panel = chart.panel
    return {
        "key": panel.key,
        "title": panel.title,
        "percent": panel.percent,
        "frame": [float(x) for x in chart.frame],
        "values": clean(chart.values),
    }


def _asset(name: str) -> str:
    return (resources.files("sparring.view.html") / "assets" / name).read_text(encoding="utf-8")


def gzipped_json(data: Any) -> bytes:
    """Return data as gzipped JSON. Characters outside ASCII are escaped; NaN becomes null."""
    compact: dict[str, Any] = {"ensure_ascii": True, "separators": (",", ":"), "allow_nan": False}
    try:
        text = json.dumps(data, **compact)
    except ValueError:  # NaN is rare, and cleaning takes longer than writing
        text = json.dumps(clean(data), **compact)
    compressor = zlib.compressobj(6, zlib.DEFLATED, 31)  # 31: with gzip's header, without a date
    return compressor.compress(text.encode("ascii")) + compressor.flush()
