"""The llama.cpp engine: a GGUF file, several rows at a time, on the processor or whatever llama.cpp was built for.

Enters: the path of a GGUF file. Leaves: what `engines.Engine` promises. Rows are drawn by the same `Drawer` as in the
transformers engine, so that a row's randomness is its own here too. llama.cpp's own numbers depend a little on the
batch, as anybody's do.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from imbik.core.errors import MissingExtraError, ModelError
from imbik.core.questions import Sampling
from imbik.models.content import decode
from imbik.models.engines import Choice, Generated
from imbik.models.engines.sampling import Drawer
from imbik.models.gguf import check_gguf, hold_against, make_gguf_model, probe
from imbik.models.tokens import stop_ids

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS = 16
BATCH_TOKENS = 512
CACHE_TOKENS = 65_536  # of all rows of a batch together
_SEQUENCE = 0


class LlamaCppEngine:
    """Runs a GGUF file. `threads`: 0 leaves the number to llama.cpp."""

    def __init__(self, path: Path, *, threads: int = 0) -> None:
        self._lib = _library()
        check_gguf(path)
        self._weights = self._loaded(path)
        self._vocabulary = self._lib.llama_model_get_vocab(self._weights)
        self.width = int(self._lib.llama_vocab_n_tokens(self._vocabulary))
        self._hidden_size = int(self._lib.llama_model_n_embd(self._weights))
        self._threads = threads
        self.model = make_gguf_model(path, int(self._lib.llama_model_n_ctx_train(self._weights)))
        hold_against(self.model.tokenizer, self._tokenized(probe()), path)
        end = int(self._lib.llama_vocab_eos(self._vocabulary)), int(self._lib.llama_vocab_eot(self._vocabulary))
        self._stops = stop_ids(self.model.tokenizer) | {token for token in end if token >= 0}

    def generate(
        self, prompts: Sequence[Sequence[int]], samplings: Sequence[Sampling], *, seeds: Sequence[int]
    ) -> list[Generated]:
        """Answers in the order of the prompts, at most `sampling.max_tokens` long and within the model's context.

        Raises: ModelError for a prompt that is empty or fills the context.
        """
        self._check(prompts, room=1)
        limits = [
            min(sampling.max_tokens, self.model.context - len(prompt))
            for sampling, prompt in zip(samplings, prompts, strict=True)
        ]
        order = sorted(range(len(prompts)), key=lambda row: (len(prompts[row]) + limits[row], row))
        found: dict[int, Generated] = {}
        for rows in _split(order, [len(prompt) + limit for prompt, limit in zip(prompts, limits, strict=True)]):
            drawer = Drawer([samplings[row] for row in rows], [seeds[row] for row in rows])
            made = self._generate([prompts[row] for row in rows], drawer, [limits[row] for row in rows])
            found.update(zip(rows, made, strict=True))
        return [found[row] for row in range(len(prompts))]

    def choose(self, prompts: Sequence[Sequence[int]], choices: Sequence[Sequence[int]]) -> list[Choice]:
        """The likeliest choice for each prompt; log-probabilities in nats, normalised over the choices."""
        self._check(prompts, room=1)
        return [_normal([self._tail(prompt, choice) for choice in choices]) for prompt in prompts]

    def top_k(self, sequences: Sequence[Sequence[int]], k: int) -> list[tuple[NDArray[np.uint32], NDArray[np.float32]]]:
        """For each sequence of n tokens: ids (n, k) and log-probabilities (n, k), best first, of the next token."""
        self._check(sequences, room=0)
        found = []
        for logprobs in map(self._logprobs, sequences):
            best = np.argsort(-logprobs, axis=-1, kind="stable")[:, :k]
            found.append((best.astype(np.uint32), np.take_along_axis(logprobs, best, -1)))
        return found

    def score(self, sequences: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
        """For each sequence of n tokens: (n,) log-probability in nats of each token; 0 for the first."""
        self._check(sequences, room=0)
        found = []
        for sequence in sequences:
            taken = self._logprobs(sequence)[np.arange(len(sequence) - 1), list(sequence[1:])]
            found.append(np.concatenate([np.zeros(1, np.float32), taken]))
        return found

    def hidden(self, sequences: Sequence[Sequence[int]]) -> list[NDArray[np.float32]]:
        """For each sequence of n tokens: (n, hidden) states that the output head turns into logits."""
        self._check(sequences, room=0)
        return [self._read(sequence, hidden=True) for sequence in sequences]

    def _loaded(self, path: Path) -> Any:
        parameters = self._lib.llama_model_default_params()
        weights = self._lib.llama_model_load_from_file(str(path).encode(), parameters)
        if not weights:
            raise ModelError(
                "llama.cpp cannot load this file",
                where=str(path),
                next="is the architecture one it knows, and the file whole?",
            )
        return weights

    def _context(self, rows: int, tokens: int, *, hidden: bool = False) -> Any:
        """A context for `rows` sequences of up to `tokens` tokens each; freed by whoever asks."""
        settings = self._lib.llama_context_default_params()
        settings.n_ctx, settings.n_seq_max = rows * _rounded(tokens), rows
        settings.n_batch = settings.n_ubatch = max(BATCH_TOKENS, rows)
        settings.embeddings, settings.no_perf = hidden, True
        if hidden:
            settings.pooling_type = self._lib.LLAMA_POOLING_TYPE_NONE
        if self._threads:
            settings.n_threads = settings.n_threads_batch = self._threads
        made = self._lib.llama_init_from_model(self._weights, settings)
        if not made:
            raise ModelError("llama.cpp could not set memory aside for these rows", where=str(self.model.path))
        return made

    def _generate(self, prompts: Sequence[Sequence[int]], drawer: Drawer, limits: Sequence[int]) -> list[Generated]:
        """One batch: read the prompts, then a token of every row that goes on."""
        import torch

        context = self._context(
            len(prompts), max(len(prompt) + limit for prompt, limit in zip(prompts, limits, strict=True))
        )
        batch = self._lib.llama_batch_init(max(BATCH_TOKENS, len(prompts)), 0, 1)
        answers: list[list[int]] = [[] for _ in prompts]
        finished, alive = [False] * len(prompts), list(range(len(prompts)))
        try:
            logits = np.stack([self._prefill(context, batch, prompt, row) for row, prompt in enumerate(prompts)])
            while alive:
                drawn = drawer.draw(torch.from_numpy(logits)).tolist()
                goes_on = []
                for place, (row, token) in enumerate(zip(alive, drawn, strict=True)):
                    finished[row] = token in self._stops
                    if not finished[row]:
                        answers[row].append(token)
                        if len(answers[row]) < limits[row]:
                            goes_on.append(place)
                drawer.keep(goes_on)
                alive = [alive[place] for place in goes_on]
                if alive:
                    places = [len(prompts[row]) + len(answers[row]) - 1 for row in alive]
                    logits = self._step(context, batch, [answers[row][-1] for row in alive], places, alive)
        finally:
            self._lib.llama_batch_free(batch)
            self._lib.llama_free(context)
        return [
            Generated(ids, ended, decode(self.model.tokenizer, ids))
            for ids, ended in zip(answers, finished, strict=True)
        ]

    def _prefill(self, context: Any, batch: Any, ids: Sequence[int], row: int) -> NDArray[np.float32]:
        """Read a prompt into sequence `row`; (vocabulary,) logits after its last token."""
        for start in range(0, len(ids), BATCH_TOKENS):
            part = ids[start : start + BATCH_TOKENS]
            last = start + len(part) == len(ids)
            wanted = [False] * (len(part) - 1) + [last]
            self._decode(context, batch, part, range(start, start + len(part)), [row] * len(part), wanted)
        return self._row(self._lib.llama_get_logits_ith(context, len(part) - 1), self.width)

    def _step(
        self, context: Any, batch: Any, tokens: Sequence[int], places: Sequence[int], rows: Sequence[int]
    ) -> NDArray[np.float32]:
        """One more token of several sequences; (rows, vocabulary) logits."""
        self._decode(context, batch, tokens, places, rows, [True] * len(tokens))
        return np.stack(
            [self._row(self._lib.llama_get_logits_ith(context, at), self.width) for at in range(len(tokens))]
        )

    def _decode(
        self,
        context: Any,
        batch: Any,
        tokens: Sequence[int],
        places: Sequence[int],
        rows: Sequence[int],
        wanted: Sequence[bool],
    ) -> None:
        batch.n_tokens = len(tokens)
        for at, (token, place, row, output) in enumerate(zip(tokens, places, rows, wanted, strict=True)):
            batch.token[at], batch.pos[at] = token, place
            batch.n_seq_id[at], batch.seq_id[at][0] = 1, row
            batch.logits[at] = output
        if code := self._lib.llama_decode(context, batch):
            raise ModelError(f"llama.cpp could not read these tokens (code {code})", where=str(self.model.path))

    def _logprobs(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """(n, vocabulary) log-probabilities in nats of the token after each position."""
        logits = self._read(ids, hidden=False).astype(np.float64)
        logits -= logits.max(-1, keepdims=True)
        made: NDArray[np.float32] = (logits - np.log(np.exp(logits).sum(-1, keepdims=True))).astype(np.float32)
        return made

    def _read(self, ids: Sequence[int], *, hidden: bool) -> NDArray[np.float32]:
        """(n, vocabulary) logits or (n, hidden) states of one sequence."""
        context = self._context(1, len(ids), hidden=hidden)
        batch = self._lib.llama_batch_init(BATCH_TOKENS, 0, 1)
        get = self._lib.llama_get_embeddings_ith if hidden else self._lib.llama_get_logits_ith
        size = self._hidden_size if hidden else self.width
        found = []
        try:
            for start in range(0, len(ids), BATCH_TOKENS):
                part = ids[start : start + BATCH_TOKENS]
                places = range(start, start + len(part))
                self._decode(context, batch, part, places, [_SEQUENCE] * len(part), [True] * len(part))
                found += [self._row(get(context, at), size) for at in range(len(part))]
        finally:
            self._lib.llama_batch_free(batch)
            self._lib.llama_free(context)
        return np.stack(found)

    def _tail(self, prompt: Sequence[int], choice: Sequence[int]) -> float:
        """Summed log-probability of a choice behind a prompt, in nats."""
        logprobs = self._logprobs([*prompt, *choice[:-1]])[len(prompt) - 1 :]
        return float(sum(logprobs[at, token] for at, token in enumerate(choice)))

    def _row(self, pointer: Any, size: int) -> NDArray[np.float32]:
        return np.ctypeslib.as_array(pointer, shape=(size,)).astype(np.float32, copy=True)

    def _tokenized(self, text: bytes) -> list[int]:
        room = (self._lib.llama_token * (len(text) + 8))()
        count = self._lib.llama_tokenize(self._vocabulary, text, len(text), room, len(room), False, False)
        return list(room[:count])

    def _check(self, prompts: Sequence[Sequence[int]], room: int) -> None:
        for prompt in prompts:
            if not prompt:
                raise ModelError("an empty prompt cannot be continued", where=str(self.model.path))
            if len(prompt) + room > self.model.context:
                raise ModelError(
                    f"a prompt of {len(prompt)} tokens leaves no room in a context of {self.model.context}",
                    where=str(self.model.path),
                    next="shorten the rows, or use a model with a longer context",
                )


def _library() -> Any:
    """llama.cpp's own functions, silent.

    Raises: MissingExtraError where it is not installed.
    """
    try:
        from llama_cpp import llama_cpp as library
    except ImportError:
        raise MissingExtraError(
            "a GGUF file is run by llama.cpp, which is not installed",
            next="pip install 'imbik[gguf]' (it compiles for minutes)",
        ) from None
    library.llama_log_set(_SILENT, ctypes.c_void_p(0))
    library.llama_backend_init()
    return library


_SILENT = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(lambda level, text, data: None)


def _split(order: Sequence[int], lengths: Sequence[int]) -> Iterator[list[int]]:
    """Rows in batches whose keys and values fit the memory set aside; `order` is by length."""
    batch: list[int] = []
    for row in order:
        if batch and (len(batch) >= ROWS or (len(batch) + 1) * lengths[row] > CACHE_TOKENS):
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _normal(sums: Sequence[float]) -> Choice:
    logs = np.array(sums, dtype=np.float64)
    logs -= logs.max()
    logs -= np.log(np.exp(logs).sum())
    return Choice(int(logs.argmax()), logs.astype(np.float32))


def _rounded(tokens: int) -> int:
    """llama.cpp wants contexts in steps."""
    return -(-tokens // 256) * 256
