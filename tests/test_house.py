import subprocess
import sys
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("indexer", "clustering", "graph", "service")
MODULES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def loaded_by(statement):
    """Name the modules that a fresh interpreter has loaded after one statement."""
    code = f"import sys; {statement}; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


@pytest.mark.parametrize("room", ["clustering", "graph"])
def test_the_rooms_of_arrays_load_no_store_no_model_and_no_command_line(room):
    names = [path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for path in MODULES]
    modules = "; ".join(f"import {name.removesuffix('.__init__')}" for name in names if name.split(".")[0] == room)
    assert not loaded_by(modules) & {"qdrant_client", "qdrant_edge", "torch", "click", "transformers"}


def test_help_does_not_wait_for_a_model_to_load():
    heavy = {"torch", "transformers", "sentence_transformers", "faiss", "igraph", "qdrant_client", "sklearn"}
    assert not loaded_by("import service.cli") & heavy


def commands(group, prefix=()):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, (*prefix, name))
        else:
            yield pytest.param(command, id=" ".join((*prefix, name)))


def all_commands():
    from service.cli import main

    return list(commands(main))


@pytest.mark.parametrize("command", all_commands())
def test_every_command_shows_an_example(command):
    assert "Example:\n" in command.help


@pytest.mark.parametrize("command", all_commands())
def test_every_command_that_opens_a_store_takes_the_same_options(command):
    if command.name == "sample":
        return
    options = {name for parameter in command.params for name in parameter.opts}
    assert {"--store", "--collection", "--quiet"} <= options


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_reads_in_one_sitting(path):
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    assert text.startswith(('"""', 'r"""'))


def test_no_script_shadows_a_room():
    assert not {path.stem for path in (ROOT / "scripts").iterdir()} & set(ROOMS)


def test_the_compose_file_pins_qdrant_and_keeps_it_on_this_machine():
    import yaml

    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert set(services) == {"qdrant", "node-1", "node-2", "node-3"}
    for service in services.values():
        assert service["image"].startswith("qdrant/qdrant:v")
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["volumes"][0].endswith(":/qdrant/storage")
