"""The kernel is compiled once, and each reason against it is one sentence."""

import shutil

import pytest

from metarl.agents.stacked import loading
from metarl.agents.stacked.loading import KernelError, cache_folder, load_kernel


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """An empty cache of compiled kernels, in the file system and in memory."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(loading.SWITCH, raising=False)
    load_kernel.cache_clear()
    yield
    load_kernel.cache_clear()


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_the_kernel_is_compiled_once_and_loads():
    assert load_kernel().vector_width() in (4, 8, 16)
    (file,) = cache_folder().iterdir()
    written = file.stat().st_mtime_ns
    load_kernel.cache_clear()
    load_kernel()
    (again,) = cache_folder().iterdir()
    assert (again, again.stat().st_mtime_ns) == (file, written)


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_a_damaged_library_is_named(tmp_path):
    path = loading._library_path(loading.find_compiler())
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no library")
    with pytest.raises(KernelError, match=r"does not load .*; delete it"):
        load_kernel()


def test_a_switched_off_kernel_is_not_compiled(monkeypatch):
    monkeypatch.setenv(loading.SWITCH, "off")
    with pytest.raises(KernelError, match="METARL_KERNEL=off"):
        load_kernel()
    assert not cache_folder().exists()


def test_a_machine_without_a_compiler_is_told_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KernelError, match=r"no C\+\+ compiler; install g\+\+ or clang"):
        load_kernel()
    monkeypatch.setenv(loading.SWITCH, "no-such-compiler")
    with pytest.raises(KernelError, match="METARL_KERNEL names no compiler: no-such"):
        load_kernel()


def test_a_compiler_that_fails_leaves_no_file(monkeypatch, tmp_path):
    compiler = tmp_path / "broken"
    compiler.write_text("#!/bin/sh\necho 'out of registers' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv(loading.SWITCH, str(compiler))
    with pytest.raises(KernelError, match=r"does not compile the kernel .out of reg"):
        load_kernel()
    assert not list(cache_folder().iterdir())


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++")
def test_a_cache_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(KernelError, match="cannot be compiled"):
        load_kernel()
