"""Reference of the package: a page per module, from its docstrings."""

from collections.abc import Iterable, Mapping

from generators.departures import all_modules
from generators.markdown import code, page, plain, section, table

HIDDEN = ("metarl.cli",)
"""Packages without a page here: the commands have a separate page."""
GROUPS = {
    "metarl.envs": "Tasks",
    "metarl.baselines": "Baselines",
    "metarl.agents": "Agents",
    "metarl.simulation": "Simulation",
    "metarl.training": "Training",
    "metarl.experiments": "Experiments",
    "metarl.runs": "Run folders",
    "metarl.analysis": "Analysis",
    "metarl.io": "Tables of other laboratories",
    "metarl.reports": "Reports",
    "metarl.pipeline": "Whole runs",
    "metarl.studies": "Studies",
    "metarl.core": "Used by all",
}
"""Package -> heading."""


def reference_pages() -> dict[str, str]:
    """Return the first page of the reference, and one per module or folder."""
    lines = {
        module.__name__: first_line(module.__doc__)
        for module in all_modules()
        if not module.__name__.startswith(HIDDEN) and not hasattr(module, "__path__")
    }
    families = families_of(lines)
    groups = [
        section(heading, _listed(name, families, lines))
        for name, heading in GROUPS.items()
    ]
    listed = "\n".join(["```{toctree}", ":hidden:", "", *families, "```"])
    index = page("# Reference", public_functions(), *groups, listed)
    return {"index": index, **{k: family_page(k, v) for k, v in families.items()}}


def families_of(names: Iterable[str]) -> dict[str, list[str]]:
    """Group modules by the module or folder within their package."""
    families: dict[str, list[str]] = {}
    for name in sorted(names):
        family = ".".join(name.split(".")[:3])
        families.setdefault(family, []).append(name)
    return families


def public_functions() -> str:
    """Return the section of the functions in `metarl`."""
    import metarl

    names = "\n".join(f".. autofunction:: metarl.{name}" for name in metarl.__all__)
    return section("Public functions", f"```{{eval-rst}}\n{names}\n```")


def first_line(docstring: str | None) -> str:
    """Return the first paragraph of a docstring on one line."""
    return (docstring or "").strip().partition("\n\n")[0].replace("\n", " ")


def _listed(
    package: str, families: Mapping[str, list[str]], lines: Mapping[str, str]
) -> str:
    rows = [
        (f"[{code(name)}]({first}.md)", plain(lines[name]))
        for first, family in families.items()
        if group_of(first) == package
        for name in family
    ]
    return table(("module", "content"), rows)


def group_of(name: str) -> str:
    """Return the package under which a module is listed."""
    return next(group for group in GROUPS if name.startswith(f"{group}."))


def family_page(name: str, family: Iterable[str]) -> str:
    """Return the page of a family of modules."""
    titled = [(each, _described(each)) for each in family]
    if len(titled) == 1:
        return page(f"# {code(name)}", titled[0][1])
    sections = [section(code(each), text) for each, text in titled]
    return page(f"# {code(name)}", *sections)


def _described(name: str) -> str:
    directive = f".. automodule:: {name}\n   :members:"
    return f"```{{eval-rst}}\n{directive}\n```"
