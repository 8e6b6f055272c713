"""Anthropic's Messages API: Claude models.

Enters: a Question. Leaves: a request as data, and from the reply a Completion: thinking blocks are its reasoning, text
blocks its answer. Does no I/O and holds no key. Wire format: Anthropic API reference, "Messages" (version 2023-06-01),
"Extended thinking", "Structured outputs". There is no seed and there are no log-probabilities.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import msgspec
from pydantic import Field

from imbik.core.errors import PluginError
from imbik.core.files import digest_value
from imbik.core.questions import Question
from imbik.core.types import Completion, Message, Outcome, Usage
from imbik.privacy.addresses import endpoint
from imbik.teachers import TeacherContext, WireRequest, WireResponse
from imbik.teachers._batch import refuse_batches
from imbik.teachers._batch_anthropic import AnthropicBatch
from imbik.teachers._thinking import split_thinking
from imbik.teachers._wire import (
    JSON_HEADERS,
    Version,
    WireSettings,
    at_most,
    checked_endpoint,
    count,
    decoded,
    error_text,
    is_blank,
    malformed,
    price_for,
    refuse_taken,
    refused,
    schema_of,
    served_name,
    text_of,
    with_schema_told,
    worded,
)
from imbik.teachers.catalogue.quirks import refuses_sampling, refuses_schema

_HOME = "https://api.anthropic.com"
_OWN_FIELDS = ("model", "messages", "system", "max_tokens", "temperature", "top_p", "stream", "thinking")
_TOOL = "answer"
_GIVES = {"tr": "Yanıtı verir.", "en": "Gives the answer."}
_CUT = {"max_tokens": "the length limit", "model_context_window_exceeded": "the model's context window"}


class AnthropicTeacher:
    """A served teacher behind a Messages endpoint; see the module's docstring."""

    class Settings(WireSettings):
        """What the recipe may say."""

        base_url: str = Field(_HOME, description="address of the API, without /v1/messages")
        version: Version = Field("2023-06-01", description="version of the API (header anthropic-version)")
        betas: list[str] = Field([], description="beta features to ask for (header anthropic-beta)")
        thinking: int | Literal["adaptive"] = Field(
            0,
            description="tokens of extended thinking beside the answer's own limit (1024 at least; 0: none), or "
            "adaptive, where the model decides and generate.max_tokens is the limit of both",
        )
        thinking_shown: Literal["", "summarized", "omitted"] = Field(
            "", description="what comes back of the thinking (default: the model's own choice; newer ones omit it)"
        )
        effort: Literal["", "low", "medium", "high", "xhigh", "max"] = Field(
            "", description="how hard it works, where it is told"
        )
        structured: Literal["", "format", "tool", "none"] = Field(
            "", description="how a JSON schema is sent: format, tool, or none (told in words) (default: what it takes)"
        )

    def __init__(self, settings: Settings, context: TeacherContext) -> None:
        refuse_taken(settings.extra, _OWN_FIELDS, context.name)
        if isinstance(settings.thinking, int) and 0 != settings.thinking < 1024:
            raise PluginError(
                "thinking: 1024 tokens at least, or 0 for none",
                where=f"teachers.{context.name}",
                next=f"--set teachers.{context.name}.thinking=1024",
            )
        self.settings, self._endpoint = settings, checked_endpoint(settings.base_url, context.name)
        self._base_url = settings.base_url.rstrip("/").removesuffix("/v1")
        self.url = f"{self._base_url}/v1/messages"
        self.concurrency, self.timeout = settings.concurrency, settings.timeout
        self.deadline, self.reply_bytes = settings.deadline, settings.reply_bytes
        home = self._endpoint == endpoint(_HOME)
        self._key = settings.key or ("ANTHROPIC_API_KEY" if home else "")
        name = settings.served_as or settings.model
        known = refuses_sampling(self._endpoint.host, name)
        self._sampling = not known if settings.sampling is None else settings.sampling
        self._structured = settings.structured or ("tool" if refuses_schema(self._endpoint.host, name) else "format")
        if self._structured == "tool" and settings.thinking:
            self._structured = "none"  # a tool that must be called cannot be combined with thinking
        self._budget = settings.thinking if isinstance(settings.thinking, int) else 0
        self.price = price_for(settings, self._endpoint)
        self.identity = self._identity()
        refuse_batches(settings, self._endpoint, home, context.name)
        like = WireRequest(self.url, b"", self._headers(), self._key, "x-api-key", "")
        self.batch = AnthropicBatch(self._base_url, like, settings) if settings.batch else None

    def request(self, question: Question) -> WireRequest:
        """The question in the wire format."""
        settings, sampling = self.settings, question.sampling
        messages = with_schema_told(question) if question.schema and self._structured == "none" else question.messages
        body: dict[str, Any] = {
            "model": settings.model,
            "max_tokens": sampling.max_tokens + self._budget,
            "messages": [{"role": item.role, "content": item.content} for item in messages if item.role != "system"],
            **settings.extra,
        }
        if system := _system(messages):
            body["system"] = system
        if settings.thinking:
            how = {"type": "enabled", "budget_tokens": self._budget} if self._budget else {"type": "adaptive"}
            body["thinking"] = how | ({"display": settings.thinking_shown} if settings.thinking_shown else {})
        elif self._sampling:  # thinking models choose these themselves
            body["temperature"] = sampling.temperature
            if sampling.top_p < 1:
                body["top_p"] = sampling.top_p
        self._shape(body, schema_of(question) if question.schema else None, worded(_GIVES, question))
        return WireRequest(self.url, msgspec.json.encode(body), self._headers(), self._key, "x-api-key", "")

    def read(self, response: WireResponse) -> Completion:
        """The completion in a reply; whatever is not a good answer becomes a typed outcome."""
        body = decoded(response)
        if response.status != 200:
            return _filtered(refused(response.status, body, ()))
        if not isinstance(body, dict):
            return malformed("the reply is not JSON" if body is None else "the reply is no JSON object")
        content = body.get("content")
        if not isinstance(content, list):
            return malformed(error_text(body) or "the reply holds no content")
        return self._completion(body, [block for block in content if isinstance(block, dict)])

    def cost_at_most(self, question: Question) -> Decimal | None:
        """The most that one request can cost, in USD; the thinking comes on top of the answer's limit."""
        return at_most(self.settings, self.price, question, beside=self._budget)

    def _headers(self) -> dict[str, str]:
        betas = self.settings.betas
        more = {"anthropic-beta": ",".join(betas)} if betas else {}
        return {**JSON_HEADERS, "anthropic-version": self.settings.version, **more}

    def _shape(self, body: dict[str, Any], schema: object, said: str) -> None:
        """How hard to work, and the schema to keep to."""
        config = dict(body.pop("output_config", {}))
        if self.settings.effort:
            config["effort"] = self.settings.effort
        if schema is not None and self._structured == "format":
            config["format"] = {"type": "json_schema", "schema": schema}
        if schema is not None and self._structured == "tool":
            body["tools"] = [{"name": _TOOL, "description": said, "input_schema": schema}]
            body["tool_choice"] = {"type": "tool", "name": _TOOL}
        if config:
            body["output_config"] = config

    def _completion(self, body: dict[str, Any], blocks: list[dict[str, Any]]) -> Completion:
        thought = split_thinking("".join(text_of(block.get("text")) for block in blocks if block.get("type") == "text"))
        said = [text_of(block.get("thinking")).strip() for block in blocks if block.get("type") == "thinking"]
        filled = next((block for block in blocks if block.get("type") == "tool_use"), {})
        ours = filled.get("name") == _TOOL and isinstance(filled.get("input"), dict)
        answer = msgspec.json.encode(filled["input"]).decode() if ours else thought.answer
        outcome, reason = _outcome(body, answer, closed=thought.closed, filled=ours)
        usage = _usage(body)
        return Completion(
            answer=answer,
            reasoning="\n".join(part for part in (*said, thought.reasoning) if part),
            outcome=outcome,
            reason=reason,
            usage=usage,
            cost=self.price.cost(usage) if self.price else Decimal(0),
        )

    def _identity(self) -> str:
        """Who answers, and how: provider and model (or what the operator says is served), thinking, extra fields."""
        settings = self.settings
        shaping = {"extra": settings.extra, "sampling": self._sampling, "thinking": settings.thinking}
        shaping |= {"effort": settings.effort, "betas": settings.betas, "shown": settings.thinking_shown}
        usual = shaping == {"extra": {}, "sampling": True, "thinking": 0, "effort": "", "betas": [], "shown": ""}
        served = served_name(settings, self._endpoint, self._base_url)
        return f"anthropic {served}" + ("" if usual else f" {digest_value(shaping)[:16]}")


def _system(messages: tuple[Message, ...]) -> str:
    """What all system turns say; the API has one place for it, apart from the conversation."""
    return "\n\n".join(item.content for item in messages if item.role == "system")


def _outcome(body: dict[str, Any], answer: str, *, closed: bool, filled: bool) -> tuple[Outcome, str]:
    """How asking ended, and why when not well."""
    stop = body.get("stop_reason")
    if stop == "refusal":
        return Outcome.REFUSED, "the model's safeguards refused (stop_reason refusal)"
    if stop in _CUT:
        return Outcome.TRUNCATED, f"{_CUT[stop]} ended the answer"
    if stop == "tool_use" and not filled:
        return Outcome.MALFORMED, "a tool was called instead of answering"
    if stop == "pause_turn":
        return Outcome.MALFORMED, "the turn was paused for a tool of the server"
    if not closed:
        return Outcome.MALFORMED, "the reasoning never ended"
    return (Outcome.MALFORMED, "the answer is empty") if is_blank(answer) else (Outcome.ANSWERED, "")


def _filtered(found: Completion) -> Completion:
    """The API says in words alone that its filter held an answer back (status 400)."""
    held = "content filtering policy" in found.reason.lower()
    return msgspec.structs.replace(found, outcome=Outcome.FILTERED) if held else found


def _usage(body: dict[str, Any]) -> Usage:
    """Tokens as counted there: what came from the cache and went into it stands apart from `input_tokens`."""
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return Usage()
    kept, put = count(usage.get("cache_read_input_tokens")), count(usage.get("cache_creation_input_tokens"))
    return Usage(
        input_tokens=count(usage.get("input_tokens")) + kept + put,
        output_tokens=count(usage.get("output_tokens")),
        cached_tokens=kept,
        written_tokens=put,
    )
