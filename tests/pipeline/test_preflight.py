"""What cannot work is refused before the first token; what can is forecast; every refusal names line or key."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from imbik.advise.summary import estimate_lines
from imbik.core.errors import (
    BlockedError,
    ExitCode,
    ImbikError,
    InputError,
    MissingExtraError,
    ModelError,
    PluginError,
    RecipeError,
)
from imbik.core.plugins import PluginBlock
from imbik.core.runfolder import RunFolder
from imbik.models.load import load
from imbik.pipeline.estimate import estimate
from imbik.pipeline.money import Cost
from imbik.pipeline.preflight import Preflight, preflight, size
from imbik.pipeline.rows import Rows, look
from imbik.recipe import Recipe, load_recipe
from imbik.testing.tiny_models import make_model

API = """name: a
tasks:
  source: rows.csv
  kind: math
  sensitivity: public
teachers:
  big: {use: openai, model: gpt-x}
accept_terms: [openai]
student:
  architecture: llama
train:
  learning_rate: 3e-3
"""


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Recipe]:
    """Writes a recipe and loads it, with rows beside it and the teacher's key set."""
    monkeypatch.setenv("OPENAI_API_KEY", "value-of-the-key")
    (tmp_path / "rows.csv").write_text("question,answer\n" + "".join(f"{i}+1 kaç eder?,{i + 1}\n" for i in range(100)))

    def write(text: str, *overrides: str) -> Recipe:
        (tmp_path / "recipe.yaml").write_text(text)
        return load_recipe(tmp_path / "recipe.yaml", overrides)

    return write


def check(recipe: Recipe) -> Preflight:
    """Run preflight for a run that is not there yet."""
    return preflight(recipe, RunFolder(recipe.base / "runs" / recipe.name))


@pytest.mark.parametrize(
    ("text", "where", "said"),
    [
        (None, "recipe.yaml:6 tasks.answer_schema", "there is no file il.json"),
        ('{\n  "type": "object",\n}', "il.json:3", "no JSON schema"),
        ('{"type": "nesne"}', "il.json", "no JSON schema at $.type"),
    ],
)
def test_a_schema_that_is_none_is_refused_before_any_row_is_read(
    written: Callable[..., Recipe], text: str | None, where: str, said: str
) -> None:
    recipe = written(API.replace("  sensitivity: public\n", "  sensitivity: public\n  answer_schema: il.json\n"))
    if text is not None:
        (recipe.base / "il.json").write_text(text)
    (recipe.base / "rows.csv").write_text("")
    with pytest.raises(InputError) as caught:
        check(recipe)
    assert caught.value.where.endswith(where)
    assert said in caught.value.what
    assert text is None or "recipe.yaml:6 tasks.answer_schema" in caught.value.next
    assert caught.value.next


@pytest.mark.parametrize(
    ("more", "said", "advice"),
    [
        ("base_url: 'ftp://a/v1'", "starts with http:// or https://", "https://api.example.com/v1"),
        ("base_url: 'http://a b/v1'", "no white space", "https://api.example.com/v1"),
        ("base_url: 'http://a/v1#x'", "no fragment", "leave out #"),
        ("extra: {model: b}", "'model' is set by imbik itself", "write teachers.big.model"),
        ("extra: {temperature: 1}", "'temperature' is set by imbik itself", "write generate.temperature"),
        ("top_logprobs: 5, logprobs: 2", "at most 2 alternatives", "--set teachers.big.top_logprobs=2"),
    ],
)
def test_what_a_teacher_cannot_be_names_its_line_and_what_to_type(
    written: Callable[..., Recipe], more: str, said: str, advice: str
) -> None:
    recipe = written(API.replace("model: gpt-x}", f"model: gpt-x, {more}}}"))
    with pytest.raises(PluginError) as caught:
        check(recipe)
    assert said in caught.value.what
    assert caught.value.where.endswith("recipe.yaml:7 teachers.big")
    assert advice in caught.value.next


@pytest.mark.parametrize(
    ("more", "said", "instead"),
    [
        ("'https://a.com/v1/chat/completions'", "leave /chat/completions out", "write base_url: https://a.com/v1 "),
        ("'https://a.com/v1?x=1'", "leave what follows the '?' out", "write base_url: https://a.com/v1 "),
        ("'https://a.com/v1/messages', use: anthropic", "leave /messages out", "write base_url: https://a.com/v1 "),
        (
            "'https://a.azure.com/models/chat/completions?api-version=2024-05-01', use: azure",
            "leave /chat/completions out",
            "write base_url: https://a.azure.com/models, and its api-version as `api_version`",
        ),
    ],
)
def test_the_address_of_one_request_is_no_base(
    written: Callable[..., Recipe], more: str, said: str, instead: str
) -> None:
    kind = "use: openai, " if "use:" not in more else ""
    recipe = written(API.replace("use: openai, ", kind).replace("model: gpt-x}", f"model: gpt-x, base_url: {more}}}"))
    with pytest.raises(PluginError) as caught:
        check(recipe)
    assert said in caught.value.what
    assert instead in caught.value.what
    assert "recipe.yaml:7" in caught.value.where


def test_a_good_recipe_passes_and_is_forecast(written: Callable[..., Recipe]) -> None:
    recipe = written(API)
    found = preflight(recipe, RunFolder(recipe.base / "runs" / "a"))
    assert found.warnings == ()
    assert found.estimate.rows == 100
    assert found.estimate.teacher_calls == 100
    assert found.estimate.money is None
    assert set(found.estimate.seconds) == {"tasks", "generate", "refine", "train", "export", "evaluate"}
    assert 500e6 < found.estimate.memory_bytes < 4e9


def test_a_key_that_is_not_set_is_said_and_no_value_is(
    written: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = written(API)
    assert "value-of-the-key" not in repr(check(recipe))
    monkeypatch.delenv("OPENAI_API_KEY")
    (warning,) = check(recipe).warnings
    assert warning.startswith("teachers.big: the key OPENAI_API_KEY is not set")
    assert "export OPENAI_API_KEY=…" in warning
    assert "keyring set imbik OPENAI_API_KEY" in warning
    here = ("teachers.big.base_url=http://127.0.0.1:1/v1", "teachers.big.served_as=qwen3-8b")
    assert not check(written(API, *here)).warnings, "it is asked without one"
    (warning,) = check(written(API, "teachers.big.key=IMBIK_OWN")).warnings
    assert "IMBIK_OWN is not set" in warning


@pytest.mark.parametrize(
    ("line", "number", "words"),
    [
        ("refine: [{use: answer, threshhold: 1}]", 13, "unknown key 'threshhold'"),
        ("refine: [{use: anser}]", 13, "did you mean 'answer'"),
        ("refine: [shap]", 13, "there is no plug-in 'shap'"),
        ("capture: {top_k: 5}", 7, "'big' is an openai teacher, whose weights are not here"),
        ("export: [{use: gguf2}]", 13, "there is no plug-in 'gguf2'"),
        ("evaluate: {metrics: [acuracy]}", None, "did you mean 'accuracy'"),
        ("evaluate: {require: {retention: most}}", None, "cannot be read"),
    ],
)
def test_a_wrong_block_names_its_line(
    written: Callable[..., Recipe], line: str, number: int | None, words: str
) -> None:
    recipe = written(API + line + "\n")
    with pytest.raises((PluginError, RecipeError), match=words) as raised:
        check(recipe)
    assert raised.value.exit_code is ExitCode.USAGE
    if number:
        assert raised.value.where == f"{recipe.base / 'recipe.yaml'}:{number}"


@pytest.mark.parametrize(
    ("overrides", "words", "advice"),
    [
        (["student.hidden_size=30"], "not a multiple of student.heads", "student.hidden_size=32"),
        (["student.key_value_heads=3"], "not a multiple of student.key_value_heads", "key_value_heads=0"),
        (["train.losses=[{use: forward_kl}]"], "the recipe captures none", "capture:"),
        (["student.tokenizer=teacher"], "whose weights are not here", "leave the key out"),
        (["student.tokenizer=own"], "a model made from a config has none", "student.tokenizer=train"),
        (["teachers.big={use: run, recipe: absent.yaml}"], "absent.yaml, which is not there", "teachers.big.recipe"),
    ],
)
def test_contradictions_are_refused(
    written: Callable[..., Recipe], overrides: list[str], words: str, advice: str
) -> None:
    with pytest.raises(RecipeError, match=words) as raised:
        check(written(API, *overrides))
    assert advice in raised.value.next


@pytest.mark.parametrize("raw", [{"key": "9a8b7c6d"}, {"extra": {"x-api-key": "9a8b7c6d"}}])
def test_a_secret_in_a_recipe_that_was_never_a_file_is_refused(
    written: Callable[..., Recipe], raw: dict[str, object]
) -> None:
    block = PluginBlock(use="openai", raw={"model": "m", **raw})
    with pytest.raises(RecipeError, match=r"'teachers\.big\.") as error:
        check(written(API).model_copy(update={"teachers": {"big": block}}))
    assert "9a8b" not in str(error.value)


def test_an_optimiser_without_its_library_is_refused(
    written: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = written(API, "train.optimizer=adamw_8bit")
    check(recipe)
    monkeypatch.setattr("imbik.models.quantised.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="needs bitsandbytes") as raised:
        check(recipe)
    assert "pip install" in raised.value.next


def test_capture_without_a_teacher_is_refused(written: Callable[..., Recipe]) -> None:
    plain = yaml.safe_load(API)
    del plain["teachers"]
    plain |= {"generate": {"from": "reference"}, "capture": {"top_k": 5}}
    with pytest.raises(RecipeError, match="capture needs a teacher"):
        check(written(yaml.safe_dump(plain)))


@pytest.mark.parametrize("key", ["student", "teachers.big"])
def test_a_model_folder_that_is_not_there_is_refused_and_a_hub_id_is_not(
    written: Callable[..., Recipe], key: str
) -> None:
    def named(model: str) -> Recipe:
        value = f"{{use: in_process, model: {model}}}" if key != "student" else f"{{model: {model}}}"
        return written(API, f"{key}={value}")

    with pytest.raises(RecipeError, match="there is no model './nofolder'") as raised:
        check(named("./nofolder"))
    assert raised.value.where == f"{key}.model"
    with pytest.raises(RecipeError, match="not a file"):
        check(named("rows.csv"))
    check(named("owner/a-name-1b"))


def test_an_adapter_is_no_student_to_begin_from(written: Callable[..., Recipe], tmp_path: Path) -> None:
    folder = make_model(tmp_path / "whole").folder
    assert folder is not None
    (folder / "adapter").mkdir()
    (folder / "model.safetensors").rename(folder / "adapter" / "adapter_model.safetensors")
    (folder / "base.json").write_text('{"base": "embedded:base"}')
    with pytest.raises(RecipeError, match="is an adapter over embedded:base") as raised:
        check(written(API, f"student={{model: {folder}}}"))
    assert "merged" in raised.value.next


def test_a_served_teacher_that_reasons_writes_more_than_a_class(written: Callable[..., Recipe]) -> None:
    rows, text = Rows(train=100, answer_tokens=1.0, known=True), API.replace("kind: math", "kind: classification")
    chain = estimate(written(text, "generate.reasoning=steps", "generate.max_tokens=512"), rows)
    assert chain.output_tokens == 80 * chain.teacher_calls
    assert estimate(written(text, "generate.max_tokens=50"), rows).output_tokens == 50 * chain.teacher_calls
    assert estimate(written(text, "generate.reasoning=none"), rows).output_tokens == chain.teacher_calls
    priced = estimate(written(text, "teachers.big.price={input: 1, output: 10}"), rows)
    alone = estimate(written(text, "teachers.big.price={input: 1, output: 10}", "generate.reasoning=none"), rows)
    assert priced.money is not None
    assert alone.money is not None
    assert priced.money.value - alone.money.value == 79 * 100 * 10 / Decimal(1_000_000)
    assert chain.seconds["train"] == alone.seconds["train"], "the student learns the class alone"


def test_a_bar_on_a_figure_that_is_not_computed_is_refused(written: Callable[..., Recipe]) -> None:
    for name, said in (("acuracy", "did you mean 'accuracy'"), ("foo", "known names: retention, accuracy, agreement")):
        with pytest.raises(RecipeError, match=f"no figure '{name}'.*{said}") as raised:
            check(written(API, f"evaluate.require.{name}='>= 0.9'"))
        assert raised.value.where == "evaluate.require"
    with pytest.raises(RecipeError, match="no figure 'token_f1'"):
        check(written(API, "evaluate.require={token_f1@B.low: '>= 0.9'}"))
    check(written(API, "evaluate.require={token_f1@B.low: '>= 0.9'}", "evaluate.metrics=[token_f1]"))
    check(written(API, "evaluate.require={retention@B: '0.9', accuracy.low: '0.5'}"))


def test_a_forecast_of_some_stages_counts_only_those(written: Callable[..., Recipe]) -> None:
    whole = estimate(written(API), Rows(train=80, validation=10, test=10, prompt_tokens=20, known=True))
    assert whole.teacher_calls == 100
    assert whole.of(["tasks", "generate"]).teacher_calls == 90
    assert whole.of(["evaluate"]).teacher_calls == 10
    training = whole.of(["train", "export"])
    assert (training.teacher_calls, training.input_tokens, training.output_tokens) == (0, 0, 0)
    assert training.total_seconds == whole.seconds["train"] + whole.seconds["export"]
    assert whole.of(list(whole.seconds)) == whole


def test_a_teacher_folder_with_pickled_weights_is_refused(written: Callable[..., Recipe]) -> None:
    recipe = written(API, "teachers.big={use: in_process, model: teacher}")
    make_model(recipe.base / "teacher")
    check(recipe)
    (recipe.base / "teacher" / "model.safetensors").rename(recipe.base / "teacher" / "pytorch_model.bin")
    with pytest.raises(ModelError, match="pickled"):
        check(recipe)


class TestReach:
    """Rows that no teacher may ever see stop the run before it starts."""

    def test_confidential_by_default_names_the_key(self, written: Callable[..., Recipe]) -> None:
        with pytest.raises(BlockedError, match=r"confidential \(the default") as raised:
            check(written(API.replace("  sensitivity: public\n", "")))
        assert raised.value.exit_code is ExitCode.BLOCKED
        assert "tasks.sensitivity: public" in raised.value.next
        assert "let" in raised.value.next

    @pytest.mark.parametrize("level", ["internal", "confidential", "special"])
    def test_only_public_rows_pass_without_an_operator(self, written: Callable[..., Recipe], level: str) -> None:
        check(written(API))
        with pytest.raises(BlockedError, match=level):
            check(written(API, f"tasks.sensitivity={level}"))

    def test_a_teacher_that_is_here_may_see_everything(self, written: Callable[..., Recipe]) -> None:
        recipe = written(API, "teachers.big={use: in_process, model: teacher}", "tasks.sensitivity=special")
        make_model(recipe.base / "teacher")
        check(recipe)

    @pytest.mark.parametrize(
        ("operator", "level", "passes"),
        [
            ("external: [{host: api.openai.com, contract: c, accepts: internal}]", "internal", True),
            ("external: [{host: api.openai.com, contract: c, accepts: internal}]", "confidential", False),
            ("external: [{host: other.example, contract: c, accepts: confidential}]", "internal", False),
            ("unlisted: nothing", "public", False),
            ("local: [{host: 10.0.0.0/8, port: 443, attestation: ours}]", "special", True),
            ("local: [{host: 10.0.0.0/8, port: 8000, attestation: ours}]", "special", False),
        ],
    )
    def test_the_operators_file_decides(
        self,
        written: Callable[..., Recipe],
        monkeypatch: pytest.MonkeyPatch,
        tmp_path_factory: pytest.TempPathFactory,
        operator: str,
        level: str,
        passes: bool,
    ) -> None:
        file = tmp_path_factory.mktemp("operator") / "operator.yaml"
        file.write_text(operator)
        monkeypatch.setenv("IMBIK_OPERATOR", str(file))
        recipe = written(API, f"tasks.sensitivity={level}")
        if passes:
            check(recipe)
        else:
            with pytest.raises(BlockedError):
                check(recipe)

    def test_an_untrusted_file_beside_the_recipe_is_named(self, written: Callable[..., Recipe]) -> None:
        recipe = written(API, "tasks.sensitivity=internal")
        (recipe.base / "operator.yaml").write_text("external: [{host: api.openai.com, contract: c, accepts: internal}]")
        with pytest.raises(BlockedError, match="is not trusted and was ignored"):
            check(recipe)
        (warning,) = [text for text in check(written(API, "tasks.sensitivity=public")).warnings if "trusted" in text]
        assert "operator.yaml is not trusted and was ignored: read it, then imbik privacy trust" in warning

    def test_a_column_of_marks_is_left_to_the_gate(self, written: Callable[..., Recipe]) -> None:
        check(written(API, "tasks.sensitivity=gizlilik"))

    def test_rows_that_no_teacher_is_named_for(self, written: Callable[..., Recipe]) -> None:
        with pytest.raises(RecipeError, match="names none for internal rows"):
            check(written(API, "generate.teacher={public: big}", "tasks.sensitivity=internal"))


class TestEstimate:
    """The forecast grows with what there is to do, and counts exactly what can be counted."""

    def test_calls_tokens_and_money(self, written: Callable[..., Recipe]) -> None:
        priced = "teachers.big.price={input: 2, output: 10}"
        recipe = written(API, priced, "generate.samples=3", "generate.temperature=1")
        rows = Rows(1000, 100, 200, prompt_tokens=40, answer_tokens=30, known=True)
        found = estimate(recipe, rows)
        assert found.teacher_calls == 3 * 1100 + 200
        assert found.input_tokens == 3500 * 100
        assert found.output_tokens == 3500 * 30
        assert found.money is not None
        assert float(found.money.value) == pytest.approx((350_000 * 2 + 105_000 * 10) / 1e6)

    def test_a_teacher_that_is_here_costs_nothing(self, written: Callable[..., Recipe]) -> None:
        recipe = written(API, "teachers.big={use: in_process, model: teacher}")
        make_model(recipe.base / "teacher")
        assert estimate(recipe, Rows(10)).money == Cost(Decimal(0), Decimal(0), Decimal(0))

    @pytest.mark.parametrize(
        ("key", "less", "more"),
        [("train.epochs", "2", "8"), ("student.hidden_size", "64", "512"), ("train.seeds", "[1]", "[1, 2, 3]")],
    )
    def test_more_work_takes_longer(self, written: Callable[..., Recipe], key: str, less: str, more: str) -> None:
        rows = Rows(1000, 100, 100, 40, 30)
        short = estimate(written(API, f"{key}={less}"), rows).seconds["train"]
        long = estimate(written(API, f"{key}={more}"), rows).seconds["train"]
        assert long > short

    def test_less_memory_with_smaller_micro_batches_and_adapters(self, written: Callable[..., Recipe]) -> None:
        rows = Rows(1000, 100, 100, 400, 100)
        base = ["student.hidden_size=1024", "student.layers=16", "student.heads=16", "train.batch_size=32"]
        plain = estimate(written(API, *base), rows).memory_bytes
        for mend in ("train.micro_batch=2", "train.gradient_checkpointing=true", "train.method=lora"):
            assert estimate(written(API, *base, mend), rows).memory_bytes < plain

    def test_recorded_answers_are_no_calls(self, written: Callable[..., Recipe]) -> None:
        recipe = written(API, "teachers.big={use: recorded, answers: {a: x, b: y, c: z}}")
        found = estimate(recipe, Rows(80, 20, 30))
        assert found.teacher_calls == found.of(["evaluate"]).teacher_calls == found.input_tokens == 0
        assert found.recorded_answers == found.of(["generate"]).recorded_answers == 300
        assert found.of(["evaluate"]).recorded_answers == 0
        once = estimate(written(API, "teachers.big={use: recorded, answers: {a: x}}"), Rows(80, 20, 30))
        assert found.seconds["refine"] > once.seconds["refine"]
        said = "\n".join(estimate_lines(found))
        assert "calls" not in said
        assert "recorded answers: at most 300" in said

    def test_a_size_that_is_guessed_is_called_so_with_its_key(
        self, written: Callable[..., Recipe], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
        text = API.replace("architecture: llama", "model: owner/name-3b")
        found = estimate(written(text, "teachers.big={use: in_process, model: owner/other}"), Rows(100))
        assert found.guessed == {"student.model": 3_000_000_000, "teachers.big.model": 1_000_000}
        (said, _) = [line for line in estimate_lines(found) if line.startswith("size guessed")]
        assert "student.model is not on this machine and was taken for 3 G parameters" in said
        assert "--set student.model=FOLDER" in said
        make_model(tmp_path / "here")
        assert estimate(written(text, "student.model=here"), Rows(100)).guessed == {}
        assert estimate(written(API), Rows(100)).guessed == {}


class TestRows:
    """Rows are counted without reading everything."""

    def test_lines_of_a_file_cut_by_the_selection(self, written: Callable[..., Recipe]) -> None:
        assert look(written(API), RunFolder(Path("none"))).total == 100
        assert look(written(API, "tasks.rows='train[:40]'"), RunFolder(Path("none"))).total == 40

    def test_separate_files_take_nothing_from_the_rows(self, written: Callable[..., Recipe]) -> None:
        found = look(written(API, "tasks.test_source=rows.csv"), RunFolder(Path("none")))
        assert (found.train, found.validation, found.test) == (90, 10, 100)

    def test_embedded_problems_say_how_many_they_are(self, written: Callable[..., Recipe]) -> None:
        source = "tasks.source={use: embedded, pool: 500, test: 70, B: 20, C: 10}"
        found = look(written(API, source), RunFolder(Path("none")))
        assert (found.train, found.validation, found.test) == (450, 50, 100)

    def test_a_missing_file_is_left_to_stage_one(self, written: Callable[..., Recipe]) -> None:
        assert look(written(API, "tasks.source=absent.csv"), RunFolder(Path("none"))).total == 0


def test_bytes_are_written_for_people() -> None:
    assert [size(count) for count in (12, 1_500, 2_340_000, 5e9, 3e12)] == ["12 B", "1.5 kB", "2.34 MB", "5 GB", "3 TB"]


def test_every_refusal_says_what_to_do(written: Callable[..., Recipe]) -> None:
    for override in ("student.hidden_size=30", "train.losses=[forward_kl]", "student.tokenizer=own"):
        with pytest.raises(ImbikError) as raised:
            check(written(API, override))
        assert raised.value.next


@pytest.mark.parametrize(
    ("set_", "said"),
    [
        ("teachers.big.price=2.5", "write price: {input: 2.5, output: 10}"),
        ("budget={total: 1 USD, reserve_for_evaluation: %15}", "write budget: {total: 50 USD, reserve_for_evaluation"),
    ],
)
def test_what_was_meant_is_written_out(written: Callable[..., Recipe], set_: str, said: str) -> None:
    with pytest.raises(ImbikError) as caught:
        check(written(API, set_))
    assert said in caught.value.what


def test_it_is_said_where_a_large_teachers_weights_will_lie(written: Callable[..., Recipe], tmp_path: Path) -> None:
    folder = make_model(tmp_path / "whole").folder
    assert folder is not None
    block = f"teachers.big={{use: in_process, model: {folder}, memory: {{cpu: MOST}}}}"
    said = check(written(API, block.replace("MOST", "20MB")))
    assert any(
        "teachers.big: " in line and "at most 0.02 GB on the processor's memory" in line for line in said.warnings
    )
    with pytest.raises(RecipeError, match="'lots' is no size") as raised:
        check(written(API, block.replace("MOST", "lots")))
    assert raised.value.where == "teachers.big.memory"


def test_a_teacher_beside_the_student_needs_its_memory(written: Callable[..., Recipe], tmp_path: Path) -> None:
    make_model(tmp_path / "teacher", hidden_size=64, heads=4)
    recipe = written(API.replace("teachers:\n", "teachers:\n  here: {use: in_process, model: teacher}\n"))
    rows = look(recipe, RunFolder(tmp_path / "runs" / "a"))
    plain = estimate(recipe, rows).memory_bytes
    beside = recipe.model_copy(update={"train": recipe.train.model_copy(update={"teacher": "here"})})
    whole = load(tmp_path / "teacher").parameters
    assert estimate(beside, rows).memory_bytes - plain == pytest.approx(4 * whole, rel=0.05)
