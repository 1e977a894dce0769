from __future__ import annotations

from pathlib import Path

from oamkit.images.interpreter import Interpreter, host_paths, make_base

PYTHON = Interpreter(Path("/opt/py/bin/python3.13"), Path("/opt/py"), "3.13.1")


def make_host(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).mkdir(parents=True)
    return root


def test_only_what_exists_is_borrowed_and_nothing_twice(tmp_path: Path) -> None:
    host = make_host(
        tmp_path, "usr/bin", "usr/lib", "usr/local/lib", "etc/ssl", "opt/py/bin", "lib32"
    )
    (host / "bin").symlink_to("usr/bin")
    (host / "etc/ld.so.cache").touch()
    assert [str(path) for path in host_paths(PYTHON, host)] == [
        "/etc/ld.so.cache",
        "/etc/ssl",
        "/lib32",
        "/opt/py",
        "/usr/bin",
        "/usr/lib",
    ]


def test_a_python_of_the_system_is_borrowed_with_it(tmp_path: Path) -> None:
    host = make_host(tmp_path, "usr/bin", "usr/lib")
    python = Interpreter(Path("/usr/bin/python3.13"), Path("/usr"), "3.13.1")
    assert [str(path) for path in host_paths(python, host)] == ["/usr/bin", "/usr/lib"]


def test_a_python_in_usr_local_does_not_clash_with_the_image_s(tmp_path: Path) -> None:
    python = Interpreter(Path("/usr/local/bin/python3.13"), Path("/usr/local"), "3.13.1")
    host = make_host(tmp_path / "host", "usr/bin", "usr/local/bin")
    assert Path("/usr/local") in host_paths(python, host)
    root = tmp_path / "root"
    root.mkdir()
    make_base(root, python, host)
    assert not (root / "usr/local").exists()
    assert (root / "opt/python/bin/python").readlink() == python.executable
    assert python.path.startswith("/opt/python/bin:/usr/local/bin:")


def test_the_base_is_laid_out_as_a_root_file_system(tmp_path: Path) -> None:
    host = make_host(tmp_path / "host", "usr/bin", "usr/lib", "lib32")
    (host / "bin").symlink_to("usr/bin")
    root = tmp_path / "root"
    root.mkdir()
    make_base(root, PYTHON, host)
    assert (root / "bin").readlink() == Path("usr/bin")
    assert not (root / "lib32").exists()
    assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777
    assert "nobody:x:65534:65534:" in (root / "etc/passwd").read_text()
    assert (root / "usr/local/bin/python3.13").readlink() == Path("python")
    assert (root / "usr/local/pyvenv.cfg").read_text().splitlines()[0] == "home = /opt/py/bin"
    assert PYTHON.path.startswith("/usr/local/bin:/usr/local/sbin:")


def test_the_running_python_is_no_virtual_environment_s() -> None:
    python = Interpreter.running()
    assert not python.executable.is_symlink()
    assert not (python.executable.parent.parent / "pyvenv.cfg").exists()
    assert python.executable.is_relative_to(python.base_prefix)
