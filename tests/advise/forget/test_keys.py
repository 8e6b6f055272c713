"""Stored answers are found by the question as it was asked, also where it left pseudonymised or was an audition's."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from erasekit import PERSON, RECIPE, keys_of, lay, stored_keys, tasks
from imbik.advise.forget import work
from imbik.advise.forget.keys import answer_keys
from imbik.ask.answers import AnswerStore, Stored
from imbik.ask.key import question_key
from imbik.core.files import write_text
from imbik.core.types import Sensitivity
from imbik.privacy.cleaning import Pseudonymiser
from imbik.privacy.inspection import Inspector
from imbik.privacy.operator import Operator
from imbik.privacy.vault import Vault
from imbik.recipe import load_recipe
from imbik.tasks.questions import question_of
from imbik.tasks.read import kind_of

TCKN = "10000000146"


def test_every_identity_that_answered_counts(tmp_path: Path) -> None:
    run = lay(tmp_path / "runs")
    recipe, task = load_recipe(run.path / "recipe.yaml"), tasks()[7]
    question = question_of(recipe, kind_of(recipe, run), "t", task, 0)
    other = question_key("a candidate of an audition", question, local=True)
    store = AnswerStore(run.store)
    put = store.put(other, "a candidate of an audition", Stored("completion", b"{}", 9, 0.1), Sensitivity.INTERNAL)
    store.submit(put).result()
    store.close()
    work.forget(run, [PERSON])
    assert other not in stored_keys(run.store)
    assert not set(keys_of(run, [task]).values()) & stored_keys(run.store)


def test_a_question_that_left_pseudonymised(tmp_path: Path) -> None:
    run = lay(tmp_path / "runs")
    write_text(run.path / "recipe.yaml", RECIPE.format(name="destek") + "privacy: {clean: pseudonymise}\n")
    recipe = load_recipe(run.path / "recipe.yaml")
    message = msgspec.structs.replace(tasks()[0].messages[0], content=f"TC kimlik numaram {TCKN}, kartım nerede?")
    task = msgspec.structs.replace(tasks()[0], messages=(message,))
    vault = Vault(run.path.parent / "vault.sqlite")
    question = question_of(recipe, kind_of(recipe, run), "t", task, 1)
    texts = Pseudonymiser(Inspector(Operator()), vault).clean([item.content for item in question.messages]).texts
    vault.close()
    assert TCKN not in "".join(texts)
    cleaned = tuple(
        msgspec.structs.replace(item, content=text) for item, text in zip(question.messages, texts, strict=True)
    )
    left = question_key("uzak", msgspec.structs.replace(question, messages=cleaned), local=False)
    found, notes = answer_keys(recipe, run, [task], ["uzak"], Operator())
    assert left in found
    assert notes == []


def test_where_the_key_of_the_vault_is_lost_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = lay(tmp_path / "runs")
    write_text(run.path / "recipe.yaml", RECIPE.format(name="destek") + "privacy: {clean: pseudonymise}\n")
    vault = Vault(run.path.parent / "vault.sqlite")
    vault.names([("tckn", TCKN)])
    vault.close()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    task = msgspec.structs.replace(
        tasks()[0], messages=(msgspec.structs.replace(tasks()[0].messages[0], content=f"TC kimlik no {TCKN}"),)
    )
    recipe = load_recipe(run.path / "recipe.yaml")
    found, notes = answer_keys(recipe, run, [task], ["uzak"], Operator())
    assert found
    assert "by text only" in notes[0]
