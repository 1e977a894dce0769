from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from oamkit.errors import ImageError, InputError
from oamkit.images.builder import build
from oamkit.images.result import BuildResult
from oamkit.images.store import ImageStore

DOCKERFILE = """\
FROM python
WORKDIR /app
COPY hello-1.0-py3-none-any.whl /wheels/
RUN pip install --no-index /wheels/hello-1.0-py3-none-any.whl
COPY app/ .
USER 1000
CMD ["hello"]
"""


def write_wheel(path: Path) -> None:
    """Write a wheel with one module and one console script, as the specification of the format has it."""
    info = "hello-1.0.dist-info"
    files = {
        "hello.py": "def main() -> None:\n    print('hello from', __file__)\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: hello\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nhello = hello:main\n",
    }
    record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(zipfile.ZipInfo(name), text)


def write_context(folder: Path) -> Path:
    (folder / "app").mkdir(parents=True)
    (folder / "app/main.py").write_text("print('main')\n")
    (folder / "Dockerfile").write_text(DOCKERFILE)
    write_wheel(folder / "hello-1.0-py3-none-any.whl")
    return folder


@pytest.fixture
def context(tmp_path: Path) -> Path:
    return write_context(tmp_path / "context")


@pytest.fixture(scope="module")
def base_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store whose build cache has the layer of `FROM python`, which takes seconds to make."""
    root = tmp_path_factory.mktemp("base")
    (root / "Dockerfile").write_text("FROM python\n")
    build(root, tag="base", store=ImageStore(root / "images"))
    yield root / "images"
    shutil.rmtree(root)


@pytest.fixture
def store(base_store: Path, tmp_path: Path) -> ImageStore:
    shutil.copytree(base_store, tmp_path / "images", symlinks=True)
    return ImageStore(tmp_path / "images")


@pytest.fixture(scope="module")
def hello_store(base_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store that has the layers of DOCKERFILE too."""
    root = tmp_path_factory.mktemp("hello")
    shutil.copytree(base_store, root / "images", symlinks=True)
    build(write_context(root / "context"), tag="hello", store=ImageStore(root / "images"))
    yield root / "images"
    shutil.rmtree(root)


@pytest.fixture
def full_store(hello_store: Path, tmp_path: Path) -> ImageStore:
    shutil.copytree(hello_store, tmp_path / "full", symlinks=True)
    return ImageStore(tmp_path / "full")


def states(result: BuildResult) -> list[bool | None]:
    return [step.cached for step in result.steps]


def test_an_image_is_built_and_its_program_runs(
    context: Path, store: ImageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(context))
    lines: list[str] = []
    result = build(context, tag="hello:1", store=store, progress=lines.append)
    assert result.image == store.find("hello:1")
    assert states(result) == [True, False, False, False, False, None, None]
    assert (result.made, result.cached) == (4, 1)
    assert any(line.startswith("[4/7] Dockerfile:4 RUN pip install") for line in lines)
    assert any("Successfully installed hello-1.0" in line for line in lines)
    assert not any("Looking in" in line for line in lines)
    root = store.unpack(result.image)
    python = root / "usr/local/bin/python"
    done = subprocess.run([python, "-m", "hello"], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    done = subprocess.run(
        [python, root / "usr/local/bin/hello"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(f"hello from {root}/usr/local/lib/python3")
    assert (root / "usr/local/bin/hello").read_text().startswith("#!/usr/local/bin/python\n")
    assert (root / "app/main.py").read_text() == "print('main')\n"
    assert "Built hello:1 in" in str(result)


def test_what_pip_wrote_names_paths_of_the_image(context: Path, full_store: ImageStore) -> None:
    root = full_store.unpack(build(context, tag="hello", store=full_store).image)
    [info] = root.glob("usr/local/lib/python3*/site-packages/hello-1.0.dist-info")
    url = json.loads((info / "direct_url.json").read_text())["url"]
    assert url == "file:///wheels/hello-1.0-py3-none-any.whl"
    here = os.fsencode(full_store.root)
    assert not [p for p in root.rglob("*") if p.is_file() and here in p.read_bytes()]
    check = subprocess.run(
        [root / "usr/local/bin/python", "-m", "pip", "check"],
        capture_output=True, text=True, check=False, env={"PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert check.stdout == "No broken requirements found.\n"


def test_modules_are_compiled_in_a_way_that_needs_no_times(
    context: Path, full_store: ImageStore
) -> None:
    root = full_store.unpack(build(context, tag="hello", store=full_store).image)
    [compiled] = root.glob("usr/local/lib/python3*/site-packages/__pycache__/hello.*.pyc")
    flags = int.from_bytes(compiled.read_bytes()[4:8], "little")
    assert flags == 0b01  # hash-based, unchecked (PEP 552)
    assert b"/usr/local/lib/python3" in compiled.read_bytes()


def test_the_configuration_names_what_is_borrowed(context: Path, full_store: ImageStore) -> None:
    image = build(context, tag="hello", store=full_store).image
    assert Path("/usr/lib") in image.host_paths
    assert all(path.exists() for path in image.host_paths)
    assert Path("/usr/local") not in image.host_paths
    root = full_store.unpack(image)
    link = (root / "usr/local/bin/python").readlink()
    assert any(link.is_relative_to(path) for path in image.host_paths)


def test_the_second_build_makes_nothing_and_gives_the_same_digest(
    context: Path, full_store: ImageStore
) -> None:
    first = build(context, tag="hello", store=full_store)
    os.utime(context / "app/main.py", (1, 1))  # times don't count
    second = build(context, tag="hello", store=full_store)
    assert second.made == 0
    assert second.image.digest == first.image.digest


def test_a_build_from_nothing_gives_the_same_digest_elsewhere(
    context: Path, full_store: ImageStore, tmp_path: Path
) -> None:
    first = build(context, tag="hello", store=full_store)
    elsewhere = tmp_path / ("a-folder-whose-name-is-longer-than-a-kernel-takes-it-" + "x" * 80)
    second = build(context, tag="hello", store=ImageStore(elsewhere))
    assert second.cached == 0
    assert second.image.digest == first.image.digest


def test_a_changed_file_makes_its_layer_and_those_above_anew(
    context: Path, full_store: ImageStore
) -> None:
    build(context, tag="hello", store=full_store)
    (context / "app/main.py").write_text("print('changed')\n")
    result = build(context, tag="hello", store=full_store)
    assert states(result) == [True, True, True, True, False, None, None]
    assert "changed" in (full_store.unpack(result.image) / "app/main.py").read_text()


def test_a_changed_mode_counts(context: Path, full_store: ImageStore) -> None:
    build(context, tag="hello", store=full_store)
    (context / "app/main.py").chmod(0o755)
    assert build(context, tag="hello", store=full_store).made == 1


def test_a_changed_variable_runs_pip_again(context: Path, store: ImageStore) -> None:
    text = (
        "FROM python\nARG V\nCOPY *.whl /\nRUN pip install --no-index /hello-1.0-py3-none-any.whl\n"
    )
    (context / "Dockerfile").write_text(text)
    assert build(context, tag="a", store=store).made == 2
    assert build(context, tag="a", store=store, build_args={"V": "1"}).made == 1
    assert build(context, tag="a", store=store, build_args={"V": "1"}).made == 0


def test_pip_is_found_its_files_by_the_working_folder(context: Path, store: ImageStore) -> None:
    (context / "requirements.txt").write_text("./wheels/hello-1.0-py3-none-any.whl\n")
    (context / "Dockerfile").write_text(
        "FROM python\nWORKDIR /app\nCOPY requirements.txt .\nCOPY *.whl wheels/\n"
        "RUN pip install --no-index -r requirements.txt && pip install --no-index -f /app/wheels hello\n"
    )
    assert build(context, tag="a", store=store).made == 4


def test_a_module_in_the_working_folder_does_not_hide_pip_s(
    context: Path, store: ImageStore
) -> None:
    (context / "typing.py").write_text("raise SystemExit('mine')")
    text = "FROM python\nWORKDIR /app\nCOPY . .\nRUN pip install --no-index ./hello-1.0-py3-none-any.whl\n"
    (context / "Dockerfile").write_text(text)
    build(context, tag="a", store=store)


def test_a_failed_pip_is_named_with_its_line_and_last_words(
    context: Path, store: ImageStore
) -> None:
    (context / "Dockerfile").write_text("FROM python\n\nRUN pip install --no-index not-there\n")
    with pytest.raises(
        ImageError, match=r"(?s)Dockerfile:3: RUN pip install .*No matching"
    ) as caught:
        build(context, tag="a", store=store)
    assert "PIP_INDEX_URL" in caught.value.hint
    assert store.find("a") is None
    assert list(store.layout.temporary.iterdir()) == []


def test_nothing_is_built_from_a_file_with_a_refused_line(context: Path, tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "empty")
    (context / "Dockerfile").write_text(DOCKERFILE + "RUN apt-get update\n")
    with pytest.raises(InputError, match=r"Dockerfile:8: RUN apt-get update"):
        build(context, tag="a", store=store)
    assert list(store.layout.blobs.iterdir()) == []


def test_an_image_of_the_store_is_a_base(context: Path, full_store: ImageStore) -> None:
    build(context, tag="hello", store=full_store)
    (context / "Dockerfile").write_text("FROM hello\nCOPY app/main.py /again/\n")
    result = build(context, tag="again", store=full_store)
    assert states(result) == [True, False]
    assert result.image.config.cmd == ("hello",)
    assert result.image.host_paths
    assert (full_store.unpack(result.image) / "usr/local/bin/hello").exists()


def test_a_newer_layer_replaces_what_pip_takes_away(context: Path, full_store: ImageStore) -> None:
    build(context, tag="hello", store=full_store)
    wheel = context / "hello-2.0-py3-none-any.whl"
    with (
        zipfile.ZipFile(context / "hello-1.0-py3-none-any.whl") as old,
        zipfile.ZipFile(wheel, "w") as new,
    ):
        for name in old.namelist():
            text = (
                old.read(name)
                .decode()
                .replace("1.0", "2.0")
                .replace("Wheel-Version: 2.0", "Wheel-Version: 1.0")
            )
            new.writestr(name.replace("1.0", "2.0"), text)
    (context / "Dockerfile").write_text(
        "FROM hello\nCOPY hello-2.0-py3-none-any.whl /\nRUN pip install --no-index /hello-2.0-py3-none-any.whl\n"
    )
    root = full_store.unpack(build(context, tag="newer", store=full_store).image)
    infos = root.glob("usr/local/lib/python3*/site-packages/hello-*.dist-info")
    assert [info.name for info in infos] == ["hello-2.0.dist-info"]


def test_a_damaged_layer_of_the_cache_is_made_again(context: Path, full_store: ImageStore) -> None:
    first = build(context, tag="hello", store=full_store)
    layer = full_store.layers(first.image)[3]["digest"]
    full_store.layout.blob(layer).write_bytes(b"broken")
    second = build(context, tag="hello", store=full_store)
    assert states(second)[:5] == [True, True, True, False, True]
    assert second.image.digest == first.image.digest
    full_store.unpack(second.image)


def _build_until_pip(context: Path, root: Path, reached: str) -> None:
    def progress(line: str) -> None:
        if "RUN pip" in line:
            Path(reached).touch()

    build(context, tag="hello", store=ImageStore(root), progress=progress)


def test_a_build_that_is_killed_leaves_no_broken_cache(
    context: Path, store: ImageStore, tmp_path: Path
) -> None:
    reached = tmp_path / "reached"
    spawn = multiprocessing.get_context("spawn")
    worker = spawn.Process(target=_build_until_pip, args=(context, store.root, str(reached)))
    worker.start()
    while not reached.exists():
        assert worker.is_alive()
        time.sleep(0.02)
    assert worker.pid
    os.kill(worker.pid, signal.SIGKILL)
    worker.join()
    assert store.find("hello") is None
    result = build(context, tag="hello", store=store)
    assert (store.unpack(result.image) / "usr/local/bin/hello").exists()
    store.prune()
    assert list(store.layout.temporary.iterdir()) == []


def test_copies_follow_the_rules_of_docker(context: Path, store: ImageStore) -> None:
    tree = context / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "sub/file").write_text("1")
    (tree / "sub/file").chmod(0o640)
    (tree / "skip.pyc").write_text("")
    (tree / "link").symlink_to("/etc/passwd")
    (context / "outside").symlink_to("/etc")
    (context / "inside").symlink_to("tree/sub/file")
    (context / ".dockerignore").write_text("**/*.pyc\n")
    (context / "Dockerfile").write_text(
        "FROM python\nWORKDIR /app\n"
        "COPY tree /t\nCOPY tree/sub/file /f\nCOPY tree/sub/file d/\nCOPY inside /\n"
        "COPY --chmod=755 --chown=7:8 tree/sub/file /program\nCOPY tree/sub /app\nCOPY tree/sub/file /t\n"
    )
    image = build(context, tag="a", store=store).image
    root = store.unpack(image)
    assert sorted(path.name for path in (root / "t").iterdir()) == ["file", "link", "sub"]
    assert (root / "t/sub/file").stat().st_mode & 0o777 == 0o640
    assert (root / "t/link").readlink() == Path("/etc/passwd")
    assert (root / "f").read_text() == (root / "app/d/file").read_text() == "1"
    assert (root / "inside").read_text() == "1"
    assert not (root / "inside").is_symlink()
    assert (root / "program").stat().st_mode & 0o777 == 0o755
    assert (root / "app/file").exists()


def test_a_link_out_of_the_context_leads_nowhere(context: Path, store: ImageStore) -> None:
    (context / "outside").symlink_to("/etc/passwd")
    (context / "up").symlink_to("../../..")
    for source in ("outside", "up/etc/passwd"):
        (context / "Dockerfile").write_text(f"FROM python\nCOPY {source} /x\n")
        with pytest.raises(InputError, match="the build context has no"):
            build(context, tag="a", store=store)


def test_a_folder_does_not_replace_a_file(context: Path, store: ImageStore) -> None:
    (context / "Dockerfile").write_text("FROM python\nCOPY app/main.py /x\nCOPY app /x\n")
    with pytest.raises(ImageError, match=r"Dockerfile:3: COPY app /x: /x in the image is a file"):
        build(context, tag="a", store=store)


def test_a_copy_to_the_root_keeps_the_image_s_folders(context: Path, store: ImageStore) -> None:
    (context / "tmp").mkdir(mode=0o755)
    (context / "Dockerfile").write_text("FROM python\nCOPY app /\n")
    root = store.unpack(build(context, tag="a", store=store).image)
    assert (root / "main.py").exists()
    assert (root / "tmp").stat().st_mode & 0o7777 == 0o1777


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: path.write_bytes(b"FROM \xff"), "isn't text"),
    ],
)
def test_a_dockerfile_that_cannot_be_read_is_named(tmp_path: Path, make: object, why: str) -> None:
    context = tmp_path / "c"
    context.mkdir()
    make(context / "Dockerfile")  # type: ignore[operator]
    with pytest.raises(InputError, match=why):
        build(context, tag="a", store=ImageStore(tmp_path / "images"))


def test_a_context_that_is_no_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        build(tmp_path / "none", tag="a", store=ImageStore(tmp_path / "images"))


def test_a_wrong_tag_is_refused_first(context: Path, store: ImageStore) -> None:
    with pytest.raises(InputError, match="capitals"):
        build(context, tag="Flask", store=store)


def test_a_socket_in_the_context_is_named(context: Path, store: ImageStore) -> None:
    os.mkfifo(context / "app/pipe")
    with pytest.raises(ImageError, match=r"app/pipe in the build context is a socket, pipe"):
        build(context, tag="a", store=store)


def test_the_time_of_files_can_be_chosen(
    context: Path, store: ImageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    (context / "Dockerfile").write_text("FROM python\nCOPY app /app\n")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    root = store.unpack(build(context, tag="a", store=store).image)
    assert (root / "app/main.py").stat().st_mtime == 86400
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "today")
    with pytest.raises(InputError, match="SOURCE_DATE_EPOCH"):
        build(context, tag="a", store=store)
