"""Reading the likeliest of some allowed answers, exactly and in one forward pass per batch.

Enters: prompts and choices as token ids. Leaves: log-probabilities of every choice. Choices of one token need the last
logits only. Longer ones share their beginnings in a tree: its inner nodes follow the prompt in one sequence, and a mask
lets each node see the prompt and its ancestors (the tree attention of speculative decoding, Miao et al. 2023). Where a
network's positions or windows do not allow that, prompt and choice are scored pair by pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from imbik.models.engines import Choice
from imbik.models.spread import input_device

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

ROWS = 256
LOGITS = 1 << 26
# Architectures for which tests show that the tree gives what scoring pair by pair gives.
TREES = {"llama", "mistral", "qwen2", "qwen3", "gemma2", "gpt2", "phi3", "smollm3", "granite", "olmo2"}


class Tree(NamedTuple):
    """Inner nodes in order of depth, and for each choice its (node before the token or -1 for the prompt, token)."""

    tokens: list[int]
    parents: list[int]
    depths: list[int]
    paths: list[list[tuple[int, int]]]


def grow_tree(choices: Sequence[Sequence[int]]) -> Tree:
    """The tree of the choices' beginnings; last tokens are predicted only, so they are no nodes."""
    nodes: dict[tuple[int, ...], int] = {}
    tokens, parents, depths = list[int](), list[int](), list[int]()
    paths: list[list[tuple[int, int]]] = []
    for choice in choices:
        path, before = list[tuple[int, int]](), -1
        for length, token in enumerate(choice, start=1):
            path.append((before, token))
            if length == len(choice):
                break
            start = tuple(choice[:length])
            if start not in nodes:
                nodes[start] = len(tokens)
                tokens.append(token)
                parents.append(before)
                depths.append(length - 1)
            before = nodes[start]
        paths.append(path)
    return Tree(tokens, parents, depths, paths)


def choose(
    network: PreTrainedModel, prompts: Sequence[Sequence[int]], choices: Sequence[Sequence[int]]
) -> list[Choice]:
    """The likeliest choice for each prompt, in order."""
    import torch

    tree = grow_tree(choices)
    width = network.get_output_embeddings().weight.shape[0]
    order = sorted(range(len(prompts)), key=lambda row: (len(prompts[row]), row))
    by_tree = not tree.tokens or _tree_allowed(network, max(map(len, prompts), default=0) + max(map(len, choices)))
    found: dict[int, Choice] = {}
    for rows in _blocks(order, max(1, min(ROWS, LOGITS // ((len(tree.tokens) + 1) * width)))):
        block = [prompts[row] for row in rows]
        sums = _by_tree(network, block, tree) if by_tree else _by_pairs(network, block, choices)
        normal = torch.log_softmax(sums, -1).cpu().numpy()
        found.update((row, Choice(int(line.argmax()), line)) for row, line in zip(rows, normal, strict=True))
    return [found[row] for row in range(len(prompts))]


def _blocks(order: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(order), size):
        yield order[start : start + size]


def _tree_allowed(network: PreTrainedModel, longest: int) -> bool:
    config = network.config.get_text_config()
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    return config.model_type in TREES and (window is None or longest <= window)


def _by_tree(network: PreTrainedModel, prompts: Sequence[Sequence[int]], tree: Tree) -> Tensor:
    """(prompts, choices) summed log-probabilities in nats."""
    import torch

    longest, nodes = max(len(prompt) for prompt in prompts), len(tree.tokens)
    ids = torch.tensor([[0] * (longest - len(prompt)) + [*prompt, *tree.tokens] for prompt in prompts])
    known = torch.tensor([[False] * (longest - len(prompt)) + [True] * len(prompt) for prompt in prompts])
    positions = (known.long().cumsum(-1) - 1).clamp_min(0)
    after = torch.tensor([len(prompt) for prompt in prompts])[:, None] + torch.tensor(tree.depths, dtype=torch.long)
    logits = network(
        input_ids=ids.to(input_device(network)),
        attention_mask=_tree_mask(known, tree, next(network.parameters()).dtype).to(input_device(network)),
        position_ids=torch.cat([positions, after], 1).to(input_device(network)),
        use_cache=False,
        logits_to_keep=nodes + 1,
    ).logits
    logprobs = torch.log_softmax(logits.float(), -1)
    sums = [sum(logprobs[:, before + 1, token].double() for before, token in path) for path in tree.paths]
    return torch.stack([torch.as_tensor(total) for total in sums], -1).float()


def _tree_mask(known: Tensor, tree: Tree, dtype: object) -> Tensor:
    """Additive mask (rows, 1, length, length): prompts causal, a node sees the prompt, its ancestors and itself."""
    import torch

    rows, longest = known.shape
    total = longest + len(tree.tokens)
    sees = torch.zeros(rows, total, total, dtype=torch.bool)
    sees[:, :longest, :longest] = torch.ones(longest, longest, dtype=torch.bool).tril() & known[:, None, :]
    sees[:, longest:, :longest] = known[:, None, :]
    for node, parent in enumerate(tree.parents):
        if parent >= 0:
            sees[:, longest + node, longest:] = sees[:, longest + parent, longest:]
        sees[:, longest + node, longest + node] = True
    lowest = torch.finfo(torch.float32).min
    return torch.zeros(sees.shape).masked_fill(~sees, lowest)[:, None].to(dtype)  # type: ignore[call-overload,no-any-return]


def _by_pairs(network: PreTrainedModel, prompts: Sequence[Sequence[int]], choices: Sequence[Sequence[int]]) -> Tensor:
    """The same sums, each choice behind each prompt by itself."""
    import torch

    sums = torch.zeros(len(prompts), len(choices))
    for row, prompt in enumerate(prompts):
        longest = max(len(choice) for choice in choices)
        ids = torch.tensor([[*prompt, *choice, *([0] * (longest - len(choice)))] for choice in choices])
        mask = torch.tensor([[1] * (len(prompt) + len(c)) + [0] * (longest - len(c)) for c in choices])
        ids, mask = ids.to(input_device(network)), mask.to(input_device(network))
        logits = network(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, len(prompt) - 1 :]
        logprobs = torch.log_softmax(logits.float(), -1).cpu()
        for number, choice in enumerate(choices):
            sums[row, number] = sum(float(logprobs[number, at, token]) for at, token in enumerate(choice))
    return sums
