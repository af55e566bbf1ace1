"""One self-contained HTML page: text, tables and charts that open with no network at all."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from gatecast.atomic import write_whole
from gatecast.report.figures import FONT, SCHEME
from gatecast.report.scales import IN_DARK
from gatecast.report.words import LANGUAGES, LOCALES, Words

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = [
    "Chart",
    "Section",
    "Slider",
    "Table",
    "render_page",
    "write_html",
    "write_page",
]

_NUMBER = re.compile(r"[-+−<]?\d[\d,]*(\.\d+)?(e[-+]?\d+)?( ?%)?|–")
_PROSE = 28  # a cell longer than this is read, not compared: such tables turn into cards on phones


@dataclass(frozen=True)
class Table:
    """A table; the first cell of a row names the row.

    Parameters
    ----------
    headings : tuple of str
        One heading a column.
    rows : tuple of tuple of str
        Cells as they are to be read; columns of numbers are aligned to the right.
    caption : str, optional
        What the numbers are.
    marked : int, optional
        The row to point out.
    mark : str
        The word that says why.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    marked: int | None = None
    mark: str = ""


@dataclass(frozen=True)
class Slider:
    """A slider along the x axis of a chart, and what is read at each of its places.

    Parameters
    ----------
    name : str
        What it moves over, such as "Moment".
    places : tuple
        Along the x axis, as the figure has them.
    said : tuple of str
        Each place and what matters most there, for those who cannot see it.
    rows : tuple of (str, tuple of str)
        Names, and a text a place.
    start : int
        The place that is read at first.
    """

    name: str
    places: tuple[Any, ...]
    said: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    start: int = 0


@dataclass(frozen=True)
class Chart:
    """A figure and what it shows, in words for those who cannot see it.

    Parameters
    ----------
    label : str
        The name of the figure, also its entry in the chooser where a section has several charts.
    figure : plotly.graph_objects.Figure
        In the colours of `gatecast.report.figures`, which the page changes on dark screens.
        With ``layout.meta = {"fit": True}`` the y axis follows what the x axis shows. It is as
        high as ``layout.height`` says, or as charts are. Buttons of a menu of its own become
        the page's; all charts of a section have the same.
    slider : Slider, optional
        Moves the figure's last shape, a line, and says what is there; so does the mouse.
    """

    label: str
    figure: go.Figure
    slider: Slider | None = None


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it, in this order; empty parts are left out.

    Parameters
    ----------
    heading : str
        The heading.
    paragraphs : tuple of str
        Plain text.
    charts : tuple of Chart
        One chart, or several of which the reader chooses one at a time.
    table : Table, optional
        A table.
    under : str
        What there is to say about charts and table that need not be read first.
    facts : tuple of (str, str)
        Pairs of a name and what there is to say about it.
    items : tuple of str
        A list.
    code : str
        Text to be copied as it is, such as a command.
    half : bool
        Whether it needs only half of a wide screen: two such sections stand side by side.
    """

    heading: str
    paragraphs: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    table: Table | None = None
    under: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    items: tuple[str, ...] = ()
    code: str = ""
    half: bool = False


def write_page(
    path: str | os.PathLike[str],
    *,
    title: str,
    lead: str,
    sections: Sequence[Section],
    glance: Sequence[tuple[str, str]] = (),
    lang: str = "en",
) -> None:
    """Write a page to a file, whole or not at all.

    Parameters
    ----------
    path : str or path-like
        Where to. The folder must exist; a file that is there is replaced.
    title, lead : str
        The heading of the page and the sentences below it, plain text.
    sections : sequence of Section
        What follows.
    glance : sequence of (str, str)
        Names and short values, large, below the sentences.
    lang : {"en", "zh"}
        The language of the page's own few words.

    Raises
    ------
    ConfigError
        The pages do not speak the language.
    OSError
        The folder does not exist or cannot be written; nothing is left behind.
    """
    # Names from old file systems may not be Unicode.
    write_html(path, render_page(title, lead, sections, glance, lang))


def write_html(path: str | os.PathLike[str], text: str) -> None:
    """Write what :func:`render_page` returned, whole or not at all."""
    write_whole(path, text.encode("utf-8", errors="replace"))


def render_page(
    title: str,
    lead: str,
    sections: Sequence[Section],
    glance: Sequence[tuple[str, str]] = (),
    lang: str = "en",
) -> str:
    """Return the page as HTML text."""
    words = Words(lang)
    body = "".join(_section(section, number, words) for number, section in enumerate(sections, 1))
    script = ""
    if any(section.charts for section in sections):
        from plotly.offline import get_plotlyjs

        library = get_plotlyjs().replace("</script", "<\\/script")
        scheme, locale = _embedded(dict(SCHEME.values()) | IN_DARK), _embedded(LOCALES.get(lang))
        script = (
            f'<script type="application/json" id="dark">{scheme}</script>\n'
            f'<script type="application/json" id="locale">{locale}</script>\n'
            f'<script id="plotly">{library}</script>\n<script>{_DRAW}</script>\n'
        )
    return (
        f'<!DOCTYPE html>\n<html lang="{LANGUAGES[lang]}">\n<head>\n<meta charset="utf-8">\n'
        # The browser itself is told to fetch nothing, so that no chart or text ever can.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f'<header>\n<h1>{escape(title)}</h1>\n<p class="lead">{_prose(lead)}</p>\n'
        f"{_pairs(glance, 'glance')}</header>\n"
        f"{body}</main>\n<footer>{escape(words('made'))}</footer>\n"
        f"{script}</body>\n</html>\n"
    )


def _section(section: Section, number: int, words: Words) -> str:
    parts = [f"<h2>{escape(section.heading)}</h2>\n"]
    parts += [f"<p>{_prose(text)}</p>\n" for text in section.paragraphs]
    if section.charts:
        parts.append(_charts(section.charts, number, words))
    if section.table is not None:
        parts.append(_table(section.table))
    if section.under:
        parts.append(f'<p class="under">{_prose(section.under)}</p>\n')
    wide = any(len(text) > _PROSE for _, text in section.facts)
    parts.append(_pairs(section.facts, "wide" if wide else ""))
    if section.items:
        parts.append(f"<ul>{''.join(f'<li>{_prose(text)}</li>' for text in section.items)}</ul>\n")
    if section.code:
        parts.append(f"<pre><code>{escape(section.code)}</code></pre>\n")
    kind = ' class="half"' if section.half else ""
    return f"<section{kind}>\n{''.join(parts)}</section>\n"


def _pairs(pairs: Sequence[tuple[str, str]], kind: str) -> str:
    if not pairs:
        return ""
    told = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{_prose(text)}</dd></div>" for name, text in pairs
    )
    return f"<dl{f' class={kind}' if kind else ''}>{told}</dl>\n"


def _charts(charts: tuple[Chart, ...], number: int, words: Words) -> str:
    chooser = ""
    if len(charts) > 1:
        options = "".join(f"<option>{escape(chart.label)}</option>" for chart in charts)
        name = escape(words("series_chooser"))
        chooser = f"<label>{name} <select>{options}</select></label>\n"
    figures = "".join(
        f'<script type="application/json" class="figure">'
        f"{_safe(chart.figure.to_json(engine='json'))}</script>\n"
        for chart in charts
    )
    label = escape(charts[0].label)
    height = charts[0].figure.layout.height
    tall = f' style="height:{height:g}px"' if height else ""
    return (
        f'<figure id="figure-{number}" aria-label="{label}">\n{chooser}'
        f"{_sliders(charts, number)}{_views(charts[0])}"
        f'<div class="plot"{tall}><noscript>{escape(words("no_script"))}</noscript></div>\n'
        f"{figures}</figure>\n"
    )


def _views(chart: Chart) -> str:
    """Return a figure's own buttons as the page's, which a keyboard and a dark screen can use."""
    if not chart.figure.layout.updatemenus:
        return ""
    buttons = "".join(
        f'<button type="button" aria-pressed="{"false" if number else "true"}">'
        f"{escape(button.label)}</button>"
        for number, button in enumerate(chart.figure.layout.updatemenus[0].buttons)
    )
    return f'<div class="views">{buttons}</div>\n'


def _sliders(charts: tuple[Chart, ...], number: int) -> str:
    if any(chart.slider is None for chart in charts):
        return ""
    sliders = [chart.slider for chart in charts if chart.slider is not None]
    data = "".join(
        f'<script type="application/json" class="moments">{_embedded(asdict(slider))}</script>\n'
        for slider in sliders
    )
    # The script fills in the rest: how far it goes depends on the chart that is chosen.
    return (
        f'<div class="moment">\n<p><label for="moment-{number}">{escape(sliders[0].name)}</label> '
        f'<output for="moment-{number}"></output></p>\n'
        f'<input type="range" id="moment-{number}" min="0" step="1">\n'
        f'<dl aria-live="polite"></dl>\n</div>\n{data}'
    )


def _table(table: Table) -> str:
    numeric = [
        all(_NUMBER.fullmatch(row[column]) for row in table.rows)
        for column in range(len(table.headings))
    ]
    prose = any(len(cell) > _PROSE for row in table.rows for cell in row)
    kind = [' class="n"' if number else "" for number in numeric]
    head = "".join(
        f'<th scope="col" role="columnheader"{kind[column]}>{escape(text)}</th>'
        for column, text in enumerate(table.headings)
    )
    chosen, mark = ' class="marked"', f' <span class="mark">{escape(table.mark)}</span>'
    rows = "".join(
        f'<tr role="row"{chosen if number == table.marked else ""}>'
        f'<th scope="row" role="rowheader">{escape(row[0])}'
        f"{mark if number == table.marked else ''}</th>"
        + "".join(
            f'<td role="cell" data-label="{escape(table.headings[column])}"{kind[column]}>'
            f"{escape(row[column])}</td>"
            for column in range(1, len(row))
        )
        + "</tr>\n"
        for number, row in enumerate(table.rows)
    )
    caption = f"<caption>{_prose(table.caption)}</caption>\n" if table.caption else ""
    # The roles say again what the tags say, because a table laid out as cards loses them.
    return (
        f'<div class="scroll" tabindex="0"><table role="table"{" class=prose" if prose else ""}>\n'
        f'{caption}<thead role="rowgroup"><tr role="row">{head}</tr></thead>\n'
        f'<tbody role="rowgroup">\n{rows}</tbody>\n</table></div>\n'
    )


def _prose(text: str) -> str:
    """Escape text, and keep a number and its per cent sign on one line."""
    return re.sub(r"(?<=\d) %", "\u00a0%", escape(text))


def _safe(data: str) -> str:
    """Escape JSON for a script element: no tag can begin or end in it."""
    return data.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _embedded(value: object) -> str:
    return _safe(json.dumps(value))


_STYLE = (
    f":root {{ --font: {FONT}; "
    + " ".join(f"--{name}: {light};" for name, (light, _) in SCHEME.items())
    + " --ground: #f6f7f9; }\n@media screen and (prefers-color-scheme: dark) { :root { "
    + " ".join(f"--{name}: {dark};" for name, (_, dark) in SCHEME.items())
    + " --ground: #0d1117; } }\n"
    + """
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body { margin: 0; background: var(--ground); color: var(--truth);
  font: 17px/1.6 var(--font); overflow-wrap: anywhere; }
main, footer { max-width: 62rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding: 3rem 0 .5rem; border-top: 4px solid var(--lstm); margin-top: -1px; }
h1 { font-size: clamp(1.7rem, 5vw, 2.5rem); line-height: 1.15; letter-spacing: -.02em;
  margin: 0 0 1rem; text-wrap: balance; }
h2 { font-size: 1.35rem; line-height: 1.25; letter-spacing: -.01em; margin: 0 0 .6rem; }
p { margin: 0 0 .8rem; max-width: 44rem; }
.lead { font-size: 1.2rem; line-height: 1.5; max-width: 46rem; text-wrap: pretty; }
section { margin: 2.4rem 0 0; }
header + section { margin-top: 1.2rem; }
figure { margin: 1rem 0; padding: .6rem .6rem .3rem; background: var(--paper);
  border: 1px solid var(--grid); border-radius: 10px; }
.plot { height: 420px; }
.rangeslider-mask-min, .rangeslider-mask-max { fill: var(--shade) !important;
  fill-opacity: .25 !important; }
.rangeslider-mask-min-opp-axis, .rangeslider-mask-max-opp-axis { display: none; }
.rangeslider-rangeplot .points { display: none; }
label { display: flex; gap: .6rem; align-items: center; padding: .3rem .4rem .6rem;
  color: var(--text); font-size: .95rem; overflow-wrap: normal; }
select { font: inherit; color: var(--truth); background: var(--ground); padding: .35rem .6rem;
  border: 1px solid var(--shade); border-radius: 6px; min-width: 0; max-width: 100%; }
.moment { position: sticky; top: 0; z-index: 2; background: var(--paper);
  border-bottom: 1px solid var(--grid); padding: .2rem .4rem .5rem; }
.moment p { margin: 0; padding: .2rem 0; display: flex; gap: .6rem; }
.moment label { display: inline; padding: 0; }
.moment output { color: var(--truth); font-weight: 600; font-variant-numeric: tabular-nums; }
.moment input { display: block; width: 100%; height: 1.6rem; margin: 0; accent-color: var(--lstm); }
.moment dl { display: block; margin: .3rem 0 0; font-size: .9rem; line-height: 1.45; }
.moment dl > div { display: flex; gap: .6rem; }
.moment dt { flex: 0 0 4.2rem; font-size: inherit; }
.views { display: flex; flex-wrap: wrap; gap: .4rem; padding: .6rem .4rem 0; }
.views button { font: inherit; font-size: .9rem; color: var(--truth); background: var(--ground);
  padding: .3rem .7rem; border: 1px solid var(--shade); border-radius: 6px; cursor: pointer; }
.views button[aria-pressed="true"] { color: var(--ground); background: var(--text);
  border-color: var(--text); }
.under { color: var(--text); font-size: .95rem; line-height: 1.5; max-width: none; }
.scroll { overflow-x: auto; margin: 1rem 0; }
.scroll thead th:first-child, .scroll tbody th { position: sticky; left: 0;
  background: var(--ground); }
table { border-collapse: collapse; width: 100%; font-size: .95rem; line-height: 1.45; }
table:not(.prose) { word-break: keep-all; }
caption { caption-side: bottom; text-align: left; color: var(--text); padding: .6rem 0 0; }
th, td { text-align: left; vertical-align: top; padding: .55rem 1rem .55rem 0;
  border-bottom: 1px solid var(--grid); overflow-wrap: normal; }
thead th { color: var(--text); font-weight: 600; font-size: .85rem;
  border-bottom: 1px solid var(--shade); }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
th:last-child, td:last-child { padding-right: 0; }
.glance { border-top: 1px solid var(--grid); padding-top: .9rem; margin-bottom: 0; }
.glance dd { font-size: 1.3rem; line-height: 1.3; font-weight: 600; }
.scroll tbody .marked > * { background: var(--paper); }
.marked th, .marked td { font-weight: 600; }
.marked th { box-shadow: inset 4px 0 var(--lstm); padding-left: .8rem; }
.mark { color: var(--ground); background: var(--text); font-size: .75rem; border-radius: 4px;
  padding: .1rem .4rem; margin-left: .3rem; white-space: nowrap; }
pre { background: var(--paper); border: 1px solid var(--grid); border-radius: 10px;
  padding: .8rem 1rem; margin: 1rem 0; white-space: pre-wrap; font-size: .9rem; }
code { font-family: ui-monospace, "SFMono-Regular", Menlo, Consolas, "Liberation Mono", monospace;
  user-select: all; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(9rem, 1fr));
  gap: .9rem 1.5rem; margin: 1rem 0; }
dl.wide { grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); }
dl.wide > div { border-left: 3px solid var(--grid); padding-left: .9rem; }
dl.wide > div:last-child { border-left-color: var(--lstm); }
dt { color: var(--text); font-size: .85rem; font-weight: 600; }
dd { margin: 0; }
ul { padding-left: 1.2rem; max-width: 44rem; }
footer { color: var(--text); font-size: .85rem; padding-top: 2.5rem; padding-bottom: 2.5rem; }
@media screen and (min-width: 56rem) {
  main { display: grid; grid-template-columns: 1fr 1fr; column-gap: 2.5rem; }
  main > * { grid-column: 1 / -1; min-width: 0; }
  main > .half { grid-column: auto; display: grid; grid-template-rows: subgrid; grid-row: span 4; }
}
@media screen and (min-width: 40rem) {
  .half .plot { height: 370px; }
  .plot:first-child { margin-top: 22px; }  /* the buttons have a place above the legend */
  .modebar { top: -26px !important; }
}
@media (max-width: 40rem) {
  body { font-size: 16px; }
  header { padding-top: 2rem; }
  .lead { font-size: 1.1rem; }
  figure { margin-inline: -.6rem; padding-inline: .2rem; }
  .plot { height: 370px; }
  .moment dl { font-size: .8rem; line-height: 1.35; }
  .moment dt { flex-basis: 3.7rem; }
  .views button { font-size: .8rem; padding-inline: .5rem; }
  .prose, .prose tbody, .prose tr, .prose th, .prose td, .prose caption { display: block; }
  .prose { display: flex; flex-direction: column; }
  .prose caption { order: 1; }
  .prose thead { display: none; }
  .prose tr { border-bottom: 1px solid var(--shade); padding: .6rem 0; }
  .prose th, .prose td { border: 0; padding: .1rem 0; text-align: left; white-space: normal; }
  .prose td::before { content: attr(data-label) ": "; color: var(--text); }
}
@media (max-height: 32rem) { .moment { position: static; } }
@media print {
  body { background: none; font-size: 10.5pt; }
  main, footer { max-width: none; padding: 0; }
  header { padding-top: 1rem; }
  figure { border: 0; padding: 0; margin: .4rem 0; }
  .plot { height: 300px; }
  .moment { position: static; }
  .moment input { display: none; }
  section { margin-top: 1.4rem; }
  figure, tr, dl > div, p, pre, .half { break-inside: avoid; }
  .scroll { overflow: visible; }
  h2, h2 + p { break-after: avoid; }
  label, .views { display: none; }
}
"""
)

# Plotly draws with fixed colours and sizes; these lines follow the screen, the paper and the zoom.
_DRAW = """
(() => {
  const night = matchMedia("(prefers-color-scheme: dark)"), narrow = matchMedia("(width < 40rem)");
  const touch = matchMedia("(pointer: coarse)").matches;
  const dark = JSON.parse(document.getElementById("dark").textContent);
  const inDark = (value, key) =>
    Array.isArray(value) ? value.map(item => inDark(item, key))
    : value && typeof value === "object" ? Object.fromEntries(
        Object.entries(value).map(([name, item]) => [name, inDark(item, name)]))
    : typeof value === "string" && /color(scale)?$/i.test(key) && value.slice(0, 7) in dark
      ? dark[value.slice(0, 7)] + value.slice(7)  // what follows is how far it is seen through
    : value;
  const config = { responsive: true, displaylogo: false, showSendToCloud: false,
    plotlyServerURL: "", showLink: false, modeBarButtonsToRemove: ["select2d", "lasso2d"],
    toImageButtonOptions: { filename: "gatecast", scale: 2 } };
  const locale = JSON.parse(document.getElementById("locale").textContent);
  if (locale) {
    Plotly.register(locale);
    config.locale = locale.name;
  }
  const charts = [...document.querySelectorAll("figure")].map(figure => ({
    figure, plot: figure.querySelector(".plot"), chooser: figure.querySelector("select"),
    sources: [...figure.querySelectorAll("script.figure")],
    slider: figure.querySelector(".moment input"), view: 0,
    views: [...figure.querySelectorAll(".views button")],
    moments: [...figure.querySelectorAll("script.moments")].map(s => JSON.parse(s.textContent)) }));
  const mark = (layout, place) => Object.assign(layout.shapes.at(-1), { x0: place, x1: place });
  const draw = ({ figure, plot, chooser, sources, slider, moments, views, view },
                printed = false) => {
    const chosen = chooser ? chooser.selectedIndex : 0;
    let { data, layout } = JSON.parse(sources[chosen].textContent);
    if (night.matches && !printed) ({ data, layout } = inDark({ data, layout }, ""));
    layout.uirevision = chosen;  // the same chart in other colours keeps the reader's zoom
    if (printed) Object.assign(layout, { width: 660, height: Math.min(layout.height ?? 300, 860) });
    if (views.length) {
      const [{ visible }, changed] = layout.updatemenus[0].buttons[view].args;
      data.forEach((trace, i) => { trace.visible = visible[i]; });
      Object.assign(layout, changed);
      layout.margin.t -= 30;  // where its own buttons are
      delete layout.updatemenus;
    }
    if (layout.height) plot.style.height = layout.height + "px";
    for (const trace of narrow.matches && !printed ? data : []) {  // there is room for less
      if (trace.mode === "lines+markers" && trace.x.length > 60) trace.mode = "lines";
      if (trace.visible === "legendonly") trace.showlegend = false;
    }
    if (touch) layout.dragmode = false;  // a finger on a chart scrolls the page
    if (chooser) figure.setAttribute("aria-label", chooser.value);
    if (slider && slider.value !== "") mark(layout, moments[chosen].places[slider.value]);
    return plot.drawn = Plotly.react(plot, data, layout, { ...config,
      displayModeBar: narrow.matches || printed ? false : "hover" });
  };
  const sortable = x => typeof x !== "string" ? x
    : x.length === 10 ? x + "T00" : x.replace(" ", "T");
  const fit = plot => moved => {
    if (!plot.layout.meta?.fit || !Object.keys(moved).some(key => key.startsWith("xaxis.range")) ||
        Object.keys(moved).some(key => key.startsWith("yaxis"))) return;
    const [from, to] = plot.layout.xaxis.range.map(sortable);
    let low = Infinity, high = -Infinity;
    for (const { x, y, visible } of plot.data) {
      if (visible === "legendonly") continue;
      x.forEach((at, i) => {
        if (y[i] === null || at === null || sortable(at) < from || sortable(at) > to) return;
        low = Math.min(low, y[i]); high = Math.max(high, y[i]);
      });
    }
    const room = (high - low) * 0.06 || Math.abs(high) * 0.06 || 1;
    if (low <= high) Plotly.relayout(plot, { "yaxis.range": [low - room, high + room] });
  };
  const slide = ({ figure, plot, chooser, slider, moments }) => {
    const [output, list] = ["output", "dl"].map(tag => figure.querySelector(".moment " + tag));
    const chosen = () => moments[chooser ? chooser.selectedIndex : 0];
    let asked = false;
    const read = () => {
      const { places, said, rows } = chosen(), at = slider.valueAsNumber;
      slider.setAttribute("aria-valuetext", said[at]);
      output.textContent = said[at];
      list.replaceChildren(...rows.map(([name, texts]) => {
        const row = document.createElement("div"), term = document.createElement("dt");
        const told = document.createElement("dd");
        term.textContent = name; told.textContent = texts[at];
        row.append(term, told);
        return row;
      }));
      if (asked) return;
      asked = true;  // the line is drawn once a frame, however fast it moves
      requestAnimationFrame(() => {
        const move = () => {
          asked = false;
          const last = plot.layout.shapes.length - 1, place = chosen().places[slider.valueAsNumber];
          Plotly.relayout(plot, { [`shapes[${last}].x0`]: place, [`shapes[${last}].x1`]: place });
        };
        plot.drawn.then(move);  // the legends of colours are placed last
      });
    };
    const begin = () => {
      const { places, start } = chosen();
      slider.max = places.length - 1;
      slider.value = start;
      read();
    };
    slider.addEventListener("input", read);
    chooser?.addEventListener("change", begin);
    plot.on("plotly_hover", ({ points }) => {
      const where = chosen().places.map(sortable), at = where.indexOf(sortable(points[0].x));
      if (at < 0 || at === slider.valueAsNumber) return;
      slider.value = at;
      read();
    });
    begin();
  };
  for (const chart of charts) {
    chart.plot.textContent = "";
    draw(chart);
    chart.plot.on("plotly_relayout", fit(chart.plot));
    chart.chooser?.addEventListener("change", () => draw(chart));
    if (chart.slider) slide(chart);
    chart.views.forEach((button, i) => button.addEventListener("click", () => {
      chart.view = i;
      chart.views.forEach((one, k) => one.setAttribute("aria-pressed", k === i));
      draw(chart);
    }));
  }
  const redraw = printed => () => charts.forEach(chart => draw(chart, printed));
  night.addEventListener("change", redraw(false));
  narrow.addEventListener("change", redraw(false));
  addEventListener("beforeprint", redraw(true));
  addEventListener("afterprint", redraw(false));
})();
"""
