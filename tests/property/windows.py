"""Windows of time, from Python's own zones and calendar."""
import functools
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

QUARTER = 900000
KINDS = ("all", "yearly", "monthly", "weekly", "daily", "season")
EPOCH = date(1970, 1, 1)


@functools.lru_cache(None)
def zone(name):
    return ZoneInfo(name)


def offset(name, ms):
    """Milliseconds by which clocks are ahead of UTC."""
    at = datetime.fromtimestamp(ms // 1000, zone(name))
    return round(at.utcoffset().total_seconds() * 1000)


@functools.lru_cache(None)
def day_start(name, day):
    """The first moment at which the zone's clocks show this day's midnight or later. Clocks are changed at
    full quarters of an hour, nowadays."""
    midnight = (day - EPOCH).days * 86400000
    ms = midnight - 64 * QUARTER
    while ms + offset(name, ms) < midnight:
        ms += QUARTER
    return ms


def day_of(name, ms):
    """The last day that has begun."""
    day = EPOCH + timedelta(days=(ms + offset(name, ms)) // 86400000 + 1)
    while day_start(name, day) > ms:
        day -= timedelta(days=1)
    return day


def names(board, kind, ms, zone_name):
    """(name, starts, ends) of the board's window of this kind at that time, or None. `all` has no ends."""
    if kind == "all":
        return "all", None, None
    if kind == "season":
        for season in board.get("seasons", []):
            if parse(season["from"]) <= ms < parse(season["to"]):
                return "s-" + season["id"], parse(season["from"]), parse(season["to"])
        return None
    day = day_of(zone_name, ms)
    if kind == "yearly":
        name, first, after = f"{day.year:04}", day.replace(month=1, day=1), date(day.year + 1, 1, 1)
    elif kind == "monthly":
        first = day.replace(day=1)
        name, after = f"{day:%Y-%m}", (first + timedelta(days=31)).replace(day=1)
    elif kind == "weekly" and board.get("week_start") == "sunday":
        first = day - timedelta(days=day.isoweekday() % 7)
        name, after = f"{first:%Y-%m-%d}w", first + timedelta(days=7)
    elif kind == "weekly":
        year, week, weekday = day.isocalendar()
        first = day - timedelta(days=weekday - 1)
        name, after = f"{year:04}-W{week:02}", first + timedelta(days=7)
    else:
        name, first, after = f"{day:%Y-%m-%d}", day, day + timedelta(days=1)
    return name, day_start(zone_name, first), day_start(zone_name, after)


def parse(text):
    """Milliseconds of a time as RFC 3339 writes it."""
    at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return (at - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(milliseconds=1)


def text(ms):
    """The other way round, as varcade writes it."""
    at = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=ms)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03}Z"


def kinds(board):
    """In the order in which the worker counts in them: what is beyond bounds in several is told of the first."""
    return [kind for kind in KINDS if kind in board.get("windows", ["all"]) or kind == "season" and "seasons" in board]


def readable(board, kind, now, zone_name):
    """The names of the board's windows of this kind that can be read, the present one first."""
    keep = board.get("keep", 1)
    if kind == "all":
        return ["all"]
    if kind == "season":
        past = sorted((parse(s["to"]), "s-" + s["id"]) for s in board["seasons"] if parse(s["to"]) <= now)
        present = names(board, kind, now, zone_name)
        return ([present[0]] if present else []) + [name for _, name in reversed(past)][:keep]
    found, ms = [], now
    for _ in range(keep + 1):
        name, ms, _ = names(board, kind, ms, zone_name)
        found.append(name)
        ms -= 1
    return found
