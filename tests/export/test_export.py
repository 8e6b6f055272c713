"""Exports: what is handed over loads without imbik and answers as the trained student, or is not handed over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imbik.core.errors import ImbikError, ModelError, RecipeError
from imbik.core.files import file_digest, read_json
from imbik.core.plugins import PluginBlock, available, make
from imbik.core.types import Sensitivity
from imbik.export import stage as export_stage
from imbik.export.card import model_card
from imbik.export.formats import Format
from imbik.export.formats.safetensors import SafetensorsFormat
from imbik.export.parity import Parity, compare, prompts_of, prove_tokenizer, student_logits
from imbik.export.stage import ExportStage, model_digest
from imbik.models.load import load
from imbik.models.model import LanguageModel
from imbik.models.save import save
from imbik.recipe import load_recipe
from small_runs import RECIPE, TEACHERS, SmallRun

BOTH = "export: [safetensors, {use: safetensors, precision: bfloat16}]"


def adapter(**settings: Any) -> Any:
    """Saves the base and puts adapters with random weights over it."""

    def adapt(model: LanguageModel, base: Path) -> LanguageModel:
        import torch
        from peft import LoraConfig, get_peft_model

        if not base.exists():
            save(model, base)
        model = load(base)
        torch.manual_seed(0)
        model.network = get_peft_model(model.network, LoraConfig(r=4, init_lora_weights=False, **settings))
        for name, weight in model.network.named_parameters():
            if "modules_to_save" in name:
                weight.data += 0.05 * torch.randn_like(weight)
        return model

    return adapt


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    small = SmallRun(tmp_path_factory.mktemp("run"), seeds=(2, 1), extra=BOTH)
    small.stage(ExportStage())
    return small


def test_a_foreign_program_gets_the_students_logits(exported: SmallRun) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = exported.run.path / "7_export" / "safetensors"
    student = load(exported.run.path / "6_student" / "student" / "seed-2" / "weights")
    network = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    task = exported.tasks[0][0]
    chat = [{"role": message.role, "content": message.content} for message in task.messages]
    ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    with torch.inference_mode():
        assert torch.equal(network(**ids).logits, student.network(**ids).logits)
    assert prompts_of(student, [task]) == ids["input_ids"].tolist()


def test_the_best_seed_is_exported_not_the_first(exported: SmallRun) -> None:
    weights = exported.run.path / "6_student" / "student"
    exported_digest = model_digest(exported.run.path / "7_export" / "safetensors")
    assert exported_digest == model_digest(weights / "seed-2" / "weights")
    assert exported_digest != model_digest(weights / "seed-1" / "weights")


def test_artifacts_carry_hash_and_sensitivity(exported: SmallRun) -> None:
    manifest = exported.run.manifest("7_export")
    assert manifest is not None
    assert [item.format for item in manifest.artifacts] == ["safetensors", "safetensors-bfloat16"]
    for item in manifest.artifacts:
        assert file_digest(exported.run.path / item.path) == item.sha256
        assert item.sensitivity is Sensitivity.PUBLIC


def test_bfloat16_halves_the_weights_within_its_tolerance(exported: SmallRun) -> None:
    folders = [exported.run.path / "7_export" / name for name in ("safetensors", "safetensors-bfloat16")]
    sizes = [(folder / "model.safetensors").stat().st_size for folder in folders]
    assert 0.4 < sizes[1] / sizes[0] < 0.6
    parities = [read_json(folder / "parity.json", Parity) for folder in folders]
    assert parities[0].deviation == 0
    assert 0 < parities[1].deviation <= parities[1].tolerance
    assert all(parity.positions > 100 for parity in parities)


def test_the_card_says_what_the_model_is(exported: SmallRun) -> None:
    card = (exported.run.path / "7_export" / "safetensors" / "README.md").read_text(encoding="utf-8")
    manifest = exported.run.manifest("3_refined")
    assert manifest is not None
    for part in ("Sensitivity: public", manifest.hash, "answers kept by the checks | 36", "Licence", "Intended use",
                 "AutoModelForCausalLM", "allowed 1.00e-04"):  # fmt: skip
        assert part in card


STUDENTS = {
    "{model: 'embedded:base'}": ("derive from `embedded:base`, which imbik carries", "Apache-2.0"),
    "{model: usta/kucuk-1b}": ("derive from `usta/kucuk-1b`: its licence goes on to them", "base_model: usta/kucuk-1b"),
    "{model: benim/model}": ("derive from the model in the folder `benim/model`",),
    "{architecture: llama}": ("derive from no other model's weights",),
    "{architecture: llama, tokenizer: teacher}": ("no other model's weights", "The tokenizer is the teacher's"),
}


@pytest.mark.parametrize(("student", "said"), STUDENTS.items(), ids=STUDENTS)
def test_the_card_says_whose_weights_these_were(tmp_path: Path, student: str, said: tuple[str, ...]) -> None:
    (tmp_path / "benim" / "model").mkdir(parents=True)
    (tmp_path / "recipe.yaml").write_text(RECIPE.format(kind="qa", sensitivity="public", teachers=TEACHERS,
                                                        student=student, extra=""))  # fmt: skip
    recipe = load_recipe(tmp_path / "recipe.yaml")
    form = make("export/formats", recipe.export[0])
    parity = Parity(positions=1, deviation=0.0, tolerance=1.0, same_first=1.0)
    card = model_card(recipe, {}, form, parity, Sensitivity.PUBLIC, 1000)
    for part in said:
        assert part in card
    derived = "derive from no other" not in card
    assert derived == (recipe.student.model != "")
    assert ("base_model" in card) == (recipe.student.model == "usta/kucuk-1b")


@pytest.mark.parametrize(("model", "said"), [("meta-llama/Llama-3.1-405B-Instruct", True), ("Qwen/Qwen3-32B", False)])
def test_the_card_says_under_which_terms_its_teachers_answered(tmp_path: Path, model: str, said: bool) -> None:
    teachers, student = f"teachers: {{usta: {{use: vllm, model: {model}}}}}", "{architecture: llama}"
    extra = "accept_terms: [llama-3.1]"
    text = RECIPE.format(kind="qa", sensitivity="public", teachers=teachers, student=student, extra=extra)
    (tmp_path / "recipe.yaml").write_text(text)
    recipe = load_recipe(tmp_path / "recipe.yaml")
    form = make("export/formats", recipe.export[0])
    parity = Parity(positions=1, deviation=0.0, tolerance=1.0, same_first=1.0)
    card = model_card(recipe, {}, form, parity, Sensitivity.PUBLIC, 1000)
    assert ("has a name that begins with Llama" in card) == said
    assert ("accepted in the recipe" in card) == said


@pytest.mark.parametrize("level", [Sensitivity.CONFIDENTIAL, Sensitivity.SPECIAL])
def test_sensitivity_travels_into_the_export(tmp_path: Path, level: Sensitivity) -> None:
    small = SmallRun(tmp_path, sensitivity=level.value)
    result = small.stage(ExportStage())
    assert result.sensitivity is level
    assert result.artifacts[0].sensitivity is level
    folder = tmp_path / "runs" / "kucuk" / "7_export" / "safetensors"
    assert load(folder).sensitivity is level
    assert f"Sensitivity: {level.value}" in (folder / "README.md").read_text(encoding="utf-8")
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())


@pytest.mark.filterwarnings(
    "ignore:.*is_gradient_checkpointing:FutureWarning"
)  # PEFT asks transformers by its old name
@pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`:UserWarning")  # what is tested here
@pytest.mark.filterwarnings("ignore:Setting `save_embedding_layers`:UserWarning")
@pytest.mark.parametrize(
    "settings",
    [
        {"target_modules": ["q_proj", "v_proj", "down_proj"]},
        {"target_modules": ["q_proj", "lm_head"]},
        {"target_modules": ["q_proj", "embed_tokens"]},
        {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"]},
        {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
        {"target_modules": ["q_proj"], "modules_to_save": ["norm"]},
        {"target_modules": ["q_proj"], "use_dora": True},
    ],
    ids=lambda settings: "+".join(f"{key}={value}" for key, value in settings.items()),
)
def test_adapters_are_merged_even_where_embeddings_are_tied(tmp_path: Path, settings: dict[str, Any]) -> None:
    small = SmallRun(tmp_path, rows=40, adapt=adapter(**settings))
    small.stage(ExportStage())
    folder = small.run.path / "7_export" / "safetensors"
    assert not (folder / "base.json").exists()
    assert not (folder / "adapter").exists()
    student = load(small.run.path / "6_student" / "student" / "seed-1" / "weights")
    assert hasattr(student.network, "peft_config")
    prompts = prompts_of(student, [task for task, _ in small.tasks])
    for left, right in zip(student_logits(student, prompts), student_logits(load(folder), prompts), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-4 * np.abs(left).max())


def test_an_export_that_answers_differently_is_not_handed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = SmallRun(tmp_path)
    written = SafetensorsFormat.write

    def careless(self: SafetensorsFormat, model: LanguageModel, folder: Path, lineage: dict[str, str]) -> None:
        model.network.get_input_embeddings().weight.data[5] += 1.0
        written(self, model, folder, lineage)

    monkeypatch.setattr(SafetensorsFormat, "write", careless)
    with pytest.raises(ImbikError, match="does not answer as the trained student"):
        small.stage(ExportStage())
    assert not (small.run.path / "7_export" / "safetensors").exists()


def test_an_export_with_another_tokenizer_is_not_handed_over(exported: SmallRun, tmp_path: Path) -> None:
    student = load(exported.run.path / "6_student" / "student" / "seed-2" / "weights")
    student.tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}?"
    save(student, tmp_path / "other")
    original = load(exported.run.path / "6_student" / "student" / "seed-2" / "weights")
    with pytest.raises(ModelError, match="reads row"):
        prove_tokenizer(original, tmp_path / "other", [exported.tasks[0][0]])


def test_deviation_is_a_share_of_the_largest_logit() -> None:
    left = [np.array([[0.0, 4.0, -8.0]], dtype=np.float32)]
    right = [np.array([[0.0, 4.0, -7.2, 99.0]], dtype=np.float32)]  # a padded row of the vocabulary is no deviation
    parity = compare(left, right, 0.05)
    assert parity.deviation == pytest.approx(0.1)
    assert parity.same_first == 1.0
    assert parity.positions == 1


def test_not_a_number_is_no_parity(exported: SmallRun, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [np.full((1, 3), np.nan, dtype=np.float32)]
    form = SafetensorsFormat(SafetensorsFormat.Settings())
    monkeypatch.setattr(form, "logits", lambda folder, prompts: broken)
    with pytest.raises(ImbikError, match="deviate"):
        export_stage.prove(form, exported.run.path, [[1]], [np.ones((1, 3), dtype=np.float32)])


def test_two_blocks_for_one_folder_are_refused(tmp_path: Path) -> None:
    small = SmallRun(tmp_path, extra="export: [safetensors, {use: safetensors, precision: float32}]")
    with pytest.raises(RecipeError, match="names 'safetensors' twice"):
        small.stage(ExportStage())


def test_settings_follow_precision_and_an_empty_list_needs_no_stage(exported: SmallRun) -> None:
    stage = ExportStage()
    both = stage.settings(exported.recipe, exported.teacher)
    assert isinstance(both, list)
    assert [item["precision"] for item in both] == ["float32", "bfloat16"]
    assert stage.needed(exported.recipe)
    assert not stage.needed(exported.recipe.model_copy(update={"export": []}))


@pytest.mark.parametrize("name", sorted(available("export/formats")))
def test_every_format_says_its_name_tolerance_and_use(name: str) -> None:
    form: Format = make("export/formats", PluginBlock(use=name))
    assert form.name.startswith(name)
    assert 0 < form.tolerance < 1
    assert form.usage
    assert form.version >= 1
