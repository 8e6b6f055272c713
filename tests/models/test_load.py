"""What loads, what is refused and with which words, and what a fingerprint sees."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from imbik.core.errors import ModelError
from imbik.core.types import Sensitivity
from imbik.models.load import fingerprint, load, load_tokenizer, resolve, sensitivity_of, tokenizer_hash
from imbik.models.model import LanguageModel
from imbik.models.save import save
from imbik.testing.tiny_models import make_model

Tiny = Callable[[str], LanguageModel]


@pytest.fixture
def folder(tiny: Tiny, tmp_path: Path) -> Path:
    """A copy of a model's folder that a test may spoil."""
    source = tiny("llama").folder
    assert source is not None
    shutil.copytree(source, tmp_path / "model")
    return tmp_path / "model"


def refused(folder: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        load(folder)
    assert caught.value.next
    assert str(folder) in caught.value.where
    return caught.value


def test_a_saved_model_loads_as_it_was(tiny: Tiny, tmp_path: Path) -> None:
    import torch

    model = tiny("llama")
    save(model, tmp_path / "copy", lineage={"rows": "abc"})
    again = load(tmp_path / "copy")
    ids = torch.tensor([[5, 6, 7]])
    assert torch.equal(model.network(ids).logits, again.network(ids).logits)
    assert again.parameters == model.parameters
    assert again.context == 256
    assert again.tokenizer_hash == model.tokenizer_hash == tokenizer_hash(tmp_path / "copy")
    assert again.identity == fingerprint(tmp_path / "copy")
    assert not again.network.training
    assert not list(tmp_path.glob(".copy*"))


def test_transformers_loads_the_folder_by_itself(folder: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.encode("12 elma") == load_tokenizer(folder).encode("12 elma")
    assert AutoModelForCausalLM.from_pretrained(folder).num_parameters() == load(folder).parameters


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such model folder"):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("gone", "words"),
    [("config.json", "no config.json"), ("tokenizer.json", "tokenizer"), ("model.safetensors", "weights")],
)
def test_missing_parts(folder: Path, gone: str, words: str) -> None:
    (folder / gone).unlink()
    assert words in refused(folder).what


def test_a_tokenizer_in_the_old_format_says_how_to_convert_it(folder: Path) -> None:
    (folder / "tokenizer.json").rename(folder / "tokenizer.model")
    assert "save_pretrained" in refused(folder).next


@pytest.mark.parametrize("name", ["pytorch_model.bin", "consolidated.00.pth", "model.pt"])
def test_pickled_weights_are_refused(folder: Path, name: str) -> None:
    (folder / "model.safetensors").rename(folder / name)
    assert "pickled" in refused(folder).what


@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_code_in_the_folder_is_never_run(folder: Path, file: str) -> None:
    (folder / "evil.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\nclass Evil: pass\n")
    data = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps({**data, "auto_map": {"AutoModelForCausalLM": "evil.Evil"}}))
    assert "code" in refused(folder).what
    assert not (folder / "ran").exists()


def test_damaged_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\x00" * 100)
    assert "damaged" in refused(folder).what


def test_damaged_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    assert "damaged" in refused(folder).what


def test_damaged_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text('{"model": {}}')
    assert "tokenizer" in refused(folder).what


def test_weights_of_another_model_are_never_filled_with_random_numbers(folder: Path) -> None:
    data = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**data, "num_hidden_layers": 3}))
    assert "do not fit" in refused(folder).what


def test_a_model_that_is_no_causal_language_model(folder: Path) -> None:
    data = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**data, "model_type": "vit"}))
    assert "causal language model" in refused(folder).what


def test_a_missing_shard_is_named(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model-2.safetensors"}}))
    assert "model-2.safetensors" in refused(folder).what


def test_a_tokenizer_of_another_model(folder: Path, tmp_path: Path) -> None:
    other = make_model(tmp_path / "other", vocabulary=360, classes=["a", "b"])
    assert other.folder is not None
    shutil.copy(other.folder / "tokenizer.json", folder / "tokenizer.json")
    assert "more than the model has embeddings" in refused(folder).what


def test_fingerprint_sees_what_shapes_answers_and_nothing_else(folder: Path) -> None:
    before = fingerprint(folder)
    data = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**data, "transformers_version": "99"}))
    (folder / "README.md").write_text("a card")
    (folder / "imbik.json").write_text('{"sensitivity": "special"}')
    assert fingerprint(folder) == before
    (folder / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    changed = fingerprint(folder)
    assert changed != before
    with (folder / "model.safetensors").open("r+b") as stream:
        stream.seek(-1, 2)
        last = stream.read(1)
        stream.seek(-1, 2)
        stream.write(bytes([last[0] ^ 1]))
    assert fingerprint(folder) not in (before, changed)


def test_fingerprint_loads_no_torch(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from imbik.models.load import fingerprint, tokenizer_hash;"
        f"f = Path({str(folder)!r}); fingerprint(f); tokenizer_hash(f);"
        "assert not {'torch', 'transformers', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_adapters_stay_unmerged(folder: Path, tmp_path: Path) -> None:
    import torch
    from peft import LoraConfig, get_peft_model

    model = load(folder)
    ids = torch.tensor([[5, 6, 7]])
    plain = model.network(ids).logits
    config = LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # inside peft
        model.network = get_peft_model(model.network, config)
    wanted = model.network.eval()(ids).logits
    save(model, tmp_path / "adapted", lineage={})
    assert not list((tmp_path / "adapted").glob("*.safetensors"))
    again = load(tmp_path / "adapted")
    assert torch.allclose(again.network(ids).logits, wanted)
    assert not torch.allclose(plain, wanted)
    before = fingerprint(tmp_path / "adapted")
    (folder / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    assert fingerprint(tmp_path / "adapted") != before


def test_resolve(folder: Path, tmp_path: Path) -> None:
    assert resolve("model", tmp_path) == folder.resolve()
    assert resolve(str(folder), Path("/")) == folder.resolve()
    for name, words in (("nowhere", "no model"), ("embedded:nothing", "embedded"), ("model/config.json", "not a file")):
        with pytest.raises(ModelError, match=words) as caught:
            resolve(name, tmp_path)
        assert caught.value.next


@pytest.mark.parametrize("name", ["teacher", "base"])
def test_the_shipped_models(name: str) -> None:
    model = load(resolve(f"embedded:{name}", Path("/nowhere")))
    assert model.sensitivity is Sensitivity.PUBLIC
    assert not model.notes
    assert model.context == 512


def test_a_hub_model_that_is_not_cached_offline(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not in the cache"):
        resolve("nobody-here/no-such-model", tmp_path)


def test_sensitivity_is_kept_and_assumptions_are_noted(folder: Path) -> None:
    assert sensitivity_of(folder) == (Sensitivity.PUBLIC, "")
    (folder / "imbik.json").write_text('{"sensitivity": "confidential"}')
    assert load(folder).sensitivity is Sensitivity.CONFIDENTIAL
    (folder / "imbik.json").unlink()
    model = load(folder)
    assert model.sensitivity is Sensitivity.PUBLIC
    assert "no imbik.json" in model.notes[0]


def test_a_model_without_a_template_is_saved_with_the_plain_one(tiny: Tiny, tmp_path: Path) -> None:
    source = tiny("llama").folder
    assert source is not None
    model = load(source)
    model.tokenizer.chat_template = None
    save(model, tmp_path / "plain")
    assert "User: " in (tmp_path / "plain" / "chat_template.jinja").read_text()


def test_class_tokens_come_back(tmp_path: Path) -> None:
    make_model(tmp_path / "classes", classes=["iade", "kart kayıp"])
    assert list(load(tmp_path / "classes").class_tokens) == ["iade", "kart kayıp"]


def test_a_models_level_stays_with_its_config_where_imbik_json_is_left_behind(tiny: Tiny, tmp_path: Path) -> None:
    source = tiny("llama").folder
    assert source is not None
    model = load(source)
    model.sensitivity = Sensitivity.SPECIAL
    save(model, tmp_path / "a")
    (tmp_path / "a" / "imbik.json").unlink()
    assert load(tmp_path / "a").sensitivity is Sensitivity.SPECIAL
    model = load(tmp_path / "a")
    model.network.save_pretrained(tmp_path / "b")  # as another program saves it
    assert sensitivity_of(tmp_path / "b") == (Sensitivity.SPECIAL, "")
    (tmp_path / "a" / "imbik.json").write_text('{"sensitivity": "public"}')
    assert sensitivity_of(tmp_path / "a") == (Sensitivity.SPECIAL, "")
    config = (tmp_path / "a" / "config.json").read_text()
    (tmp_path / "a" / "config.json").write_text(config.replace('"special"', '"whatever"'))
    assert sensitivity_of(tmp_path / "a") == (Sensitivity.CONFIDENTIAL, "")


def test_an_adapters_level_stays_with_it_where_imbik_json_is_left_behind(folder: Path, tmp_path: Path) -> None:
    """An adapter has no config.json of its own; its base's level counts too."""
    import peft

    model = load(folder)
    with warnings.catch_warnings(action="ignore", category=FutureWarning):  # inside peft
        model.network = peft.get_peft_model(model.network, peft.LoraConfig(r=2, target_modules=["q_proj"]))
    model.sensitivity = Sensitivity.SPECIAL
    save(model, tmp_path / "a", base=str(folder))
    (tmp_path / "a" / "imbik.json").unlink()
    assert sensitivity_of(tmp_path / "a") == (Sensitivity.SPECIAL, "")
    assert load(tmp_path / "a").sensitivity is Sensitivity.SPECIAL
    (tmp_path / "a" / "base.json").write_text(json.dumps({"base": str(folder)}))  # a mark taken away
    assert sensitivity_of(tmp_path / "a")[0] is Sensitivity.PUBLIC
    (folder / "imbik.json").write_text('{"sensitivity": "confidential"}')
    assert sensitivity_of(tmp_path / "a")[0] is Sensitivity.CONFIDENTIAL
