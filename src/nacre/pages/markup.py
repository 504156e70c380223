"""Pages without scripts: text made safe, one style sheet, and headers that forbid everything else."""

from __future__ import annotations

import re

from nacre.response import HTMLResponse

# Everything a page needs is in it; nothing it shows can load, run or send anything.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

# Control characters would reach a terminal, bidirectional ones turn source code round, and surrogates have no UTF-8.
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """The text with what can't be shown as escapes: `\\x1b`, `\\u202e`. Tabs and line feeds stay."""
    return _INVISIBLE.sub(lambda match: match[0].encode("unicode_escape").decode(), text.replace("\r\n", "\n"))


def shorten(text: str, limit: int) -> str:
    """The text, or its beginning with a note of how much is missing."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit:,} more characters)"


def escape(text: object) -> str:
    """Text for any place between tags or in quotes."""
    import html  # with its table of entities

    return html.escape(visible(str(text)))


def html_response(title: str, content: str, status: int, *, wide: bool = False) -> HTMLResponse:
    """A page with this title (plain text) and content (markup)."""
    kind = "wide" if wide else "narrow"
    page = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}{_DEBUG_STYLE if wide else ''}</style>\n</head>\n"
        f'<body class="{kind}">\n{content}\n</body>\n</html>\n'
    )
    return HTMLResponse(
        page,
        status,
        {
            "content-security-policy": _POLICY,
            "x-content-type-options": "nosniff",
            "referrer-policy": "no-referrer",
            "cache-control": "no-store",
        },
    )


_STYLE = """
:root{color-scheme:light dark;--ground:#f6f5f2;--card:#fff;--ink:#1d2226;--soft:#5a636b;--line:#dfdcd5;--accent:#0b6b6b;
--bad:#b3261e;--bad-ground:#fdecea;--mark:#ffe3a3;
--pearl:linear-gradient(90deg,#8ec5c0,#c9b6e4 40%,#f3c6cf 70%,#bfe3d0)}
@media (prefers-color-scheme:dark){:root{--ground:#14181b;--card:#1c2125;--ink:#e7e9ea;--soft:#9ba6ae;--line:#30373d;
--accent:#7fd1c8;--bad:#ff9a8f;--bad-ground:#3a1f1d;--mark:#6a4d12}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif}
body::before{content:"";display:block;height:5px;background:var(--pearl)}
main{max-width:38rem;margin:0 auto;padding:12vh 1.5rem 3rem}
.wide main{max-width:72rem;padding:2rem 1.5rem 4rem}
h1{margin:0 0 .5rem;font-size:1.9rem;line-height:1.25;font-weight:650;overflow-wrap:anywhere}
.status{margin:0;color:var(--soft);font-variant-numeric:tabular-nums;letter-spacing:.04em}
"""

_DEBUG_STYLE = """
code,pre,.mono{font-family:ui-monospace,"SF Mono","Cascadia Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;
font-size:.86rem}
h2{margin:2.4rem 0 .7rem;font-size:.82rem;font-weight:650;letter-spacing:.08em;text-transform:uppercase;
color:var(--soft)}
h3{margin:.2rem 0 0;font-size:1rem;font-weight:600}.nested .frames{margin-top:.7rem}
.message{margin:.2rem 0 0;font-size:1.08rem;white-space:pre-wrap;overflow-wrap:anywhere}
.type{color:var(--bad)}
.request{margin:0 0 1.1rem;color:var(--soft);overflow-wrap:anywhere}
.request b{color:var(--ink)}
.note{margin:.7rem 0;padding:.5rem .8rem;border-left:3px solid var(--line);white-space:pre-wrap;overflow-wrap:anywhere}
.soft{color:var(--soft)}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;overflow:hidden}
.chain{list-style:none;margin:0;padding:0}
.chain li{display:grid;grid-template-columns:1.3rem minmax(9rem,1.3fr) 5rem minmax(8rem,1fr) minmax(9rem,1.2fr) 11rem;
gap:.8rem;align-items:baseline;padding:.42rem 1rem;border-top:1px solid var(--line);overflow-wrap:anywhere}
.chain li:first-child{border-top:0}
.chain li::before{content:"";width:.68rem;height:.68rem;border-radius:50%;border:2px solid var(--line);
place-self:center}
.chain .passed::before,.chain .answered::before{border-color:var(--bad)}
.chain .raised::before{border-color:var(--bad);background:var(--bad)}
.chain .raised{background:var(--bad-ground)}
.chain .name{font-weight:600}
.badge{font-size:.8rem;color:var(--soft);text-align:right}
.passed .badge,.answered .badge{color:var(--bad)}
.raised .badge{color:var(--bad);font-weight:650}
.frames{display:grid;gap:.6rem}
details>summary{cursor:pointer;padding:.5rem 1rem;overflow-wrap:anywhere}
details>summary:hover{background:color-mix(in srgb,var(--line) 35%,transparent)}
details[open]>summary{border-bottom:1px solid var(--line)}
summary:focus-visible,a:focus-visible,pre:focus-visible{outline:2px solid var(--accent);outline-offset:-2px}
summary .name{font-weight:600}
summary .place{color:var(--soft)}
.library{border-style:dashed}
.library .frames{padding:.6rem}
.library>summary{color:var(--soft)}
pre{margin:0;padding:.5rem 0;overflow-x:auto;line-height:1.6;tab-size:4}
pre span{display:block;padding:0 1rem;white-space:pre}
pre i{display:inline-block;width:3.4rem;margin-right:1rem;text-align:right;font-style:normal;color:var(--soft);
user-select:none}
pre .here{background:var(--bad-ground)}
pre .here i{color:var(--bad);font-weight:650}
mark{background:var(--mark);color:inherit;border-radius:3px}
table{width:100%;border-collapse:collapse}
th,td{padding:.4rem 1rem;text-align:left;vertical-align:top;border-top:1px solid var(--line);overflow-wrap:anywhere}
tr:first-child>*{border-top:0}
thead th{font-size:.8rem;font-weight:600;color:var(--soft);border-bottom:1px solid var(--line)}
tbody th{width:14rem;font-weight:600}
tbody tr:first-child>*{border-top:0}
.nested{margin:1.4rem 0 0;padding:0 0 0 1.2rem;border-left:3px solid var(--line)}
footer{margin-top:3rem;color:var(--soft);font-size:.86rem}
@media (max-width:60rem){.chain li{grid-template-columns:1.3rem auto auto 1fr;gap:.1rem .8rem}
.chain .name{grid-column:2/-1}.chain .name~*{grid-row:2}.chain .name+*{grid-column:2}.chain .name+*+*{grid-column:3}
.chain .place{grid-column:4}
.chain .name~.badge{grid-column:2/-1;grid-row:3;text-align:left}tbody th{width:auto}}
"""
