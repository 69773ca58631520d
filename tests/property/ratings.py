"""Elo, Glicko-2 and Plackett-Luce as their papers have them, written for reading; see lib/rules/rating.h for the sources."""
import math


def elo(rule, players, ranks):
    """players: {"rating", "matches", "peak"} each; ranks: one a player, lower is better."""
    limit = rule.get("max_difference", math.inf)
    after = []
    for i, own in enumerate(players):
        expected = score = 0
        for j, other in enumerate(players):
            if i != j:
                difference = max(-limit, min(limit, other["rating"] - own["rating"]))
                expected += 1 / (1 + 10 ** (difference / 400))
                score += 1 if ranks[i] < ranks[j] else 0.5 if ranks[i] == ranks[j] else 0
        steps = rule.get("k", 32)
        if not isinstance(steps, list):
            steps = [{"k": steps}]
        k = next(step["k"] for step in steps
                 if own["matches"] < step.get("games", math.inf) and own["peak"] < step.get("below", math.inf))
        after.append(own["rating"] + k * (score - expected))
    return [{"rating": rating, "matches": own["matches"] + 1, "peak": max(own["peak"], rating)}
            for own, rating in zip(players, after)]


def elo_start(rule):
    return {"rating": rule.get("start", 1500), "matches": 0, "peak": rule.get("start", 1500)}


SCALE = 173.7178


def glicko2_start(rule):
    start = rule.get("start", {})
    return {"rating": start.get("rating", 1500), "deviation": start.get("deviation", 350),
            "volatility": start.get("volatility", 0.06), "matches": 0, "last": 0}


def glicko2_rested(rule, player, ms):
    if player["matches"] == 0 or "period_days" not in rule or ms <= player["last"]:
        return dict(player)
    periods = (ms - player["last"]) / (rule["period_days"] * 86400000)
    phi = math.sqrt((player["deviation"] / SCALE) ** 2 + periods * player["volatility"] ** 2)
    return dict(player, deviation=min(350, phi * SCALE))


def glicko2_volatility(sigma, delta, phi, v, tau):
    """Step 5 of the paper."""
    def f(x):
        return (math.exp(x) * (delta ** 2 - phi ** 2 - v - math.exp(x)) / (2 * (phi ** 2 + v + math.exp(x)) ** 2)
                - (x - math.log(sigma ** 2)) / tau ** 2)
    a = math.log(sigma ** 2)
    if delta ** 2 > phi ** 2 + v:
        b = math.log(delta ** 2 - phi ** 2 - v)
    else:
        k = 1
        while f(a - k * tau) < 0:
            k += 1
        b = a - k * tau
    fa, fb = f(a), f(b)
    while abs(b - a) > 1e-6:
        c = a + (a - b) * fa / (fb - fa)
        fc = f(c)
        if fc * fb <= 0:
            a, fa = b, fb
        else:
            fa /= 2
        b, fb = c, fc
    return math.exp(a / 2)


def glicko2(rule, players, ranks, ms):
    before = [glicko2_rested(rule, player, ms) for player in players]
    after = []
    for i, own in enumerate(before):
        mu, phi = (own["rating"] - 1500) / SCALE, own["deviation"] / SCALE
        information = gain = 0
        for j, other in enumerate(before):
            if i != j:
                g = 1 / math.sqrt(1 + 3 * (other["deviation"] / SCALE) ** 2 / math.pi ** 2)
                e = 1 / (1 + math.exp(-g * (mu - (other["rating"] - 1500) / SCALE)))
                score = 1 if ranks[i] < ranks[j] else 0.5 if ranks[i] == ranks[j] else 0
                information += g ** 2 * e * (1 - e)
                gain += g * (score - e)
        v = 1 / information
        sigma = glicko2_volatility(own["volatility"], v * gain, phi, v, rule.get("tau", 0.5))
        phi = 1 / math.sqrt(1 / (phi ** 2 + sigma ** 2) + 1 / v)
        after.append({"rating": SCALE * (mu + phi ** 2 * gain) + 1500, "deviation": min(350, SCALE * phi),
                      "volatility": sigma, "matches": own["matches"] + 1, "last": ms})
    return after


def openskill_start(_):
    return {"mu": 25, "sigma": 25 / 3, "matches": 0}


def openskill(rule, teams, ranks):
    """teams: lists of players; ranks: one a team. Returns teams likewise."""
    tau, beta, kappa = rule.get("tau", 25 / 300), 25 / 6, 1e-4
    mu = [sum(player["mu"] for player in team) for team in teams]
    v = [sum(player["sigma"] ** 2 + tau ** 2 for player in team) for team in teams]
    c = math.sqrt(sum(vi + beta ** 2 for vi in v))
    everybody = range(len(teams))
    s = [sum(math.exp(mu[i] / c) for i in everybody if ranks[i] >= ranks[q]) for q in everybody]
    tied = [ranks.count(rank) for rank in ranks]
    after = []
    for i in everybody:
        omega = delta = 0
        for q in everybody:
            if ranks[q] <= ranks[i]:
                k = math.exp(mu[i] / c) / s[q]
                omega += ((i == q) - k) / tied[q]
                delta += k * (1 - k) / tied[q]
        omega *= v[i] / c
        delta *= v[i] / c ** 2 * math.sqrt(v[i]) / c
        team = []
        for player in teams[i]:
            s2 = player["sigma"] ** 2 + tau ** 2
            team.append({"mu": player["mu"] + s2 / v[i] * omega, "matches": player["matches"] + 1,
                         "sigma": math.sqrt(s2) * math.sqrt(max(1 - s2 / v[i] * delta, kappa))})
        after.append(team)
    return after


START = {"elo": elo_start, "glicko2": glicko2_start, "openskill": openskill_start}


def rate(rule, teams, ranks, ms):
    """The players' ratings after a match, as one list. A team of several is for openskill alone."""
    if rule["system"] == "openskill":
        return [player for team in openskill(rule, teams, ranks) for player in team]
    players = [player for team in teams for player in team]
    return elo(rule, players, ranks) if rule["system"] == "elo" else glicko2(rule, players, ranks, ms)


def shown(rule, state):
    """The score on the board."""
    if rule["system"] == "openskill":
        return (state["mu"] - 3 * state["sigma"]) * rule.get("scale", 1) + rule.get("base", 0)
    return state["rating"]
