"""Claim to be measured, not made: what each lever saves in memory and gains in speed on one graphics card.

A Llama made from a config with random weights (nothing is downloaded) learns random rows in bf16. `plain` is a loop
by hand: the model's own forward pass with labels, logits of all tokens at once. Each lever is one change: `chunked
loss` is imbik's head (no tokens x vocabulary), `checkpointing`, `lora` (its frozen base held in bf16, as training
holds it) and `qlora` are added to it one at a time and together, then imbik's accelerators `liger` and `unsloth`;
`liger's own` is that library's patch of the plain loop, its loss included. A lever that is not there is named, and
why. Others' claim for such levers together: 80% less memory and twice the speed (Unsloth's and Liger's own pages),
printed beside.

Figures: peak memory of the allocator from the first step on (weights and optimiser included) and tokens a second, the
median of the rounds; arms run one after the other, in the other direction every second round, each in a process of its
own.

    python benchmarks/training_levers_gpu.py [--hidden 2048 --layers 16 --vocabulary 128256 --rows 4 --length 2048]

`--device cpu` with small sizes shows that all of it runs; memory is then the process's.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

LEVERS = {
    "plain": "",
    "plain + checkpointing": "",
    "chunked loss": "",
    "chunked loss + checkpointing": "",
    "lora, base in float32 + chunked loss": "peft",
    "lora + chunked loss": "peft",
    "lora + chunked loss + checkpointing": "peft",
    "qlora + chunked loss + checkpointing": "bitsandbytes",
    "8-bit adamw + chunked loss": "bitsandbytes",
    "liger's own": "liger_kernel",
    "liger's own + checkpointing": "liger_kernel",
    "chunked loss + liger": "liger_kernel",
    "chunked loss + unsloth": "unsloth",
    "lora + chunked loss + liger": "liger_kernel",
    "lora + chunked loss + unsloth": "unsloth",
    "lora + chunked loss + checkpointing + unsloth": "unsloth",
    "qlora + chunked loss + checkpointing + unsloth": "unsloth",
}
CLAIM = "claimed by others for such levers together: -80% memory, 2x speed"
RATE = 1e-4


def network(given: argparse.Namespace, lever: str) -> Any:
    """The model with random weights; four-bit ones are read back from a folder, as bitsandbytes wants it."""
    import torch
    from transformers import BitsAndBytesConfig, LlamaConfig, LlamaForCausalLM

    from imbik.core.plugins import PluginBlock, make
    from imbik.train.held import hold_frozen

    if "liger's own" in lever:
        import_module("liger_kernel.transformers").apply_liger_kernel_to_llama()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=given.vocabulary, hidden_size=given.hidden, intermediate_size=int(given.hidden * 8 / 3) // 64 * 64,
        num_hidden_layers=given.layers, num_attention_heads=given.hidden // 64, num_key_value_heads=given.hidden // 64,
        max_position_embeddings=given.length, tie_word_embeddings=True,
    )  # fmt: skip
    frozen = "lora" in lever
    with torch.device(given.device):
        made: Any = LlamaForCausalLM(config)
    if "qlora" in lever:
        with tempfile.TemporaryDirectory() as folder:
            made.save_pretrained(folder)
            four = BitsAndBytesConfig(
                load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
                bnb_4bit_compute_dtype=torch.bfloat16,
            )  # fmt: skip
            made = LlamaForCausalLM.from_pretrained(folder, quantization_config=four, device_map={"": given.device})
    inner = made
    if frozen:
        from peft import LoraConfig, get_peft_model

        made = get_peft_model(made, LoraConfig(r=16, lora_alpha=32, target_modules="all-linear"))
        if "float32" not in lever:
            hold_frozen(made, "bf16")
    if given.device == "cuda":
        made.to("cuda")
    for name in ("liger", "unsloth"):
        if lever.endswith(f"+ {name}"):
            kernels: Any = make("train/accelerators", PluginBlock(use=name))
            kernels.apply(SimpleNamespace(network=inner))
    if "checkpointing" in lever:
        made.gradient_checkpointing_enable({"use_reentrant": False})
    return made.train()


def steps(given: argparse.Namespace, lever: str, made: Any) -> Callable[[], None]:
    """A function that makes one step."""
    import torch

    from imbik.core.plugins import PluginBlock, make
    from imbik.recipe.training import Train
    from imbik.train.module import StudentModule
    from imbik.train.optimizers import make_optimizer

    kind: Any = "adamw_8bit" if "8-bit" in lever else "adamw"
    optimizer = make_optimizer(made, Train(learning_rate=RATE, optimizer=kind))
    ids = torch.randint(0, given.vocabulary, (given.rows, given.length + 1), device=given.device)
    inputs, labels = ids[:, :-1], ids[:, 1:]
    module = (
        StudentModule(made, [make("train/losses", PluginBlock(use="cross_entropy"))]) if "chunked" in lever else None
    )
    places = torch.arange(labels.numel(), device=given.device)
    count = torch.tensor(float(labels.numel()), device=given.device)

    def step() -> None:
        with torch.autocast(given.device, dtype=torch.bfloat16):
            if module is not None:
                loss = module(
                    ids=inputs, positions=None, places=places, labels=labels.flatten(), weights=None,
                    teacher_ids=None, teacher_logprobs=None, tokens=count,
                )  # fmt: skip
            else:
                loss = made(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in made.parameters() if p.requires_grad], 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def arm(given: argparse.Namespace) -> None:
    """One lever, in this process: prints peak bytes and tokens a second as JSON."""
    import psutil
    import torch

    card = given.device == "cuda"
    made = network(given, given.arm)
    step = steps(given, given.arm, made)
    if card:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()  # training moves a base to the card as it holds it
    step()
    if card:
        torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(given.steps):
        step()
    if card:
        torch.cuda.synchronize()
    seconds = time.perf_counter() - started
    peak = torch.cuda.max_memory_allocated() if card else psutil.Process().memory_info().rss
    rate = given.rows * given.length * given.steps / seconds
    print("result", json.dumps({"bytes": peak, "rate": rate}))


def absent(lever: str, device: str) -> str:
    """Why a lever cannot be measured here, or nothing."""
    needed = LEVERS[lever]
    if needed and find_spec(needed) is None:
        return f"{needed} is not installed"
    return f"{needed} needs a card" if needed in ("liger_kernel", "unsloth") and device == "cpu" else ""


def measure(given: argparse.Namespace, lever: str) -> dict[str, float] | str:
    """Figures of one lever from a process of its own, or what went wrong there."""
    command = [sys.executable, __file__, *sys.argv[1:], "--arm", lever]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=given.limit)
    for line in done.stdout.splitlines():
        if line.startswith("result"):
            found: dict[str, float] = json.loads(line.removeprefix("result"))
            return found
    return (done.stderr.strip().splitlines() or ["no output"])[-1][:160]


def main() -> None:
    """Print one line a lever."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = {"hidden": 2048, "layers": 16, "vocabulary": 128_256, "rows": 4, "length": 2048, "steps": 5, "rounds": 2}
    for name, default in sizes.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--limit", type=float, default=300, help="seconds that one arm may take")
    parser.add_argument("--arm", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.arm:
        arm(given)
        return
    missing = {lever: why for lever in LEVERS if (why := absent(lever, given.device))}
    found: dict[str, list[dict[str, float]]] = {lever: [] for lever in LEVERS if lever not in missing}
    for turn in range(given.rounds):
        for lever in list(found)[:: -1 if turn % 2 else 1]:
            result = measure(given, lever)
            if isinstance(result, str):
                missing[lever] = result
            else:
                found[lever].append(result)
            print(f"# round {turn + 1}: {lever}: {result}", flush=True)
    floor = _median(found["plain"])
    for lever, results in found.items():
        if results:
            peak, rate = _median(results)
            less, faster = (1 - peak / floor[0], rate / floor[1]) if floor[0] else (float("nan"),) * 2
            print(f"{lever:<48}{peak / 1e9:>8.2f} GB {-less:>+6.0%} {rate:>10,.0f} tokens/s {faster:>5.2f}x")
    for lever, why in missing.items():
        print(f"{lever:<48}absent: {why}")
    print(CLAIM)


def _median(results: list[dict[str, float]]) -> tuple[float, float]:
    """Median bytes and tokens a second; zeros where nothing ran."""
    if not results:
        return 0.0, 0.0
    return statistics.median(one["bytes"] for one in results), statistics.median(one["rate"] for one in results)


if __name__ == "__main__":
    main()
