"""The reference of the package: a page a module, from its docstrings."""

from generators.departures import all_modules
from generators.markdown import code, page, section, table

HIDDEN = ("metarl.commands", "metarl.cli")
"""Modules that nobody imports: the commands have a page of their own."""
GROUPS = {
    "metarl.envs": "Tasks",
    "metarl.agents": "Agents",
    "metarl.strategies": "Reference strategies",
    "metarl.analysis": "Analysis",
    "metarl": "Training, testing and what they share",
}
"""Package -> heading; the first that a module lies in is its own."""


def reference_pages() -> dict[str, str]:
    """The reference's first page, and a page for each module that has something."""
    modules = {
        module.__name__: first_line(module.__doc__)
        for module in all_modules()
        if not module.__name__.startswith(HIDDEN) and not hasattr(module, "__path__")
    }
    pages = {name: module_page(name) for name in modules}
    groups = [
        section(heading, _listed(name, modules)) for name, heading in GROUPS.items()
    ]
    listed = "\n".join(["```{toctree}", ":hidden:", "", *modules, "```"])
    title = "# Reference"
    return {"index": page(title, public_functions(), *groups, listed), **pages}


def public_functions() -> str:
    """The functions of `import metarl`."""
    import metarl

    names = "\n".join(f".. autofunction:: metarl.{name}" for name in metarl.__all__)
    return section("Public functions", f"```{{eval-rst}}\n{names}\n```")


def first_line(docstring: str | None) -> str:
    """The sentence that a docstring starts with."""
    return (docstring or "").strip().partition("\n\n")[0].replace("\n", " ")


def _listed(package: str, modules: dict[str, str]) -> str:
    rows = [
        (f"[{code(name)}]({name}.md)", line)
        for name, line in modules.items()
        if group_of(name) == package
    ]
    return table(("module", "what it holds"), rows)


def group_of(name: str) -> str:
    """The package that a module is listed under."""
    return next(group for group in GROUPS if name.startswith(f"{group}."))


def module_page(name: str) -> str:
    """One module, described by its own docstrings."""
    directive = f".. automodule:: {name}\n   :members:\n   :show-inheritance:"
    return page(f"# {code(name)}", f"```{{eval-rst}}\n{directive}\n```")
