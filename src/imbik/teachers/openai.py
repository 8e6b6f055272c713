"""Any endpoint that speaks OpenAI's chat completions: OpenAI itself, vLLM, llama.cpp, Ollama, gateways.

Enters: a Question. Leaves: a request as data, and from the reply a Completion with reasoning and answer apart, a
typed outcome, tokens, cost and log-probabilities. Does no I/O and holds no key. Wire format: OpenAI API reference,
"Create chat completion"; `reasoning_content` as DeepSeek and vLLM send it, `reasoning` as OpenRouter does.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Literal

import msgspec
from pydantic import Field

from imbik.core.errors import PluginError, UsageError
from imbik.core.files import digest_value
from imbik.core.plugins import KeyName, PluginSettings
from imbik.core.secrets import masked
from imbik.core.types import Completion, Outcome, Question, TokenLogprob, Usage
from imbik.privacy.addresses import endpoint
from imbik.teachers import TeacherContext, WireRequest, WireResponse
from imbik.teachers._thinking import split_thinking
from imbik.teachers.catalogue.prices import Price, price_of

_HOME = "https://api.openai.com/v1"
_OWN_FIELDS = {
    "model",
    "messages",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "seed",
    "stream",
    "n",
}
_FILTER_CODES = {"content_filter", "content_policy_violation", "responsibleaipolicyviolation", "data_inspection_failed"}
_KEY_LIKE = re.compile(r"(sk-|Bearer\s+)\S+")
_HEADERS = {"Content-Type": "application/json"}


class OpenAITeacher:
    """A served teacher behind a chat-completions endpoint; see the module's docstring."""

    class Settings(PluginSettings):
        """What the recipe may say."""

        model: str = Field(min_length=1, description="the model's name at the endpoint")
        base_url: str = Field(_HOME, description="address of the API, usually ending in /v1")
        key: KeyName = Field(
            "", description="name of the key in the environment or keyring (default: OPENAI_API_KEY there)"
        )
        served_as: str = Field("", description="what is really served there, when the address may change")
        concurrency: int = Field(64, ge=1, le=4096, description="requests at a time at most; fewer when it refuses")
        timeout: float = Field(300.0, gt=0, description="seconds for one request")
        extra: dict[str, Any] = Field({}, description="further fields of the request's body")
        price: Price | None = Field(
            None, description="price of a million tokens in USD (default: the list price where it is known)"
        )
        top_logprobs: int = Field(0, ge=0, le=20, description="alternatives to ask for at each token (0: none)")
        sampling: bool = Field(True, description="send temperature, top_p and seed (some reasoning models refuse them)")
        limit: Literal["", "max_tokens", "max_completion_tokens"] = Field(
            "", description="the field for the length limit (default: what the endpoint takes)"
        )

    def __init__(self, settings: Settings, context: TeacherContext) -> None:
        where = f"teachers.{context.name}"
        try:
            self._endpoint = endpoint(settings.base_url)
        except UsageError as error:
            raise PluginError(f"base_url: {error.what}", where=where, next=error.next) from None
        if taken := sorted(_OWN_FIELDS & set(settings.extra)):
            raise PluginError(f"extra: '{taken[0]}' is set by imbik itself", where=where)
        home = self._endpoint == endpoint(_HOME)
        self.settings = settings
        self.url = settings.base_url.rstrip("/") + "/chat/completions"
        self.concurrency, self.timeout = settings.concurrency, settings.timeout
        self._key = settings.key or ("OPENAI_API_KEY" if home else "")
        self._limit = settings.limit or ("max_completion_tokens" if home else "max_tokens")
        self.price = settings.price or price_of(self._endpoint.host, settings.model)
        self.identity = self._identity()

    def request(self, question: Question) -> WireRequest:
        """The question in the wire format."""
        settings, sampling = self.settings, question.sampling
        body: dict[str, Any] = {
            "model": settings.model,
            "messages": [{"role": item.role, "content": item.content} for item in question.messages],
            self._limit: sampling.max_tokens,
            **settings.extra,
        }
        if settings.sampling:
            body["temperature"] = sampling.temperature
            if sampling.top_p < 1:
                body["top_p"] = sampling.top_p
            if sampling.seed is not None:
                body["seed"] = sampling.seed
        if settings.top_logprobs:
            body |= {"logprobs": True, "top_logprobs": settings.top_logprobs}
        return WireRequest(self.url, msgspec.json.encode(body), _HEADERS, self._key)

    def read(self, response: WireResponse) -> Completion:
        """The completion in a reply; whatever is not a good answer becomes a typed outcome."""
        try:
            body = msgspec.json.decode(response.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            body = None
        if not 200 <= response.status < 300:
            return _refusal(response.status, body)
        if not isinstance(body, dict):
            return _malformed("the reply is no JSON object")
        choices = body.get("choices")
        if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
            return _malformed(_error_text(body) or "the reply holds no choices")
        message = choices[0].get("message")
        if not isinstance(message, dict):
            return _malformed("the reply holds no message")
        return self._completion(choices[0], message, _usage(body))

    def cost_at_most(self, question: Question) -> Decimal | None:
        """The most that one request can cost, in USD."""
        return self.price.at_most(question) if self.price else None

    def _completion(self, choice: dict[str, Any], message: dict[str, Any], usage: Usage) -> Completion:
        thought = split_thinking(_text(message.get("content")))
        outside = _text(message.get("reasoning_content")) or _text(message.get("reasoning"))
        refusal = _text(message.get("refusal"))
        outcome, reason = _outcome(choice, message, refusal, thought.answer, closed=thought.closed)
        return Completion(
            answer=thought.answer,
            reasoning="\n".join(part for part in (outside.strip(), thought.reasoning) if part),
            outcome=outcome,
            reason=reason,
            usage=usage,
            cost=self.price.cost(usage) if self.price else Decimal(0),
            logprobs=_logprobs(choice.get("logprobs")),
        )

    def _identity(self) -> str:
        """Who answers, and how: provider and model (or what the operator says is served), and the extra fields."""
        settings = self.settings
        path = settings.base_url.rstrip("/").partition("://")[2].partition("/")[2]
        served = settings.served_as or f"{self._endpoint}/{path} {settings.model}"
        shaping = {"extra": settings.extra, "sampling": settings.sampling, "top_logprobs": settings.top_logprobs}
        usual = shaping == {"extra": {}, "sampling": True, "top_logprobs": 0}
        return f"openai {served}" + ("" if usual else f" {digest_value(shaping)[:16]}")


def _outcome(
    choice: dict[str, Any], message: dict[str, Any], refusal: str, answer: str, *, closed: bool
) -> tuple[Outcome, str]:
    """How asking ended, and why when not well."""
    finish = choice.get("finish_reason")
    if finish == "content_filter":
        return Outcome.FILTERED, "the provider's filter ended the answer"
    if refusal:
        return Outcome.REFUSED, refusal[:500]
    if finish == "length":
        return Outcome.TRUNCATED, "the length limit ended the answer"
    if finish == "error" or choice.get("error"):
        return Outcome.MALFORMED, _error_text(choice) or "the provider reports an error inside the answer"
    if not closed:
        return Outcome.MALFORMED, "the reasoning never ended"
    if not answer.strip():
        called = bool(message.get("tool_calls") or message.get("function_call"))
        return Outcome.MALFORMED, "a tool was called instead of answering" if called else "the answer is empty"
    return Outcome.ANSWERED, ""


def _refusal(status: int, body: object) -> Completion:
    """An error status: the provider's content filter is an outcome of its own."""
    error = body.get("error") if isinstance(body, dict) else None
    details = error if isinstance(error, dict) else {}
    inner = details.get("innererror")
    codes = {str(details.get("code")).lower(), str(details.get("type")).lower()}
    codes |= {str(inner.get("code")).lower()} if isinstance(inner, dict) else set()
    text = f"HTTP {status}" + (f": {message}" if (message := _error_text(body)) else "")
    return Completion(outcome=Outcome.FILTERED if codes & _FILTER_CODES else Outcome.FAILED, reason=text)


def _error_text(body: object) -> str:
    """The error message in a body, in whichever of the usual places, without anything that looks like a key."""
    if not isinstance(body, dict):
        return ""
    error = body.get("error") or body.get("detail") or body.get("message")
    if isinstance(error, dict):
        error = error.get("message") or error.get("code")
    return masked(_KEY_LIKE.sub(r"\1…", str(error)))[:300] if error else ""


def _malformed(reason: str) -> Completion:
    return Completion(outcome=Outcome.MALFORMED, reason=reason)


def _text(value: object) -> str:
    """Content as text: a string, or a list of parts that hold text."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(str(part.get("text") or "") for part in value if isinstance(part, dict))
    return ""


def _usage(body: dict[str, Any]) -> Usage:
    usage = body.get("usage")
    if not isinstance(usage, dict):
        return Usage()
    read, details = _count(usage.get("prompt_tokens")), usage.get("prompt_tokens_details")
    kept = _count(details.get("cached_tokens")) if isinstance(details, dict) else 0
    kept = kept or _count(usage.get("prompt_cache_hit_tokens"))
    return Usage(input_tokens=read, output_tokens=_count(usage.get("completion_tokens")), cached_tokens=min(kept, read))


def _count(value: object) -> int:
    return value if isinstance(value, int) and value > 0 else 0


def _logprobs(value: object) -> tuple[TokenLogprob, ...]:
    """Tokens with their log-probabilities (nats) and alternatives; entries without a number are left out."""
    content = value.get("content") if isinstance(value, dict) else None
    found = []
    for item in content if isinstance(content, list) else []:
        pair = _pair(item)
        if pair is not None:
            others = item.get("top_logprobs")
            top = [_pair(other) for other in others] if isinstance(others, list) else []
            found.append(TokenLogprob(token=pair[0], logprob=pair[1], top=tuple(other for other in top if other)))
    return tuple(found)


def _pair(item: object) -> tuple[str, float] | None:
    if not isinstance(item, dict) or not isinstance(item.get("token"), str):
        return None
    value = item.get("logprob")
    return (item["token"], float(value)) if isinstance(value, int | float) else None
