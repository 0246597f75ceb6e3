"""Page of the published claims: what each says, and which criteria test it."""

from generators.markdown import code, page, plain, table
from metarl.analysis.claims import Claim, published_claims
from metarl.envs.registry import NAMES
from metarl.experiments.spec import experiment
from metarl.reports.figures import analysis_of


def claims_page() -> str:
    """Return the page: one row per claim."""
    tests, claims = criteria_of_claims(), published_claims()
    open_claims = sum(bool(claim.missing) for claim in claims.values())
    introduction = (
        f"{len(claims)} published claims, of networks and of the animals that a "
        f"criterion takes as its level, in our words; {open_claims} are MISSING in "
        "every run, for the reason that stands there. One that only a variant tests is "
        "MISSING where the variant was not trained. A claim is PASS if all of its rows "
        "are; a criterion that tests none is a diagnostic of ours or a control ([How "
        "the numbers are made](../numbers.md)). "
        "[Criteria](criteria.md) has the bounds, [Scorecard](scorecard.md) the results."
    )
    rows = [
        (plain(name), _statement(claim), _tested(claim, tests.get(name, [])))
        for name, claim in claims.items()
    ]
    return page(
        "# Published claims",
        introduction,
        table(("study and panel", "what it says", "criteria that test it"), rows),
    )


def criteria_of_claims() -> dict[str, list[str]]:
    """Claim -> experiments and criteria that test it."""
    found: dict[str, list[str]] = {}
    for task in NAMES:
        if not experiment(task).analysis:
            continue
        criteria = analysis_of(task).criteria.get(task)
        for name, rule in criteria.rules.items() if criteria else ():
            if rule.claim:
                needs = f" (variant {rule.variant})" if rule.variant else ""
                row = f"{code(task)}: {plain(name + needs)}"
                found.setdefault(rule.claim, []).append(row)
    return found


def _statement(claim: Claim) -> str:
    return plain(" ".join(part for part in (claim.says, claim.note) if part))


def _tested(claim: Claim, criteria: list[str]) -> str:
    return "; ".join(criteria) or plain(f"MISSING: {claim.missing}")
