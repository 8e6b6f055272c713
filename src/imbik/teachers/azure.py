"""Azure: OpenAI's models under a resource of one's own, and Azure AI's serverless models.

Enters: `{use: azure, resource: NAME, model: DEPLOYMENT}` and questions. Leaves: chat-completions requests with the key
in the header `api-key`. Four addresses are known (Azure OpenAI REST reference, its v1 API, Azure AI model inference):

- `https://NAME.openai.azure.com/openai/v1/chat/completions`, the usual one;
- with `api_version`, `https://NAME.openai.azure.com/openai/deployments/DEPLOYMENT/chat/completions?api-version=…`;
- for `api: foundry`, `https://NAME.services.ai.azure.com/openai/v1/chat/completions`: the same for models of others;
- for `api: models`, `https://NAME.services.ai.azure.com/models/chat/completions?api-version=…`, which Microsoft advises
  against since 2026.

Where a resource lies (region, country) is said in the operator's file, beside the contract that covers it.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from imbik.core.plugins import KeyName
from imbik.teachers._wire import Version, checked_endpoint
from imbik.teachers.openai import OpenAITeacher, Place, Structured

_HOSTS = {"openai": "openai.azure.com", "foundry": "services.ai.azure.com", "models": "services.ai.azure.com"}


class AzureTeacher(OpenAITeacher):
    """A served teacher behind an Azure resource; see the module's docstring."""

    class Settings(OpenAITeacher.Settings):
        """What the recipe may say: the resource's name, or its address where that is a name of one's own."""

        model: str = Field(min_length=1, description="the deployment's name (for api: models, the model's)")
        resource: str = Field("", pattern=r"^([A-Za-z0-9-]{2,64})?$", description="name of the Azure resource")
        base_url: str = Field("", description="address of the resource, where it is not the one of its name")
        api: Literal["openai", "foundry", "models"] = Field(
            "openai", description="openai: Azure OpenAI; foundry: other makers' models; models: the older API of these"
        )
        api_version: Version = Field(
            "", description="version such as 2024-10-21: asks by deployment ('': the v1 address)"
        )
        key: KeyName = Field("AZURE_OPENAI_API_KEY", description="name of the key in the environment or keyring")
        limit: Literal["", "max_tokens", "max_completion_tokens"] = Field(
            "max_completion_tokens", description="the field for the length limit"
        )
        structured: Structured = Field("response_format", description="how a JSON schema is sent")

        @model_validator(mode="after")
        def _somewhere(self) -> AzureTeacher.Settings:
            if bool(self.resource) == bool(self.base_url):
                raise ValueError("give either `resource` (its name) or `base_url` (its address)")
            if self.api == "models" and not self.api_version:
                raise ValueError("`api: models` needs an `api_version`")
            return self

    @staticmethod
    def place(settings: Any, name: str) -> Place:
        """Where the resource is asked; see the module's docstring.

        Raises: PluginError for an address that is none.
        """
        home = settings.base_url.rstrip("/") or f"https://{settings.resource.lower()}.{_HOSTS[settings.api]}"
        if settings.api == "models":
            base_url = home if settings.base_url else f"{home}/models"
        elif settings.api_version:
            base_url = f"{home}/openai/deployments/{settings.model}"
        else:
            base_url = home if home.endswith("/openai/v1") else f"{home}/openai/v1"
        version = f"?api-version={settings.api_version}" if settings.api_version else ""
        where = checked_endpoint(base_url, name)
        return Place(where, base_url, f"{base_url}/chat/completions{version}", settings.key, "api-key", "")
