"""Reports of a site as pictures and tables in one language: what a chat shows, and what a mail-out carries."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from bot.conversations.parts import Chart, Item, KeyValueTable, List, Part, Point, Row
from bot.conversations.reply import say
from bot.conversations.wording import column_words
from bot.texts import text
from bot.texts.figures import money, moved
from prepaid.domain.beside import change_percent
from prepaid.domain.finance import Finance
from prepaid.usecases.compare_site import SiteTotal, UseReport
from prepaid.usecases.place_losses import Allocation
from prepaid.usecases.spans import Length
from prepaid.usecases.usage_report import Losses, UsageReport

MOST_BARS = 12
MOST_ITEMS = 12
MOST_ROOMS = 40
"""Of a main meter's rooms in a chat; the file has them all."""
MICRO = 1_000_000
_SHAPES = {Length.DAY: "%H", Length.WEEK: "%m-%d", Length.MONTH: "%m-%d", Length.YEAR: "%m"}


def use_parts(language: str, report: UseReport) -> tuple[Part, ...]:
    """The picture of a span, and what stands out in it."""
    return (
        use_chart(language, report),
        KeyValueTable(title=_title(language, report), rows=_use_rows(language, report)),
    )


def use_chart(language: str, report: UseReport) -> Chart:
    """A bar for each hour, day or month, with the span before behind it."""
    zone, shape = ZoneInfo(report.time_zone), _SHAPES[report.span.length]
    points = tuple(
        _energy_point(f"{bar.start.astimezone(zone):{shape}}", bar.energy_wh, bar.before_wh) for bar in report.bars
    )
    yearly = report.span.length is Length.YEAR
    behind = "report.year_before_name" if yearly else "report.before_name"
    return Chart(
        title=_title(language, report),
        points=points,
        summary=text(language, "report.row.total") + " " + compared(language, report.energy_wh, report.before_wh),
        unit=text(language, "usage.unit"),
        before_name=text(language, behind) if any(bar.before_wh for bar in report.bars) else "",
    )


def _use_rows(language: str, report: UseReport) -> tuple[Row, ...]:
    def row(key: str, value: str) -> Row:
        return Row(label=text(language, f"report.row.{key}"), value=value)

    def counted(key: str, count: int) -> list[Row]:
        unit = {"silent": "meters", "odd": "hours", "empty": "rooms"}[key]
        return [row(key, text(language, f"report.{unit}", count=count))] if count else []

    rows = [row("total", text(language, "figure.energy", energy_wh=report.energy_wh))]
    if report.before_wh is not None and report.span.length is not Length.YEAR:
        rows.append(row("before", earlier(language, report.energy_wh, report.before_wh)))
    if report.year_ago_wh is not None:
        rows.append(row("year_ago", earlier(language, report.energy_wh, report.year_ago_wh)))
    if report.water_l:
        rows.append(row("water", text(language, "figure.water", figure_l=report.water_l)))
    use = report.use
    if use is None:
        return tuple(rows)
    if use.whole.base_w is not None:
        rows.append(row("base", text(language, "report.watts", figure=f"{use.whole.base_w:,}")))
    if use.whole.night_permille is not None:
        rows.append(row("night", text(language, "report.percent", percent=f"{use.whole.night_permille / 10:.1f}")))
    rows += counted("silent", len(use.silent))
    rows += counted("odd", sum(len(each.load.odd) for each in use.meters if each.load))
    rows += counted("empty", len(use.empty))
    return tuple(rows)


def rank_parts(language: str, report: UsageReport, name: str) -> tuple[Part, ...]:
    """Who used most; everybody else is in the file."""
    points = tuple(_energy_point(each.label, each.energy_wh, each.before_wh or 0) for each in report.ranks[:MOST_BARS])
    summary = text(language, "usage.summary", total_wh=report.energy_wh, total_micro=report.amount_micro)
    chart = Chart(
        title=text(language, "report.title", name=name, kind=text(language, "report.kind.rank"), span=report.month),
        points=points,
        summary=summary,
        unit=text(language, "usage.unit"),
        before_name=text(language, "report.before_name") if any(point.before for point in points) else "",
    )
    more = (say(language, "report.more_in_file"),) if len(report.ranks) > MOST_BARS else ()
    return (chart, *more)


def finance_parts(language: str, report: Finance) -> tuple[Part, ...]:
    """What moved, how the balances went, and the sums with debts by age."""
    bars = tuple(_money_point(column_words(language, name, short=True), report.total(name)) for name in report.columns)
    summary = text(
        language, "report.money_summary", opening_micro=report.opening_micro, closing_micro=report.closing_micro
    )
    named = {"name": report.name, "span": report.month}
    title = text(language, "report.money_title", **named)
    moved = _money_chart(language, title, bars, summary, ("in", "out"))
    return (*((moved,) if bars else ()), *_curve(language, report), _sums(language, report))


def _curve(language: str, report: Finance) -> tuple[Chart, ...]:
    days = len(report.days)
    balances = report.curve(days)
    points = tuple(_money_point(f"{day:%m-%d}", balance) for day, balance in zip(report.days, balances, strict=True))
    if not any(balances):
        return ()
    title = text(language, "report.curve_title", name=report.name, span=report.month)
    summary = text(language, "report.curve_summary")
    return (_money_chart(language, title, points, summary, ("held", "owed")),)


def _money_chart(language: str, title: str, points: tuple[Point, ...], summary: str, names: tuple[str, str]) -> Chart:
    """What is above zero dark, what is below it light: bars only grow upwards."""
    above, below = (text(language, f"report.money_{name}") for name in names)
    some_below = any(point.before for point in points)
    return Chart(
        title=title, points=points, summary=summary, unit=above, before_name=below if some_below else "", scale=MICRO
    )


def _sums(language: str, report: Finance) -> KeyValueTable:
    rows = [
        Row(label=text(language, "report.row.rooms"), value=str(len(report.accounts))),
        Row(label=text(language, "report.row.opening"), value=money(report.opening_micro)),
        *(Row(label=column_words(language, name), value=moved(report.total(name))) for name in report.columns),
        Row(label=text(language, "report.row.closing"), value=money(report.closing_micro)),
    ]
    for age, (count, debt) in report.ageing().items():
        if count:
            label = text(language, "report.row.owed", age=text(language, f"report.age_{age}"))
            rows.append(Row(label=label, value=text(language, "report.owed_figure", count=count, amount_micro=debt)))
    kind = text(language, "report.kind.finance")
    return KeyValueTable(
        title=text(language, "report.title", name=report.name, kind=kind, span=report.month), rows=tuple(rows)
    )


def losses_parts(language: str, found: Sequence[Losses], name: str) -> tuple[Part, ...]:
    """For each main meter what went in and what was counted behind it."""
    if not found:
        return (say(language, "report.no_mains"),)
    points = tuple(
        _energy_point(each.main_meter_id, each.main_wh, sum(each.meters_wh.values())) for each in found[:MOST_BARS]
    )
    kind = text(language, "report.kind.losses")
    chart = Chart(
        title=text(language, "report.title", name=name, kind=kind, span=found[0].month),
        points=points,
        unit=text(language, "report.row.main"),
        before_name=text(language, "report.row.behind"),
    )
    return (chart, *(_loss_table(language, each) for each in found[:MOST_ITEMS]))


def _loss_table(language: str, each: Losses) -> KeyValueTable:
    loss = text(language, "report.loss_figure", figure_wh=each.loss_wh, percent=f"{each.loss_permille / 10:.1f}")
    figures = [
        ("main", text(language, "figure.energy", energy_wh=each.main_wh)),
        ("behind", text(language, "figure.energy", energy_wh=sum(each.meters_wh.values()))),
        ("loss", loss),
    ]
    if each.silent:
        figures.append(("silent", ", ".join(each.silent[:MOST_ITEMS])))
    rows = tuple(Row(label=text(language, f"report.row.{key}"), value=value) for key, value in figures)
    return KeyValueTable(title=each.main_meter_id, rows=rows)


def share_parts(language: str, found: Sequence[Allocation], name: str, kind: str) -> tuple[Part, ...]:
    """For each main meter its rooms: what each used, and its share of what is common; below them the sums."""
    if not found:
        return (say(language, "report.no_mains"),)
    title = text(language, "report.title", name=name, kind=text(language, f"report.kind.{kind}"), span=found[0].span)
    return tuple(_share_table(language, each, title) for each in found[:MOST_ITEMS])


def _share_table(language: str, given: Allocation, title: str) -> KeyValueTable:
    def figure(own_wh: int, share_wh: int) -> str:
        return text(language, "report.share_figure", own_wh=own_wh, share_wh=share_wh)

    rows = [Row(label=each.label, value=figure(each.own_wh, each.share_wh)) for each in given.shares[:MOST_ROOMS]]
    total = Row(label=text(language, "report.total"), value=figure(given.own_wh, given.common_wh))
    main = Row(label=text(language, "report.row.main"), value=text(language, "figure.energy", energy_wh=given.main_wh))
    more = len(given.shares) - MOST_ROOMS
    note = text(language, "report.more_rooms", count=more) if more > 0 else ""
    return KeyValueTable(title=f"{title} · {given.main_meter_id}", rows=(*rows, total, main), note=note)


def odd_parts(language: str, report: UseReport) -> tuple[Part, ...]:
    """The hours that stand out most."""
    zone = ZoneInfo(report.time_zone)
    meters = report.use.meters if report.use else ()
    found = [(hour, each) for each in meters if each.load for hour in each.load.odd]
    found.sort(key=lambda pair: pair[0].usual_wh - pair[0].energy_wh)
    if not found:
        return (say(language, "report.none_odd", name=report.name, span=report.span.name),)
    items = tuple(
        Item(
            label=f"{each.label} · {hour.at.astimezone(zone):%m-%d %H:%M}",
            value=text(language, "report.odd_item", figure_wh=hour.energy_wh, usual_wh=hour.usual_wh),
        )
        for hour, each in found[:MOST_ITEMS]
    )
    return (_listing(language, report, "odd", items, len(found)),)


def empty_parts(language: str, report: UseReport) -> tuple[Part, ...]:
    """Rooms without a lease, the thirstiest first."""
    found = sorted(
        (each for each in (report.use.empty if report.use else ()) if each.load),
        key=lambda each: -(each.load.energy_wh if each.load else 0),
    )
    if not found:
        return (say(language, "report.none_empty", name=report.name, span=report.span.name),)
    items = tuple(
        Item(
            label=f"{each.label} · {each.meter_id}",
            value=text(language, "figure.energy", energy_wh=each.load.energy_wh if each.load else 0),
        )
        for each in found[:MOST_ITEMS]
    )
    return (_listing(language, report, "empty", items, len(found)),)


def _listing(language: str, report: UseReport, kind: str, items: tuple[Item, ...], count: int) -> List:
    title = text(
        language,
        "report.title",
        name=report.name,
        kind=text(language, f"report.kind.{kind}"),
        span=report.span.name,
    )
    note = text(language, "report.more_in_file") if count > len(items) else ""
    return List(title=title, items=items, note=note)


def sites_parts(language: str, found: Sequence[SiteTotal], span: str) -> tuple[Part, ...]:
    """The sites side by side."""
    points = tuple(_energy_point(each.name, each.energy_wh, each.before_wh) for each in found[:MOST_BARS])
    total, before = (sum(getattr(each, name) for each in found) for name in ("energy_wh", "before_wh"))
    known = all(each.before_wh for each in found)
    chart = Chart(
        title=f"{text(language, 'report.kind.sites')} · {span}",
        points=points,
        summary=text(language, "report.row.total") + " " + compared(language, total, before if known else None),
        unit=text(language, "usage.unit"),
        before_name=text(language, "report.before_name") if before else "",
    )
    return (chart,)


def _title(language: str, report: UseReport) -> str:
    kind = text(language, "report.kind.use")
    return text(language, "report.title", name=report.name, kind=kind, span=report.span.name)


def compared(language: str, energy_wh: int, before_wh: int | None) -> str:
    """The figure, and by how much more it is than the one before."""
    if not before_wh:
        return text(language, "figure.energy", energy_wh=energy_wh)
    change = change_percent(energy_wh, before_wh)
    if change is None:
        return text(language, "report.compared_little", figure_wh=energy_wh)
    return text(language, "report.compared", figure_wh=energy_wh, percent=f"{change:+d}")


def earlier(language: str, energy_wh: int, before_wh: int) -> str:
    """An earlier figure, and by how much more today's is."""
    if not before_wh:
        return text(language, "figure.energy", energy_wh=before_wh)
    change = change_percent(energy_wh, before_wh)
    if change is None:
        return text(language, "report.beside_little", figure_wh=before_wh)
    return text(language, "report.beside", figure_wh=before_wh, percent=f"{change:+d}")


def _energy_point(label: str, value: int, before: int = 0) -> Point:
    # Thousandths are exact here: Wh are integers and one kWh has a thousand of them.
    shown = f"{value // 1000}.{value % 1000 // 10:02d}"
    return Point(label=label, value=max(0, value), text=shown, before=max(0, before))


def _money_point(label: str, amount_micro: int) -> Point:
    return Point(
        label=label,
        value=max(0, amount_micro),
        text=money(amount_micro).replace("¥", ""),
        before=max(0, -amount_micro),
    )
