"""JupyterLab's defaults for this course: it asks no network for news or updates."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from jupyter_server.services.config import ConfigManager

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = Path(sys.prefix) / "share" / "jupyter" / "lab" / "schemas"


def test_jupyterlab_finds_the_settings_where_make_lab_points_it(monkeypatch):
    assert 'JUPYTER_CONFIG_PATH="$(CURDIR)/course/jupyter:' in (ROOT / "Makefile").read_text()
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(ROOT / "course" / "jupyter"))
    # The way JupyterLab itself reads its layered defaults.
    settings = ConfigManager(config_dir_name="labconfig").get("default_setting_overrides")
    news = settings["@jupyterlab/apputils-extension:notification"]
    assert news["fetchNews"] == "false" and news["checkForUpdates"] is False


def test_every_setting_is_one_that_this_jupyterlab_has():
    path = ROOT / "course" / "jupyter" / "labconfig" / "default_setting_overrides.json"
    for plugin, settings in json.loads(path.read_text()).items():
        package, _, name = plugin.partition(":")
        schema = json.loads((SCHEMAS / package / f"{name}.json").read_text())
        assert set(settings) <= set(schema["properties"])
        for setting, value in settings.items():
            allowed = [o["const"] for o in schema["properties"][setting].get("oneOf", ())]
            assert not allowed or value in allowed, f"{setting} may be {allowed}"


def test_learners_see_no_tool_for_making_assignments(monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(ROOT / "course" / "jupyter"))
    disabled = ConfigManager(config_dir_name="labconfig").get("page_config")["disabledExtensions"]
    # Formgrader stays: instructors open it in the same JupyterLab.
    assert disabled == {"@jupyter/nbgrader:create-assignment": True}
    installed = Path(sys.prefix) / "share" / "jupyter" / "labextensions" / "@jupyter" / "nbgrader"
    code = "".join(file.read_text() for file in installed.rglob("*.js"))
    assert all(f'"{name}"' in code for name in disabled), "nbgrader calls it something else now"
